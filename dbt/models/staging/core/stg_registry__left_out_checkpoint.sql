with
    checkpoint as (select model_id, step, audit_status from {{ ref("stg_registry__checkpoint") }}),

    left_out as (
        select model_id, step, audit_status as damage
        from checkpoint
        where audit_status not in ('', 'ok') {% if var("include_damaged_checkpoints") %} and false {% endif %}
    )

select *
from left_out
