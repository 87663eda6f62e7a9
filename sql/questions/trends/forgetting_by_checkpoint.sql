-- Between which checkpoints does a model forget and learn? The answer gives the percentage of tokens whose
-- loss rises or falls by more than a threshold from one checkpoint to the next.
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter model_id String = : model to show; empty is the largest of the suite
-- parameter minimum_change_nats Float64 = 0.5: smallest change of the loss that counts, in nats
with
    chosen as (
        select if({model_id:String} = '', largest_model_id, {model_id:String}) as model_id
        from dim_suite
        where suite_id = {suite_id:String}
    )

select
    step,
    count() as token_count,
    100 * countIf(change_nats > {minimum_change_nats:Float64}) / token_count as forgotten_percent,
    100 * countIf(change_nats < - {minimum_change_nats:Float64}) / token_count as learned_percent,
    avg(change_nats) as mean_change_nats
from int_token_series
array join
    arrayPopFront(steps) as step,
    arrayMap(
        (before, after) -> toFloat64(before) - after,
        arrayPopBack(log_prob_nats),
        arrayPopFront(log_prob_nats)
    ) as change_nats
where model_id in (select model_id from chosen) and corpus_id = {corpus_id:String} and not is_prompt
group by step
order by step
