{{ config(order_by=["generation_key"], query_settings={"join_use_nulls": 1, "max_block_size": 1024}) }}

with
    generated_text as (
        select
            *,
            toInt64(length(token_ids)) as token_count,
            {% for n in [1, 2, 3, 4] %}
                arrayMap(
                    first -> arraySlice(token_ids, first, {{ n }}),
                    range(1, toUInt32(greatest(token_count - {{ n }} + 2, 1)))
                ) as ngrams_{{ n }} {{- "," if not loop.last }}
            {% endfor %}
        from {{ ref("stg_sequences__generated_text") }}
    ),

    -- Sums of floats depend on the order of the rows, those of decimals do not.
    summed as (
        select
            generation_key,
            toInt64(count()) as counted_text_count,
            sum(token_count) as generated_token_count,
            {% for n in [1, 2, 3, 4] %}
                uniqExactArray(ngrams_{{ n }})
                / nullIf(sum(length(ngrams_{{ n }})), 0) as distinct_{{ n }}_ratio,
            {% endfor %}
            toFloat64(
                sumIf(
                    toDecimal64(1 - arrayUniq(ngrams_4) / greatest(length(ngrams_4), 1), 12),
                    notEmpty(ngrams_4)
                )
            )
            / nullIf(countIf(notEmpty(ngrams_4)), 0) as repeated_4_ratio,
            toInt64(sum(arrayCount(fallback -> fallback, is_fallback))) as fallback_token_count,
            toFloat64(sum(toDecimal64(arraySum(small_log_prob_nats), 6))) as small_log_prob_sum_nats,
            toFloat64(sum(toDecimal64(arraySum(large_log_prob_nats), 6))) as large_log_prob_sum_nats
        from generated_text
        group by generation_key
    ),

    computed as (
        select
            generation_key,
            anyIf(toNullable(metric_value), metric = 'mauve') as mauve,
            anyIf(toNullable(metric_settings), metric = 'mauve') as mauve_settings,
            anyIf(toNullable(metric_value), metric = 'self_bleu') as self_bleu,
            anyIf(toNullable(metric_settings), metric = 'self_bleu') as self_bleu_settings
        from {{ ref("stg_sequences__generation_quality") }}
        group by generation_key
    )

select
    generation.generation_key as generation_key,
    generation.generation_name as generation_name,
    generation.decoding_name as decoding_name,
    generation.sampling_name as sampling_name,
    generation.prompt_corpus_id as prompt_corpus_id,
    generation.prompt_token_count as prompt_token_count,
    generation.new_token_count as new_token_count,
    counted_text_count as text_count,
    generated_token_count as token_count,
    distinct_1_ratio,
    distinct_2_ratio,
    distinct_3_ratio,
    distinct_4_ratio,
    repeated_4_ratio,
    fallback_token_count / nullIf(generated_token_count, 0) as fallback_ratio,
    small_log_prob_sum_nats / nullIf(generated_token_count, 0) as mean_small_log_prob_nats,
    large_log_prob_sum_nats / nullIf(generated_token_count, 0) as mean_large_log_prob_nats,
    mauve,
    mauve_settings,
    self_bleu,
    self_bleu_settings
from summed
inner join {{ ref("dim_generation") }} as generation on summed.generation_key = generation.generation_key
left join computed on summed.generation_key = computed.generation_key
