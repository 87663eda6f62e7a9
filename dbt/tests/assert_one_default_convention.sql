-- A returned row holds the number of default conventions, if it is not one.
select countIf(is_default) as default_count from {{ ref("trend_convention") }} having default_count != 1
