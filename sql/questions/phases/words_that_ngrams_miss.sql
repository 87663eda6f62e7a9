-- Which words does an n-gram model explain worst? The answer gives the words whose log-probability is
-- furthest from the regression on the n-gram score, in standard deviations of the residuals, at one
-- checkpoint. It is positive where the model finds the word more probable than its n-grams suggest.
-- parameter corpus_id String: corpus of the words
-- parameter model_id String: model to show
-- parameter step Int64 = -1: step to show; -1 is the last one
-- parameter predictor_id String: n-gram model, as fct_phase_correlation_by_checkpoint names it
-- parameter row_limit UInt32 = 20: number of words
with
    chosen_model as (select tokenizer_id from dim_model where model_id = {model_id:String}),

    checkpoint as (
        select step, log_prob_nats
        from int_unit_log_prob
        where
            unit = 'word'
            and corpus_id = {corpus_id:String}
            and model_id = {model_id:String}
            and ({step:Int64} < 0 or step = {step:Int64})
        order by step desc
        limit 1
    ),

    predictor as (
        select predictor_values
        from int_phase_predictor
        where unit = 'word' and corpus_id = {corpus_id:String} and predictor_id = {predictor_id:String}
    ),

    pair as (
        select step, unit_ordinal, assumeNotNull(log_prob) as log_prob, assumeNotNull(predicted) as predicted
        from checkpoint, predictor
        array join
            log_prob_nats as log_prob,
            predictor_values as predicted,
            arrayEnumerate(predictor_values) as unit_ordinal
        where log_prob is not null and predicted is not null
    ),

    fit as (select simpleLinearRegression(predicted, log_prob) as line, count() as word_count from pair),

    residual as (
        select
            step,
            unit_ordinal,
            log_prob,
            predicted,
            log_prob - fit.line .1 * predicted - fit.line .2 as residual_nats,
            residual_nats
            / sqrt(sum(residual_nats * residual_nats) over () / (fit.word_count - 2)) as deviation
        from pair, fit
    ),

    worst as (select * from residual order by abs(deviation) desc, unit_ordinal limit {row_limit:UInt32}),

    measured_unit as (
        select document_id, unit_index, unit_ordinal
        from int_phase_unit
        where
            unit = 'word'
            and corpus_id = {corpus_id:String}
            and unit_ordinal in (select unit_ordinal from worst)
    ),

    token as (
        select document_id, word_index, position
        from dim_token
        where
            corpus_id = {corpus_id:String}
            and tokenizer_id in (select tokenizer_id from chosen_model)
            and (document_id, word_index) in (select document_id, unit_index from measured_unit)
    ),

    context as (
        select document_id, position, text_before, token_text
        from dim_token_context
        where
            corpus_id = {corpus_id:String}
            and tokenizer_id in (select tokenizer_id from chosen_model)
            and document_id in (select document_id from measured_unit)
    ),

    word as (
        select
            token.document_id as document_id,
            token.word_index as word_index,
            argMin(context.text_before, token.position) as text_before,
            arrayStringConcat(
                arrayMap(pair -> pair .2, arraySort(groupArray((token.position, context.token_text))))
            ) as word_text
        from token
        inner join context on token.document_id = context.document_id and token.position = context.position
        group by document_id, word_index
    )

select
    worst.step as step,
    measured_unit.document_id as document_id,
    measured_unit.unit_index as word_index,
    word.text_before as text_before,
    word.word_text as word_text,
    worst.log_prob as log_prob_nats,
    worst.predicted as ngram_log_prob_nats,
    worst.residual_nats as residual_nats,
    worst.deviation as deviation
from worst
inner join measured_unit on worst.unit_ordinal = measured_unit.unit_ordinal
left join word on measured_unit.document_id = word.document_id and measured_unit.unit_index = word.word_index
order by abs(deviation) desc, document_id, word_index
