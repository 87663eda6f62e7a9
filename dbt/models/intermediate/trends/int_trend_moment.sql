{{ config(materialized="view") }} {{ trend_moments("is_kept_by_token") }}
