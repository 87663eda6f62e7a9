-- A returned row is a checkpoint whose perplexity is below 1 or not finite.
select *
from {{ ref("fct_validation_perplexity_by_checkpoint") }}
where perplexity < 1 or not isFinite(perplexity)
