{{ config(materialized="view") }}

select model_id, step, task_id, shot_count, seed, normalisation, item_id, is_correct, confidence_ratio
from {{ ref("int_item_outcome") }}
