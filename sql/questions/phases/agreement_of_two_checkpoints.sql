-- How far do any two checkpoints agree about the words of a corpus? The answer gives the correlation
-- of their log-probabilities of the same words, also for checkpoints that the heat map leaves out.
-- parameter corpus_id String: corpus whose words are compared
-- parameter model_id String: model of one checkpoint
-- parameter step Int64: step of this checkpoint
-- parameter other_model_id String: model of the other checkpoint
-- parameter other_step Int64: step of the other checkpoint
with
    first_word as (
        select value, place
        from int_unit_log_prob
        array join log_prob_nats as value, arrayEnumerate(log_prob_nats) as place
        where
            unit = 'word'
            and corpus_id = {corpus_id:String}
            and model_id = {model_id:String}
            and step = {step:Int64}
            and value is not null
    ),

    second_word as (
        select value, place
        from int_unit_log_prob
        array join log_prob_nats as value, arrayEnumerate(log_prob_nats) as place
        where
            unit = 'word'
            and corpus_id = {corpus_id:String}
            and model_id = {other_model_id:String}
            and step = {other_step:Int64}
            and value is not null
    )

select
    count() as word_count,
    if(word_count >= 5, corrStable(first_word.value, second_word.value), null) as pearson,
    avg(second_word.value - first_word.value) as mean_difference_nats
from first_word
inner join second_word on first_word.place = second_word.place
