-- On which tasks do two given checkpoints differ? The answer is McNemar's exact test on the items that both
-- checkpoints were evaluated on.
-- parameter first_model_id String = miniature/neox-small: model of the first checkpoint
-- parameter first_step Int64 = 0: step of the first checkpoint
-- parameter second_model_id String = miniature/neox-large: model of the second checkpoint
-- parameter second_step Int64 = 1200: step of the second checkpoint
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
    )

select
    *,
    only_first_correct_count + only_second_correct_count as discordant_count,
    least(
        1,
        2 * arraySum(
            k -> exp(
                lgamma(discordant_count + 1)
                - lgamma(k + 1)
                - lgamma(discordant_count - k + 1)
                - discordant_count * log(2)
            ),
            range(toUInt64(least(only_first_correct_count, only_second_correct_count) + 1))
        )
    ) as p_value,
    least(1, p_value * count() over ()) as bonferroni_p_value
from paired
order by p_value, task_id, seed
