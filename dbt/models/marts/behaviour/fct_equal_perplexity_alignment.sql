{{
    config(
        engine="MergeTree()",
        order_by=[
            "suite_id",
            "corpus_id",
            "measure",
            "subject",
            "variant",
            "grid_perplexity",
            "model_id",
        ],
    )
}}

{%- set grid_nats = var("perplexity_grid_nats", 0.1) %}

with
    trajectory as (
        select * except (validation_perplexity), log(assumeNotNull(validation_perplexity)) as loss
        from {{ ref("fct_trajectory_measure") }}
        where validation_perplexity is not null
    ),

    -- the step to a checkpoint from the one before it, and the lowest loss of all before it
    segment as (
        select
            *,
            lagInFrame(step) over run as previous_step,
            lagInFrame(loss) over run as previous_loss,
            lagInFrame(measure_value) over run as previous_value,
            min(loss) over (
                partition by corpus_id, measure, subject, variant, model_id
                order by step
                rows between unbounded preceding and 1 preceding
            ) as best_loss,
            row_number() over run as ordinal
        from trajectory
        window
            run as (
                partition by corpus_id, measure, subject, variant, model_id
                order by step
                rows between unbounded preceding and current row
            )
    ),

    -- every point of the grid that is reached for the first time
    crossing as (
        select
            *,
            arrayJoin(
                range(toInt64(ceil(loss / {{ grid_nats }})), toInt64(ceil(best_loss / {{ grid_nats }})))
            ) as grid_number,
            grid_number * {{ grid_nats }} as grid_loss
        from segment
        where ordinal > 1 and loss < best_loss
    ),

    aligned as (
        select
            suite_id,
            corpus_id,
            measure,
            subject,
            variant,
            set_model_id,
            start_percent,
            category,
            exp(grid_loss) as grid_perplexity,
            model_id,
            parameter_count,
            previous_step as step_before,
            step as step_after,
            previous_value
            + (measure_value - previous_value)
            * (previous_loss - grid_loss)
            / (previous_loss - loss) as measure_value
        from crossing
    )

select *
from aligned
