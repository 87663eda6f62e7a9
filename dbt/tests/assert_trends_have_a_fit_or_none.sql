-- A returned row is a model and corpus with trends that have a slope but too few points, or the points but no
-- slope or p-value; or that are called a trend without being significant at all.
select model_id, corpus_id, count() as broken_count
from {{ ref("int_token_trend_by_start") }}
where
    (fit_point_count >= 3) != (slope is not null)
    or (fit_point_count >= 3) != (p_value is not null)
    or not isFinite(coalesce(slope, 0))
    or (category in ('upward', 'downward') and slope is null)
group by model_id, corpus_id
