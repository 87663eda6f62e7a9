{{ config(materialized="view") }}

with
    option as (select * from {{ ref("fct_option_perplexity_by_checkpoint") }}),

    trajectory as ({{ with_validation_perplexity("option") }}),

    {{
        values_on_axes(
            "trajectory",
            keys=["task_set_kind", "task_set", "shot_count", "is_correct"],
            measures=["perplexity"],
            are_perplexities=true,
        )
    }}

select *
from value_on_axis
