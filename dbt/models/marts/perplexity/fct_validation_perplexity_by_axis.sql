{{ config(materialized="view") }}

with
    trajectory as (
        select *, perplexity as validation_perplexity
        from {{ ref("fct_validation_perplexity_by_checkpoint") }}
    ),

    {{
        values_on_axes(
            "trajectory",
            keys=[],
            measures=["perplexity"],
            bounds=["perplexity_lower", "perplexity_upper"],
            are_perplexities=true,
        )
    }}

select *
from value_on_axis
