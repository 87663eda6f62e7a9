-- If the number of default conventions is not one, the test returns a row with that number.
select countIf(is_default) as default_count from {{ ref("trend_convention") }} having default_count != 1
