{#
    Errors of a share and of an odds ratio that respect documents. Tokens of a document are not independent, so the
    documents are the units of observation (sandwich estimator with clusters: Liang and Zeger 1986, Biometrika 73(1)).

    Document d holds n_d tokens with a property and m_d tokens without it; a_d and c_d of them are in a category. With the
    shares p = sum a / sum n and q = sum c / sum m, the logistic regression of the category on the property has the
    intercept logit q and the slope logit p - logit q, which is the logarithm of the odds ratio:

        logit p              has the variance  G / (G - 1) sum e_d^2           e_d = (a_d - p n_d) / (sum n p (1 - p))
        logit p - logit q    has the variance  G / (G - 1) sum (e_d - f_d)^2   f_d = (c_d - q m_d) / (sum m q (1 - q))

    where G is the number of documents. The squares are expanded, so that sums of products of counts suffice. These sums
    are whole numbers: their digits do not depend on the order of the documents.
#}
{% macro document_products() -%}
    {{ return(["a", "n", "c", "m", "aa", "an", "ac", "am", "nn", "nc", "nm", "cc", "cm", "mm"]) }}
{%- endmacro %}

{#
    Return the sums over documents of these products and the numbers of documents with and without the property. `cells`
    is an array of the tuples (a, n, c, m) of a document, one for each property. Every sum is an array of that length.
#}
{% macro document_sums(cells) -%}
    {%- for product in document_products() -%}
        {%- set factors = [] -%}
        {%- for letter in product -%}
            {%- do factors.append("cell." ~ ("ancm".index(letter) + 1)) -%}
        {%- endfor -%}
        sumForEach(arrayMap(cell -> {{ factors | join(" * ") }}, {{ cells }})) as {{ product }}_sums,
    {% endfor -%}
    sumForEach(arrayMap(cell -> toUInt64(cell .2 > 0), {{ cells }})) as document_counts,
    sumForEach(arrayMap(cell -> toUInt64(cell .4 > 0), {{ cells }})) as other_document_counts
{%- endmacro %}

{#
    Return both variances from these sums, once each sum is a column. A variance is null where a share of 0 or 1 has no
    logit.
#}
{% macro logit_variances() -%}
    n * p * (1 - p) as p_information,
    m * q * (1 - q) as q_information,
    (aa - 2 * p * an + p * p * nn) / pow(p_information, 2) as squares,
    (cc - 2 * q * cm + q * q * mm) / pow(q_information, 2) as other_squares,
    (ac - q * am - p * nc + p * q * nm) / (p_information * q_information) as products,
    if(
        p_information > 0 and document_count > 1,
        greatest(squares, 0) * document_count / (document_count - 1),
        null
    ) as share_logit_variance,
    if(
        p_information > 0 and q_information > 0 and total_document_count > 1,
        greatest(squares + other_squares - 2 * products, 0)
        * total_document_count
        / (total_document_count - 1),
        null
    ) as log_odds_ratio_variance
{%- endmacro %}
