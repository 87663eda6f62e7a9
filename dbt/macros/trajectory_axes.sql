{#
    Return the axes that a trajectory can be drawn against, as an array of (name, value) for arrayJoin. Readers choose
    an axis by its name in the dashboards.

    FLOPs are in EFLOPs (10^18 FLOPs), because browsers cannot read whole numbers above 2^53 from Superset.
#}
{% macro trajectory_axes(validation_perplexity) -%}
    cast(
        [
            ('step', toNullable(toFloat64(step))),
            ('tokens seen', toNullable(toFloat64(tokens_seen))),
            ('training EFLOPs (6N)', toNullable(toFloat64(train_flops_6n) / 1e18)),
            ('training EFLOPs (PaLM)', toNullable(toFloat64(train_flops_palm) / 1e18)),
            ('validation perplexity', toNullable(toFloat64({{ validation_perplexity }})))
        ],
        'Array(Tuple(String, Nullable(Float64)))'
    )
{%- endmacro %}

{#
    Return the rows of a relation with the validation perplexity of their checkpoints. Each row is repeated for every
    corpus on which its checkpoint is scored. If the checkpoint is scored on no corpus, the corpus is empty and the
    perplexity null.
#}
{% macro with_validation_perplexity(relation) -%}
    select
        {{ relation }}.*,
        ifNull(validation.corpus_id, '') as corpus_id,
        nullIf(ifNull(validation.validation_perplexity, 0), 0) as validation_perplexity
    from {{ relation }}
    left join
        (
            select model_id, step, corpus_id, perplexity as validation_perplexity
            from {{ ref("fct_validation_perplexity_by_checkpoint") }}
        ) as validation
        on {{ relation }}.model_id = validation.model_id
        and {{ relation }}.step = validation.step
{%- endmacro %}

{#
    Return every row of a relation once for each axis on which it has a value, with the columns `axis` and `axis_value`.
#}
{% macro points_on_axes(relation) -%}
    select
        *,
        arrayJoin({{ trajectory_axes("validation_perplexity") }}) as axis_point,
        axis_point .1 as axis,
        assumeNotNull(axis_point .2) as axis_value
    from {{ relation }}
    where axis_point .2 is not null
{%- endmacro %}

{#
    Return the CTEs that all marts by axis share. They turn `relation`, which has one row per checkpoint, into
    `value_on_axis`, the last CTE. A line chart breaks the line of a model where a value is missing. Therefore
    `value_on_axis` has a row of the model at every axis value at which any model of its suite has a checkpoint.

    At the model's own checkpoints, the value is measured. Between its checkpoints, the macro
    `value_at_equal_perplexity` interpolates the value, on every axis. There is no row before the first or after
    the last checkpoint of the model.

    `keys` are the columns that distinguish the trajectories of one model and corpus. `measures` are the columns to
    draw, and `bounds` those of their intervals, which may be null. `are_perplexities` is true if all of them are
    perplexities. If it is false, none may be a perplexity.
#}
{% macro values_on_axes(relation, keys, measures, bounds=[], are_perplexities=false) -%}
    {%- set keys = (["suite_id", "model_id", "corpus_id"] + keys) | join(", ") -%}
    point as ({{ points_on_axes(relation) }}),

    curve as (
        select
            {{ keys }},
            any(parameter_count) as parameter_count,
            axis,
            {% for measure in measures + bounds %}
                arrayMap(
                    entry -> (entry .2, entry .3),
                    arraySort(groupArray((step, axis_value, toFloat64({{ measure }}))))
                ) as {{ measure }}_curve {{- "," if not loop.last }}
            {% endfor %}
        from point
        group by {{ keys }}, axis
    ),

    axis_location as (select distinct suite_id, corpus_id, axis, axis_value from point),

    located as (
        select
            *,
            indexOf(arrayMap(entry -> entry .1, {{ measures[0] }}_curve), axis_value) as measured_index,
            if(
                measured_index > 0,
                measured_index,
                {{
                    first_index_at_level(
                        measures[0] ~ "_curve", "axis_value", "axis= 'validation perplexity'"
                    )
                }}
            ) as checkpoint_index
        from curve
        inner join axis_location using (suite_id, corpus_id, axis)
    ),

    valued as (
        select
            *
            {%- for measure in measures + bounds %}
                ,
                {{
                    value_at_equal_perplexity(
                        measure ~ "_curve", "axis_value", "checkpoint_index", are_perplexities
                    )
                }} as {{ measure }}_there
            {%- endfor %}
        from located
    ),

    value_on_axis as (
        select
            {{ keys }},
            parameter_count,
            axis,
            axis_value,
            {% for measure in measures %} assumeNotNull({{ measure }}_there) as {{ measure }}, {% endfor %}
            {% for bound in bounds %} toNullable({{ bound }}_there) as {{ bound }}, {% endfor %}
            toBool(measured_index > 0) as is_measured
        from valued
        where {{ measures[0] }}_there is not null
    )
{%- endmacro %}
