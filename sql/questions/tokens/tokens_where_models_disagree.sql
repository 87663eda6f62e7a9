-- Which tokens does the smallest model of a suite forget while the largest model is still learning them, or
-- the other way round?
-- caveats fct_trend_caveat
-- parameter suite_id String = miniature: suite to show
-- parameter corpus_id String = python-docs-validation: corpus to show
-- parameter start_percent UInt8 = 10: start of the trend in percent of training
-- parameter convention_id String = paper: convention of the trends, a row of the table trend_convention
-- parameter limit UInt32 = 20: maximum number of rows
with
    suite as (select smallest_model_id, largest_model_id from dim_suite where suite_id = {suite_id:String}),

    trend as (
        select model_id, document_id, position, category, toFloat64(slope) as slope
        from int_token_trend_by_start
        where
            model_id in (select arrayJoin([smallest_model_id, largest_model_id]) from suite)
            and corpus_id = {corpus_id:String}
            and convention_id = {convention_id:String}
            and start_percent = {start_percent:UInt8}
            and category in ('upward', 'downward')
    ),

    found as (
        select
            document_id,
            position,
            anyIf(category, model_id = (select smallest_model_id from suite)) as small_category,
            anyIf(category, model_id = (select largest_model_id from suite)) as large_category,
            max(slope) - min(slope) as slope_difference
        from trend
        group by document_id, position
        having uniqExact(model_id) = 2 and small_category != large_category
        order by slope_difference desc, document_id, position
        limit {limit:UInt32}
    )

select document_id, position, text_before, token_text, small_category, large_category, slope_difference
from found
inner join dim_token_context as context using (document_id, position)
where
    context.corpus_id = {corpus_id:String}
    and context.document_id in (select document_id from found)
    and context.tokenizer_id
    in (select tokenizer_id from dim_model where model_id in (select largest_model_id from suite))
order by slope_difference desc, document_id, position
