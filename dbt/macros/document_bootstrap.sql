{#
    An interval that respects documents. Tokens of a document resemble each other, so the documents are drawn again, not
    the tokens (Poisson bootstrap: a document enters replicate r with a weight that is Poisson distributed with mean 1).
    A statistic that is a function of sums over documents is computed per replicate from weighted sums:

        sums        weighted_document_sums(x)[r] = sum over documents of weight[r] * x
        bounds      bootstrap_bound(replicates, 'lower' | 'upper', document_count)
                    logit_bound(share, half_width, 'lower' | 'upper') for a share

    The weights are those of int_document_weight. In a corpus of more than `document_blocks` documents, blocks of documents
    are drawn instead of single documents. Equal documents have equal weights in every query, so a difference of
    two checkpoints or models is computed within a replicate and its interval is that of paired documents.
#}
{% macro document_weights(corpus_id, document_id) -%}
    arrayMap(
        replicate -> toUInt8(
            arrayCount(
                bound
                -> sipHash64({{ corpus_id }}, {{ document_id }}, replicate, {{ var("bootstrap_seed") }})
                / exp2(64)
                >= bound,
                {{ poisson_cumulative_probabilities() }}
            )
        ),
        range({{ var("bootstrap_replicates") }})
    )
{%- endmacro %}

{# Return P(X <= k) for k = 0, 1, ... of a Poisson variable X with mean 1. The rest has a probability below 1e-9. #}
{% macro poisson_cumulative_probabilities() -%}
    arrayCumSum(arrayMap(k -> exp(-1) / tgamma(k + 1), range(12)))
{%- endmacro %}

{# Return the sums of `value` over documents, one for each replicate. `weights` is a column of int_document_weight. #}
{% macro weighted_document_sums(value, weights="weights") -%}
    sumForEach(arrayMap(weight -> weight * toFloat64({{ value }}), {{ weights }}))
{%- endmacro %}

{#
    Return one bound of the 95% interval of a statistic from its replicates, or null for fewer than
    `bootstrap_least_documents` documents. Percentiles of a bootstrap are too narrow for few documents n. They are
    therefore taken further out (expanded percentile interval, Hesterberg 2015, The American Statistician 69(4)):

        tail = normal CDF(-sqrt(n / (n - 1)) * t)    t = 97.5th percentile of Student's t with n - 1 degrees of freedom
#}
{% macro bootstrap_bound(replicates, bound, document_count) -%}
    {%- set n = "toFloat64(" ~ document_count ~ ")" -%}
    {%- set t = student_t_quantile("(" ~ n ~ " - 1)") -%}
    {%- set tail = "(1 + erf(-sqrt(" ~ n ~ " / (" ~ n ~ " - 1)) * " ~ t ~ " / sqrt(2))) / 2" -%}
    {%- set rank = "1 + round(" ~ tail ~ " * (length(" ~ replicates ~ ") - 1))" -%}
    if(
        {{ document_count }} >= {{ var("bootstrap_least_documents") }},
        arrayElementOrNull(
            arraySort({{ replicates }}),
            toInt64({{ rank if bound == "lower" else "length(" ~ replicates ~ ") + 1 - (" ~ rank ~ ")" }})
        ),
        null
    )
{%- endmacro %}

{#
    Return half the width of the 95% interval of logit(p) for a share p, from the replicates of p, or null for fewer than
    `bootstrap_least_documents` documents. Small shares have skewed replicates, whose percentiles lie too low. Therefore the
    interval is that of Student's t on the logit scale, with the standard deviation s of the replicates over n documents:

        half width = t * s * sqrt(n / (n - 1)) / (p (1 - p))    t = 97.5th percentile, n - 1 degrees of freedom

    A share of 0 or 1 has no interval.
#}
{% macro bootstrap_logit_half_width(share, replicates, document_count) -%}
    {%- set n = "toFloat64(" ~ document_count ~ ")" -%}
    if(
        {{ document_count }} >= {{ var("bootstrap_least_documents") }}
        and {{ share }} > 0
        and {{ share }} < 1,
        toNullable(
            {{ student_t_quantile("(" ~ n ~ " - 1)") }}
            * arrayReduce('stddevPop', {{ replicates }})
            * sqrt({{ n }} / ({{ n }} - 1))
            / ({{ share }} * (1 - {{ share }}))
        ),
        null
    )
{%- endmacro %}

{# Return one bound of the interval of a share that is symmetric on the logit scale: logit(p) -+ half width. #}
{% macro logit_bound(share, half_width, bound) -%}
    1 / (1 + (1 - {{ share }}) / {{ share }} * exp({{ "" if bound == "lower" else "-" }} {{ half_width }}))
{%- endmacro %}

{#
    Return the block to which a document belongs. The documents of a block are drawn together, so that the work does not
    grow with the corpus. In a corpus of at most `block_count` documents, every document is a block of its own.
#}
{% macro document_block(document_id, block_count=var("document_blocks")) -%}
    toInt32({{ document_id }} % {{ block_count }})
{%- endmacro %}
