drop table if exists raw_task_item;

create table raw_task_item (
    task_id LowCardinality(String) comment 'Task, with its subtask where it has one, as task:subtask',
    item_id Int32 codec(Delta, ZSTD(1)) comment 'Ordinal of the item in the task, from 0',
    option_index Int16 codec(Delta, ZSTD(1)) comment 'Ordinal of the option in the item, from 0, in the order of the task file',
    input String codec(ZSTD(3)) comment 'The question, without exemplars and prefixes',
    option_text String codec(ZSTD(3)) comment 'The option',
    target_score Float32 codec(ZSTD(1)) comment 'How right the option is, as the task file says: 1 and 0 in nearly all tasks',
    is_correct Bool codec(ZSTD(1)) comment 'Whether no option of the item has a higher target score',
    task_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the task: items, options and the form of the prompt'
)
engine = MergeTree
partition by task_id
order by (task_id, item_id, option_index)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (task, item, option)';

create table raw_task (
    task_id LowCardinality(String) comment 'Task, with its subtask where it has one, as task:subtask',
    parent_task_id LowCardinality(String) comment 'The task a subtask belongs to; the task itself where it is none',
    description String codec(ZSTD(1)) comment 'What the task asks, in a sentence or two',
    keywords Array(LowCardinality(String)) comment 'Keywords of the task file',
    preferred_metric LowCardinality(String) comment 'Metric the authors of the task prefer, as they name it',
    format LowCardinality(String) comment 'Where the task was read from: bigbench, jsonl, lm-evaluation-harness or miniature',
    source String codec(ZSTD(1)) comment 'File or package the task was read from',
    prompt_format String codec(ZSTD(1)) comment 'JSON object: the prefixes, separators and flags that shape the prompt',
    item_count Int32 comment 'Items of the task',
    option_count Int32 comment 'Options of all items together',
    task_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the task: items, options and the form of the prompt',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written, after the items; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by task_id
comment 'One row per multiple-choice task or subtask';

drop table if exists raw_option_score;

create table raw_option_score (
    model_id LowCardinality(String) codec(ZSTD(1)) comment 'Model that was evaluated',
    step Int64 codec(DoubleDelta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    task_id LowCardinality(String) codec(ZSTD(1)) comment 'Task, with its subtask where it has one, as task:subtask',
    shot_count Int16 codec(ZSTD(1)) comment 'Exemplars that were asked for before the question',
    seed Int32 codec(ZSTD(1)) comment 'Seed the exemplars were drawn with',
    item_id Int32 codec(Delta, ZSTD(1)) comment 'Ordinal of the item in the task',
    option_index Int16 codec(Delta, ZSTD(1)) comment 'Ordinal of the option in the item',
    log_prob_nats Float32 codec(ZSTD(1)) comment 'Sum of the log-probabilities of the tokens of the option after the prompt',
    unconditional_log_prob_nats Nullable(Float32) codec(ZSTD(1)) comment 'The same at the beginning of a text, for pointwise mutual information; null where the tokenizer has no token that begins a text',
    token_count Int32 codec(T64, ZSTD(1)) comment 'Tokens of the option after the prompt',
    character_count Int32 codec(T64, ZSTD(1)) comment 'Characters of the option',
    byte_count Int32 codec(T64, ZSTD(1)) comment 'UTF-8 bytes of the option',
    exemplar_count Int16 codec(ZSTD(1)) comment 'Exemplars the prompt holds: fewer than shot_count where the context is too short for all',
    prompt_token_count Int32 codec(T64, ZSTD(1)) comment 'Tokens of the prompt the model read',
    truncated_token_count Int32 codec(ZSTD(1)) comment 'Tokens cut from the beginning of a prompt that is too long even without exemplars'
)
engine = MergeTree
partition by (model_id, step)
order by (task_id, shot_count, seed, item_id, option_index)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (item, option, shots, seed, checkpoint); the rows of a checkpoint are one partition';

create table raw_evaluation_ledger (
    model_id LowCardinality(String) comment 'Model that was evaluated',
    step Int64 codec(Delta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    task_id LowCardinality(String) comment 'Task, with its subtask where it has one, as task:subtask',
    shot_count Int16 comment 'Exemplars that were asked for before the question',
    seed Int32 comment 'Seed the exemplars were drawn with',
    evaluation_key FixedString(64) codec(ZSTD(1)) comment 'SHA-256 over weights, task, tokenizer and settings: equal keys mean equal scores',
    weights_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the weights that were evaluated',
    task_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the task that was evaluated; scores of another version of the task count for nothing',
    tokenizer_id LowCardinality(String) comment 'Tokenizer the token counts refer to',
    settings String codec(ZSTD(1)) comment 'JSON object: dtype, context length and what else decides a score',
    option_count Int64 comment 'Rows of this evaluation in raw_option_score',
    scoring_run_id UUID comment 'Run that wrote the scores',
    duration_seconds Float64 comment 'Time spent on scoring the options',
    is_complete Bool comment 'False while the rows are being replaced by scores of another key',
    evaluated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written, after the scores; the latest one counts'
)
engine = ReplacingMergeTree(evaluated_at)
order by (model_id, step, task_id, shot_count, seed)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per evaluated (checkpoint, task, shots, seed): the truth about what is done, written after the scores';

alter table raw_eval_result add column if not exists is_higher_better Nullable(Bool) comment 'Whether a higher value is better, where the harness says so' after standard_error;

alter table raw_eval_result add column if not exists item_count Nullable(Int64) comment 'Items the value is a mean over, where the harness says so' after is_higher_better;
