{#
    Errors of a share and of an odds ratio that respect documents. Tokens of a document are not independent, so the
    documents are the units of observation (sandwich estimator with clusters: Liang and Zeger 1986, Biometrika 73(1)).

    Document d holds n_d tokens with a property and m_d tokens without it; a_d and c_d of them are in a category. With the
    shares p = sum a / sum n and q = sum c / sum m, the logistic regression of the category on the property has the
    intercept logit q and the slope logit p - logit q, which is the logarithm of the odds ratio:

        logit p              has the variance  H / (H - 1) sum e_d^2           e_d = (a_d - p n_d) / (sum n p (1 - p))
        logit p - logit q    has the variance  H / (H - 1) sum (e_d - f_d)^2   f_d = (c_d - q m_d) / (sum m q (1 - q))

    where H is the effective number of documents, (sum n_d)^2 / sum n_d^2 (Kish 1965, Survey Sampling). For an odds ratio,
    it is the smaller one of the numbers with and without the property. It takes the place of the number of documents,
    because intervals are else too narrow if a few documents hold most of the tokens. An interval takes Student's t with
    H - 1 degrees of freedom. The squares are expanded, so that sums of products of counts suffice. These sums are whole
    numbers: their digits do not depend on the order of the documents.
#}
{% macro document_products() -%}
    {{ return(["a", "n", "c", "m", "aa", "an", "ac", "am", "nn", "nc", "nm", "cc", "cm", "mm"]) }}
{%- endmacro %}

{#
    Return the sums over documents of these products, and the number of documents with the property. `cells`
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
    sumForEach(arrayMap(cell -> toUInt64(cell .2 > 0), {{ cells }})) as document_counts
{%- endmacro %}

{#
    Return the effective numbers of documents and both variances from these sums, once each sum is a column. A variance is
    null where a share of 0 or 1 has no logit, and where there is a single document.
#}
{% macro logit_variances() -%}
    n * p * (1 - p) as p_information,
    m * q * (1 - q) as q_information,
    (aa - 2 * p * an + p * p * nn) / pow(p_information, 2) as squares,
    (cc - 2 * q * cm + q * q * mm) / pow(q_information, 2) as other_squares,
    (ac - q * am - p * nc + p * q * nm) / (p_information * q_information) as products,
    if(nn > 0, n * n / nn, 0) as effective_document_count,
    if(mm > 0, m * m / mm, 0) as other_effective_document_count,
    least(effective_document_count, other_effective_document_count) as contrast_count,
    if(
        p_information > 0 and effective_document_count > 1,
        greatest(squares, 0) * effective_document_count / (effective_document_count - 1),
        null
    ) as share_logit_variance,
    if(
        p_information > 0 and q_information > 0 and contrast_count > 1,
        greatest(squares + other_squares - 2 * products, 0) * contrast_count / (contrast_count - 1),
        null
    ) as log_odds_ratio_variance
{%- endmacro %}
