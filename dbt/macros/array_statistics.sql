{#
    Return the ranks of the values of an array, from 1. Equal values have the mean of their ranks. In the sorted array,
    the value at place p that is the k-th of m equal ones has the rank p + ((m + 1 - k) - k) / 2.
#}
{% macro average_ranks(values) -%}
    arraySort(
        (rank, place) -> place,
        arrayMap(
            (place, nth, nth_from_end) -> place + (nth_from_end - nth) / 2,
            arrayEnumerate({{ values }}),
            arrayEnumerateUniq(arraySort({{ values }})),
            arrayReverse(arrayEnumerateUniq(arrayReverse(arraySort({{ values }}))))
        ),
        arraySort((place, value) -> value, arrayEnumerate({{ values }}), {{ values }})
    )
{%- endmacro %}

{#
    Return whether the values of an array are constant: their standard deviation is at most 1e-9 of the largest absolute
    value, which is what rounding leaves.
#}
{% macro is_constant_array(values) -%}
    arrayReduce('stddevPopStable', {{ values }})
    <= 1e-9 * greatest(abs(arrayMin({{ values }})), abs(arrayMax({{ values }})))
{%- endmacro %}

{# Return an array without its nulls, where `kept` is 1 for each place to keep. #}
{% macro kept_values(values, kept) -%}
    arrayMap(
        value -> assumeNotNull(value), arrayFilter((value, is_kept) -> is_kept, {{ values }}, {{ kept }})
    )
{%- endmacro %}

{#
    Return the entries of an array of pairs (place, value), one for every place from 1 to `length`. A place without a pair
    has null.
#}
{% macro values_by_place(pairs, length) -%}
    arrayMap(
        pair -> pair .2,
        arraySort(
            pair -> pair .1,
            arrayConcat(
                {{ pairs }},
                arrayMap(
                    place -> (place, cast(null, 'Nullable(Float64)')),
                    bitmapToArray(
                        bitmapAndnot(
                            bitmapBuild(range(toUInt32(1), toUInt32({{ length }} + 1))),
                            bitmapBuild(arrayMap(pair -> toUInt32(pair .1), {{ pairs }}))
                        )
                    )
                )
            )
        )
    )
{%- endmacro %}
