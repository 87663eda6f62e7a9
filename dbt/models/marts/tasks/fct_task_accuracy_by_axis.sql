{{ config(materialized="view") }}

with
    accuracy as (select * from {{ ref("fct_task_accuracy_by_checkpoint") }}),

    trajectory as ({{ with_validation_perplexity("accuracy") }}),

    {{
        values_on_axes(
            "trajectory",
            keys=["task_set_kind", "task_set", "shot_count", "normalisation"],
            measures=["accuracy_ratio", "smoothed_accuracy_ratio", "chance_accuracy_ratio"],
            bounds=["accuracy_lower", "accuracy_upper"],
        )
    }}

select *
from value_on_axis
