{#
    Return the turning points of a double descent: the largest rise of a loss above an earlier minimum, and the fall
    after the rise. The losses of a series in the order of training are l_1, ..., l_n, and m_i = min(l_1, ..., l_i):

        peak  = first i with the largest rise l_i - m_i
        early = first i with l_i = m_peak                      (the minimum before the rise)
        late  = first i >= peak with the smallest l_i

    The series has a double descent if l_peak - l_early >= r and l_late < l_early. The least rise r is a row of the seed
    `rise_threshold`, because noise alone makes every loss rise a little.
#}
{% macro double_descent_turning_points(losses) -%}
    arrayReduceInRanges(
        'min', arrayMap(ordinal -> (1, ordinal), arrayEnumerate({{ losses }})), {{ losses }}
    ) as lowest_so_far,
    arrayMap((loss, lowest) -> loss - lowest, {{ losses }}, lowest_so_far) as rises,
    indexOf(rises, arrayMax(rises)) as peak,
    indexOf({{ losses }}, lowest_so_far[peak]) as early,
    arraySlice({{ losses }}, peak) as later_losses,
    peak - 1 + indexOf(later_losses, arrayMin(later_losses)) as late
{%- endmacro %}
