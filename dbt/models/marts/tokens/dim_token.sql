{{ config(materialized="view") }}

with
    token_property as (select * from {{ ref("int_token_property") }}),

    described as (select * except (token_fingerprint) from token_property)

select *
from described
