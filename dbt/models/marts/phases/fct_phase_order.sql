{{ config(order_by=["suite_id", "corpus_id", "unit", "predictor_source", "model_id"]) }}

with
    peak as (select * from {{ ref("int_phase_peak") }}),

    model as (select * from {{ ref("int_phase_model") }}),

    gathered as (
        select
            model_id,
            corpus_id,
            unit,
            predictor_source,
            provider,
            smoothing,
            any(peak.is_published) as is_published,
            arraySort(groupArray(ngram_order)) as ngram_orders,
            arraySort(
                (value, ngram_order) -> ngram_order, groupArray(peak_step), groupArray(ngram_order)
            ) as peak_steps,
            arraySort(
                (value, ngram_order) -> ngram_order,
                groupArray((tolerance_first_step, tolerance_last_step)),
                groupArray(ngram_order)
            ) as tolerance_windows,
            arraySort(
                (value, ngram_order) -> ngram_order, groupArray(peak_step_replicates), groupArray(ngram_order)
            ) as replicates,
            any(peak.checkpoint_count) as checkpoint_count
        from peak
        group by model_id, corpus_id, unit, predictor_source, provider, smoothing
    ),

    -- In a replicate, the peaks are in order if none comes before that of a lower order and the
    -- last one comes after the first.
    judged as (
        select
            *,
            length(ngram_orders) as order_count,
            length(replicates[1]) as replicate_count,
            arrayFold(
                (state, steps) -> (
                    arrayMap(
                        (never_falls, before, now) -> toUInt8(never_falls and now >= before),
                        state .1,
                        state .2,
                        steps
                    ),
                    steps
                ),
                replicates,
                (arrayWithConstant(replicate_count, toUInt8(1)), replicates[1])
            )
            .1 as never_falls_by_replicate,
            arrayMap(
                (never_falls, first_peak, last_peak) -> never_falls and last_peak > first_peak,
                never_falls_by_replicate,
                replicates[1],
                replicates[-1]
            ) as in_order_by_replicate,
            arraySort(peak_steps) = peak_steps and peak_steps[-1] > peak_steps[1] as is_argmax_in_order,
            arrayFold(
                (reached, tolerance_window) -> if(
                    reached = {{ 2**62 }} or greatest(reached, tolerance_window .1) > tolerance_window .2,
                    toInt64({{ 2**62 }}),
                    greatest(reached, tolerance_window .1)
                ),
                tolerance_windows,
                toInt64(-1)
            )
            < {{ 2**62 }} as is_orderable_within_tolerance,
            arrayAvg(in_order_by_replicate) as in_order_share,
            1 - arrayAvg(never_falls_by_replicate) as out_of_order_share
        from gathered
    ),

    described as (
        select
            model.suite_id as suite_id,
            judged.model_id as model_id,
            model.architecture as architecture,
            model.parameter_count as parameter_count,
            model.seed as seed,
            corpus_id,
            unit,
            predictor_source,
            provider,
            smoothing,
            toInt64(checkpoint_count) as checkpoint_count,
            ngram_orders,
            peak_steps,
            is_argmax_in_order,
            is_orderable_within_tolerance,
            if(replicate_count > 0, 'bootstrap', 'argmax with tolerance') as verdict_basis,
            if(replicate_count > 0, toNullable(in_order_share), null) as in_order_share,
            if(replicate_count > 0, toNullable(out_of_order_share), null) as out_of_order_share,
            multiIf(
                order_count < 2,
                'fewer than two orders',
                checkpoint_count < 3,
                'fewer than three checkpoints',
                replicate_count = 0 and not judged.is_published,
                'too few documents for a bootstrap',
                ''
            ) as reason_for_no_verdict,
            multiIf(
                reason_for_no_verdict != '',
                'cannot be told',
                replicate_count > 0 and in_order_share >= 0.95,
                'in order',
                replicate_count > 0 and out_of_order_share >= 0.95,
                'not in order',
                replicate_count > 0,
                'cannot be told',
                is_argmax_in_order,
                'in order',
                not is_orderable_within_tolerance,
                'not in order',
                'cannot be told'
            ) as verdict,
            judged.is_published as is_published
        from judged
        inner join model on judged.model_id = model.model_id
    )

select *
from described
