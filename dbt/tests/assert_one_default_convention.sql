-- The seed trend_convention must have exactly one default convention. Otherwise, the test returns a row with
-- the number of default conventions.
select countIf(is_default) as default_count from {{ ref("trend_convention") }} having default_count != 1
