{{
    config(
        order_by=["corpus_id", "suite_id", "model_id", "reference_model_id"],
        query_settings={
            "join_use_nulls": 0,
            "max_block_size": 1024,
            "max_joined_block_size_rows": 1024,
        },
    )
}}

{%- set measures = [
    "perplexity_at_equal_compute",
    "reference_perplexity_at_equal_compute",
    "train_flops_at_equal_perplexity",
    "reference_train_flops_at_equal_perplexity",
] %}
{%- set ratios = {
    "perplexity_ratio": "perplexity_at_equal_compute",
    "compute_ratio": "train_flops_at_equal_perplexity",
} %}

with
    curve as (select * from {{ ref("int_perplexity_curve") }}),

    pair as (
        select
            own.suite_id as suite_id,
            own.model_id as model_id,
            own.parameter_count as parameter_count,
            reference.suite_id as reference_suite_id,
            reference.model_id as reference_model_id,
            reference.parameter_count as reference_parameter_count,
            own.corpus_id as corpus_id,
            own.replicate_id as replicate_id,
            least(own.document_count, reference.document_count) as document_count,
            (own.tokenizer_id, own.score_count)
            = (reference.tokenizer_id, reference.score_count) as has_same_tokens,
            {% for side in ["own", "reference"] %}
                if(
                    has_same_tokens, {{ side }}.perplexities, {{ side }}.perplexities_per_byte
                ) as {{ side }}_perplexities,
                arrayZip({{ side }}.train_flops_palm, {{ side }}_perplexities) as {{ side }}_by_compute,
                arrayZip({{ side }}_perplexities, {{ side }}.train_flops_palm) as {{ side }}_by_perplexity,
            {% endfor %}
            least(own.train_flops_palm[-1], reference.train_flops_palm[-1]) as equal_train_flops,
            greatest(arrayMin(own_perplexities), arrayMin(reference_perplexities)) as equal_perplexity
        from curve as own
        inner join
            curve as reference
            on own.corpus_id = reference.corpus_id
            and own.replicate_id = reference.replicate_id
        where own.model_id != reference.model_id
    ),

    -- FLOPs grow along a curve, and perplexity falls.
    located as (
        select
            *
            {%- for side in ["own", "reference"] %}
                ,
                {{ first_index_at_level(side ~ "_by_compute", "equal_train_flops", "false") }}
                as {{ side }}_compute_index,
                {{ first_index_at_level(side ~ "_by_perplexity", "equal_perplexity") }}
                as {{ side }}_perplexity_index
            {%- endfor %}
        from pair
    ),

    compared as (
        select
            *
            {%- for side, prefix in {"own": "", "reference": "reference_"}.items() %}
                ,
                {{
                    value_at_equal_perplexity(
                        side ~ "_by_compute", "equal_train_flops", side ~ "_compute_index", true
                    )
                }} as {{ prefix }}perplexity_at_equal_compute,
                {{
                    value_at_equal_perplexity(
                        side ~ "_by_perplexity", "equal_perplexity", side ~ "_perplexity_index", true
                    )
                }} as {{ prefix }}train_flops_at_equal_perplexity
            {%- endfor %}
        from located
    ),

    gathered as (
        select
            suite_id,
            model_id,
            any(parameter_count) as parameter_count,
            any(reference_suite_id) as reference_suite_id,
            reference_model_id,
            any(reference_parameter_count) as reference_parameter_count,
            corpus_id,
            if(any(has_same_tokens), 'per token', 'per byte') as perplexity_unit,
            any(document_count) as document_count,
            anyIf(equal_train_flops, replicate_id = 0) as equal_train_flops,
            anyIf(equal_perplexity, replicate_id = 0) as equal_perplexity
            {%- for measure in measures %}
                , anyIf({{ measure }}, replicate_id = 0) as {{ measure }}_there
            {%- endfor %}
            {%- for ratio, measure in ratios.items() %}
                ,
                groupArrayIf(
                    {{ measure }} / reference_{{ measure }}, replicate_id > 0
                ) as {{ ratio }}_replicates
            {%- endfor %}
        from compared
        group by suite_id, model_id, reference_model_id, corpus_id
    ),

    bounded as (
        select
            suite_id,
            model_id,
            parameter_count,
            reference_suite_id,
            reference_model_id,
            reference_parameter_count,
            corpus_id,
            document_count,
            toLowCardinality(perplexity_unit) as perplexity_unit,
            equal_train_flops,
            equal_perplexity
            {%- for measure in measures %}, {{ measure }}_there as {{ measure }} {%- endfor %}
            {%- for ratio, measure in ratios.items() %}
                ,
                {{ measure }} / reference_{{ measure }} as {{ ratio }}
                {%- for bound in ["lower", "upper"] %}
                    ,
                    if(
                        {{ ratio }} is null,
                        null,
                        {{ bootstrap_bound(ratio ~ "_replicates", bound, "document_count") }}
                    ) as {{ ratio }}_{{ bound }}
                {%- endfor %}
            {%- endfor %}
        from gathered
    )

select *
from bounded
