{{ config(order_by=["corpus_id", "model_id", "step", "other_model_id", "other_step"]) }}

with
    agreement as (
        select model_id, step, other_model_id, other_step, corpus_id, word_count, pearson, reason_for_null
        from {{ ref("int_checkpoint_agreement") }}
    ),

    model as (select * from {{ ref("int_phase_model") }} where not is_published),

    either_side as (
        select model_id, step, other_model_id, other_step, corpus_id, word_count, pearson, reason_for_null
        from agreement
        union all
        select
            agreement.other_model_id as model_id,
            agreement.other_step as step,
            agreement.model_id as other_model_id,
            agreement.step as other_step,
            corpus_id,
            word_count,
            pearson,
            reason_for_null
        from agreement
        where model_id != other_model_id or step != other_step
    ),

    described as (
        select
            either_side.corpus_id as corpus_id,
            model.suite_id as suite_id,
            either_side.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            either_side.step as step,
            other_model.suite_id as other_suite_id,
            either_side.other_model_id as other_model_id,
            other_model.architecture as other_architecture,
            other_model.parameter_count as other_parameter_count,
            other_model.seed as other_seed,
            either_side.other_step as other_step,
            multiIf(
                either_side.model_id = either_side.other_model_id,
                'same run',
                model.architecture != other_model.architecture,
                'other architecture',
                model.parameter_count != other_model.parameter_count,
                'other size',
                model.seed != other_model.seed,
                'other seed',
                'other run'
            ) as relation,
            word_count,
            pearson,
            {{ fisher_bound("pearson", "word_count", "lower") }} as pearson_low,
            {{ fisher_bound("pearson", "word_count", "upper") }} as pearson_high,
            toString(reason_for_null) as reason_for_null
        from either_side
        inner join model on either_side.model_id = model.model_id
        inner join model as other_model on either_side.other_model_id = other_model.model_id
    )

select *
from described
