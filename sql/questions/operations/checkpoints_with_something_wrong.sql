-- Which checkpoints are missing, damaged, duplicated or changed, or have a perplexity unlike the perplexity
-- of the neighbouring checkpoints?
-- parameter suite_id String = miniature: suite to show
select model_id, step, check_name, status, message, hint
from fct_checkpoint_audit
where suite_id = {suite_id:String} and status in ('wrong', 'known')
order by model_id, step, check_order
