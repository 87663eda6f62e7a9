-- On which tasks do two given checkpoints differ? The answer is McNemar's test on the items that both
-- checkpoints were evaluated on. Its mid-p-values are adjusted for the number of rows.
-- parameter first_model_id String = miniature/neox-small: model of the first checkpoint
-- parameter first_step Int64 = 0: step of the first checkpoint
-- parameter second_model_id String = miniature/neox-large: model of the second checkpoint
-- parameter second_step Int64 = 1000: step of the second checkpoint
-- parameter shot_count Int16 = 2: number of exemplars
-- parameter normalisation String = token: normalisation: token, character, byte, sum or pmi
with
    outcome as (
        select *
        from fct_item_outcome
        where shot_count = {shot_count:Int16} and normalisation = {normalisation:String}
    ),

    paired as (
        select
            task_id,
            seed,
            toInt64(count()) as item_count,
            avg(earlier.is_correct) as first_accuracy_ratio,
            avg(later.is_correct) as second_accuracy_ratio,
            toInt64(countIf(earlier.is_correct > later.is_correct)) as only_first_correct_count,
            toInt64(countIf(earlier.is_correct < later.is_correct)) as only_second_correct_count
        from
            (
                select * from outcome where model_id = {first_model_id:String} and step = {first_step:Int64}
            ) as earlier
        inner join
            (
                select * from outcome where model_id = {second_model_id:String} and step = {second_step:Int64}
            ) as later using (task_id, seed, item_id)
        group by task_id, seed
    ),

    -- The probability of the observed smaller count, and of a smaller one still, if both are equally good.
    tested as (
        select
            *,
            only_first_correct_count + only_second_correct_count as discordant_count,
            arrayMap(
                k -> exp(
                    lgamma(discordant_count + 1)
                    - lgamma(k + 1)
                    - lgamma(discordant_count - k + 1)
                    - discordant_count * log(2)
                ),
                range(toUInt64(least(only_first_correct_count, only_second_correct_count) + 1))
            ) as probabilities,
            least(1, 2 * arraySum(probabilities)) as p_value,
            least(1, 2 * arraySum(probabilities) - probabilities[-1]) as mid_p_value,
            row_number() over (order by mid_p_value) as p_rank,
            count() over () as test_count
        from paired
    )

select
    * except (probabilities, p_rank, test_count),
    least(1, max((test_count - p_rank + 1) * mid_p_value) over (order by mid_p_value)) as holm_p_value,
    least(
        1, min(test_count * mid_p_value / p_rank) over (order by mid_p_value desc)
    ) as benjamini_hochberg_p_value
from tested
order by mid_p_value, task_id, seed
