{#
    An interval over documents without replicates, for a ratio of sums over documents R = sum x / sum n, such as a mean
    loss (x: sum of the losses in a document, n: number of its tokens) or a share. It is that of the bootstrap over
    documents (document_bootstrap.sql) to first order and needs only sums, so that it can be given where 1,000 replicates
    would be too many. The deviations z = x - R n of D documents give the standard error (Taylor linearisation, Cochran
    1977, Sampling Techniques, section 6.3)

        se = sqrt(D / (D - 1) sum z^2) / sum n    sum z^2 = sum x^2 - 2 R sum x n + R^2 sum n^2

        standard error  ratio_standard_error(sum x, sum n, sum x^2, sum x n, sum n^2, D)
        bounds          linearised_bound(R, se, 'low' | 'high', D)

    A bound is R -+ t se. t is the 97.5th percentile of Student's t with D - 1 degrees of freedom. It is null for fewer
    than `bootstrap_least_documents` documents.

    Where a corpus has many documents, groups of whole documents may take their place: documents do not depend on each
    other, so neither do the groups.
#}
{% macro ratio_standard_error(
    value_sum, count_sum, squared_value_sum, product_sum, squared_count_sum, document_count
) -%}
    {%- set ratio = "(" ~ value_sum ~ " / " ~ count_sum ~ ")" -%}
    sqrt(
        greatest(
            0,
            {{ squared_value_sum }}
            - 2 * {{ ratio }} * {{ product_sum }}
            + pow({{ ratio }}, 2) * {{ squared_count_sum }}
        )
        * {{ document_count }}
        / greatest(1, {{ document_count }} - 1)
    )
    / {{ count_sum }}
{%- endmacro %}

{# Return one bound of the 95% interval of an estimate from its standard error over documents, or null. #}
{% macro linearised_bound(estimate, standard_error, bound, document_count) -%}
    if(
        {{ document_count }} >= {{ var("bootstrap_least_documents") }},
        {{ estimate }} {{ "-" if bound == "low" else "+" }}
        {{ student_t_upper_point(document_count) }} * ({{ standard_error }}),
        null
    )
{%- endmacro %}

{# Return the group of a document, one of `document_group_count`. Documents with consecutive ids are in other groups. #}
{% macro document_group(document_id) -%} {{ document_id }} % {{ var("document_group_count") }} {%- endmacro %}
