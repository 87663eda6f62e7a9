with
    source as (select * from {{ source("sequences", "raw_generation_quality") }}),

    -- A metric may be computed with several settings. The one that was computed last counts.
    latest as (
        select
            toString(generation_key) as generation_key,
            metric,
            argMax(value, (updated_at, source.settings)) as metric_value,
            argMax(source.settings, (updated_at, source.settings)) as metric_settings
        from source
        group by generation_key, metric
    )

select *
from latest
