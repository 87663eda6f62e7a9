-- A returned row is a checkpoint with a perplexity below 1 or not finite: a log-probability above 0, or
-- none at all.
select *
from {{ ref("fct_validation_perplexity_by_checkpoint") }}
where perplexity < 1 or not isFinite(perplexity)
