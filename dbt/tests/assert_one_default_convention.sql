-- A returned row says how many conventions claim to be the default one, where it should be one.
select countIf(is_default) as default_count from {{ ref("trend_convention") }} having default_count != 1
