create table raw_task_item (
    task_id LowCardinality(String) comment 'Task, with its subtask where it has one',
    item_id Int32 codec(Delta, ZSTD(1)) comment 'Ordinal of the item in the task, from 0',
    option_index Int16 codec(Delta, ZSTD(1)) comment 'Ordinal of the option in the item, from 0',
    input String codec(ZSTD(3)) comment 'The question, without exemplars',
    option_text String codec(ZSTD(3)) comment 'The option',
    is_correct Bool comment 'Whether the option is the right one',
    task_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the task file'
)
engine = MergeTree
partition by task_id
order by (task_id, item_id, option_index)
settings non_replicated_deduplication_window = 1000
comment 'One row per (task, item, option)';

create table raw_option_score (
    model_id LowCardinality(String) codec(ZSTD(1)) comment 'Model that was evaluated',
    task_id LowCardinality(String) codec(ZSTD(1)) comment 'Task, with its subtask where it has one',
    step Int64 codec(DoubleDelta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    shot_count Int16 codec(ZSTD(1)) comment 'Exemplars before the question',
    seed Int32 codec(ZSTD(1)) comment 'Seed the exemplars were drawn with',
    item_id Int32 codec(Delta, ZSTD(1)) comment 'Ordinal of the item in the task',
    option_index Int16 codec(Delta, ZSTD(1)) comment 'Ordinal of the option in the item',
    log_prob_nats Float32 codec(ZSTD(1)) comment 'Sum of the log-probabilities of the tokens of the option after the prompt',
    unconditional_log_prob_nats Float32 codec(ZSTD(1)) comment 'The same after an empty prompt, for pointwise mutual information',
    token_count Int32 codec(T64, ZSTD(1)) comment 'Tokens of the option',
    character_count Int32 codec(T64, ZSTD(1)) comment 'Characters of the option',
    byte_count Int32 codec(T64, ZSTD(1)) comment 'UTF-8 bytes of the option'
)
engine = MergeTree
partition by (model_id, task_id, step)
order by (shot_count, seed, item_id, option_index)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (item, option, shots, seed, checkpoint)';

create table raw_eval_result (
    harness LowCardinality(String) comment 'Program that made the result, for example lm-evaluation-harness',
    model_id LowCardinality(String) comment 'Model that was evaluated',
    step Int64 codec(Delta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    task_id LowCardinality(String) comment 'Task as the harness names it',
    task_version LowCardinality(String) comment 'Version of the task as the harness states it',
    shot_count Int16 codec(ZSTD(1)) comment 'Exemplars before the question',
    metric LowCardinality(String) comment 'Metric as the harness names it',
    value Float64 codec(ZSTD(1)) comment 'Value of the metric',
    standard_error Nullable(Float64) codec(ZSTD(1)) comment 'Standard error of the value, where the harness states it',
    source String codec(ZSTD(1)) comment 'File the result was read from',
    imported_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(imported_at)
order by (harness, model_id, step, task_id, task_version, shot_count, metric)
comment 'One row per imported (checkpoint, task, shots, metric) of another harness';
