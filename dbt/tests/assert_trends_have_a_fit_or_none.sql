-- A returned row is a model and corpus with broken trends. A trend over fewer than three checkpoints is
-- broken if it has a slope or a p-value, or if its category is not undetermined. A trend over three or
-- more checkpoints is broken if it lacks its slope or its p-value. Any trend is broken if its slope is
-- not finite, or if it is upward or downward without a slope.
select model_id, corpus_id, count() as broken_count
from {{ ref("int_token_trend_by_start") }}
where
    (fit_point_count >= 3) != (slope is not null)
    or (fit_point_count >= 3) != (p_value is not null)
    or (fit_point_count < 3) != (category = 'undetermined')
    or not isFinite(coalesce(slope, 0))
    or (category in ('upward', 'downward') and slope is null)
group by model_id, corpus_id
