{#
    An interval over documents without random replicates, for a ratio of sums over documents R = sum x / sum n, such as a
    mean loss (x: sum of the losses in a document, n: number of its tokens) or a share. It equals that of the bootstrap over
    documents (document_bootstrap.sql) to first order and costs little, so that it can be given where 1,000 replicates
    would be too many. D documents with deviations z = x - R n and N = sum n have the standard error of the jackknife
    (Efron and Stein 1981), in which every document is left out once:

        se = sqrt((D - 1) / D sum (z / (N - n))^2)
        bounds  R -+ t se

    t is the 97.5th percentile of Student's t with E - 1 degrees of freedom. E = N^2 / sum n^2 is the effective number of
    documents: D if all are equally long, less if a few hold most of the tokens. There are no bounds for fewer than
    `bootstrap_least_documents` documents.

        sums            sums_by_document(x, n), aggregated over the documents
        standard error  jackknife_standard_error(sums)
        E               effective_document_count(sums)
        bounds          document_jackknife_bound(R, se, D, E, 'lower' | 'upper')

    Where a corpus has many documents, blocks of whole documents may take their place (`document_block` with
    `jackknife_blocks`): documents do not depend on each other, so neither do the blocks.
#}
{# Documents come in no fixed order. They are sorted, because a sum of floats depends on the order. #}
{% macro sums_by_document(value, count) -%}
    arraySort(groupArray((toFloat64({{ value }}), toFloat64({{ count }}))))
{%- endmacro %}

{% macro jackknife_standard_error(sums) -%}
    arrayMap(
        (total, tokens) -> sqrt(
            (1 - 1 / length({{ sums }})) * arraySum(
                entry -> pow((entry .1 - total / tokens * entry .2) / greatest(tokens - entry .2, 1e-9), 2),
                {{ sums }}
            )
        ),
        [arraySum(entry -> entry .1, {{ sums }})],
        [arraySum(entry -> entry .2, {{ sums }})]
    )[1]
{%- endmacro %}

{% macro effective_document_count(sums) -%}
    pow(arraySum(entry -> entry .2, {{ sums }}), 2) / arraySum(entry -> pow(entry .2, 2), {{ sums }})
{%- endmacro %}

{% macro document_jackknife_bound(estimate, standard_error, document_count, effective_count, bound) -%}
    if(
        {{ document_count }} >= {{ var("bootstrap_least_documents") }},
        {{ estimate }} {{ "-" if bound == "lower" else "+" }}
        {{ student_t_quantile("(" ~ effective_count ~ " - 1)") }} * {{ standard_error }},
        null
    )
{%- endmacro %}

{# Return one bound of the 95% interval of `loss_nats`, the mean loss of a token set of `int_token_set_and_rest`. #}
{% macro token_set_loss_bound(bound) -%}
    {{
        document_jackknife_bound(
            "loss_nats",
            "loss_standard_error_nats",
            "document_block_count",
            "effective_block_count",
            bound,
        )
    }}
{%- endmacro %}
