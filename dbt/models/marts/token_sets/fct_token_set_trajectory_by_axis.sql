{{ config(materialized="view") }}

with
    trajectory as (select * from {{ ref("fct_token_set_trajectory") }}),

    {{
        values_on_axes(
            "trajectory",
            keys=["set_model_id", "start_percent", "category"],
            measures=["perplexity"],
            bounds=["perplexity_lower", "perplexity_upper"],
            are_perplexities=true,
        )
    }}

select *
from value_on_axis
