{#
    Return two CTEs, `antitonic_block` and `antitonic_fit`. The second has the rows of `relation` with the least-squares fit
    of a curve that never rises, `fitted_losses`, to the array `losses`, and the number of its constant blocks,
    `block_count`. The fit is the slope of the least concave majorant of the cumulative sums S_k = l_1 + ... + l_k
    (Barlow, Bartholomew, Bremner and Brunk 1972). The majorant is followed from its first point v = 0: the next is the
    k > v with the largest slope (S_k - S_v) / (k - v).
#}
{% macro antitonic_fit(relation, losses) -%}
    antitonic_block as (
        select
            *,
            arrayPushFront(arrayCumSum({{ losses }}), 0.) as cumulated_losses,
            arrayFold(
                (ends, loss) -> if(
                    ends[-1] = length({{ losses }}),
                    ends,
                    arrayPushBack(
                        ends,
                        arrayReduce(
                            'argMax',
                            range(ends[-1] + 1, toUInt64(length({{ losses }}) + 1)),
                            arrayMap(
                                k
                                -> (cumulated_losses[k + 1] - cumulated_losses[ends[-1] + 1])
                                / (k - ends[-1]),
                                range(ends[-1] + 1, toUInt64(length({{ losses }}) + 1))
                            )
                        )
                    )
                ),
                {{ losses }},
                [toUInt64(0)]
            ) as block_ends
        from {{ relation }}
    ),

    antitonic_fit as (
        select
            * except (cumulated_losses, block_ends),
            length(block_ends) - 1 as block_count,
            arrayFlatten(
                arrayMap(
                    (first, last) -> arrayWithConstant(
                        last - first,
                        (cumulated_losses[last + 1] - cumulated_losses[first + 1]) / (last - first)
                    ),
                    arrayPopBack(block_ends),
                    arrayPopFront(block_ends)
                )
            ) as fitted_losses
        from antitonic_block
    )
{%- endmacro %}
