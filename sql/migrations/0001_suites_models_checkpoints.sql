create table raw_suite (
    suite_id LowCardinality(String) comment 'Name of the suite, as its YAML file declares it',
    description String codec(ZSTD(1)) comment 'What the suite is, in a sentence',
    source LowCardinality(String) comment 'Where its checkpoints come from: hub, trainer, folder, manifest or miniature',
    declaration String codec(ZSTD(1)) comment 'The YAML declaration as it was read',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by suite_id
comment 'One row per suite: a family of models that are compared with each other';

create table raw_model (
    model_id LowCardinality(String) comment 'suite_id/name of the model',
    suite_id LowCardinality(String) comment 'Suite the model belongs to',
    model_name LowCardinality(String) comment 'Name of the model within its suite',
    architecture LowCardinality(String) comment 'model_type of the Hugging Face configuration, for example gpt_neox',
    parameter_count Int64 comment 'Trainable parameters, tied ones counted once',
    non_embedding_parameter_count Int64 comment 'Trainable parameters without the token and position embeddings and the output head',
    layer_count Int32 comment 'Blocks (L)',
    hidden_size Int32 comment 'Width of the residual stream',
    head_count Int32 comment 'Attention heads (H); 0 where the architecture has no attention',
    head_dimension Int32 comment 'Dimension of one attention head (Q); 0 where the architecture has no attention',
    vocabulary_size Int32 comment 'Rows of the token embedding',
    context_length Int32 comment 'Training sequence length in tokens (T)',
    batch_tokens Int64 comment 'Tokens in one optimizer step',
    planned_steps Int64 comment 'Optimizer steps the run was planned for: what a start of p% refers to',
    seed Nullable(Int64) comment 'Random seed of the run, where it is known',
    tokenizer_id LowCardinality(String) comment 'SHA-256 of the tokenizer, first 16 hexadecimal digits',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by model_id
comment 'One row per model: one training run, of which checkpoints were kept';

create table raw_checkpoint (
    model_id LowCardinality(String) comment 'Model the checkpoint belongs to',
    step Int64 codec(Delta, ZSTD(1)) comment 'Optimizer steps taken',
    tokens_seen Int64 codec(Delta, ZSTD(1)) comment 'Training tokens seen: step times batch_tokens unless the source says otherwise',
    source String codec(ZSTD(1)) comment 'Directory or hub repository the checkpoint was read from',
    revision String codec(ZSTD(1)) comment 'Branch or tag on the hub; empty for a local directory',
    commit_hash String codec(ZSTD(1)) comment 'Commit the revision pointed at; empty for a local directory',
    weights_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 over the weight files in name order: the identity of the checkpoint',
    config_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of config.json',
    tokenizer_id LowCardinality(String) comment 'SHA-256 of the tokenizer, first 16 hexadecimal digits',
    size_bytes Int64 comment 'Size of the weight files',
    audit_status LowCardinality(String) comment 'ok, or what the audit found wrong',
    discovered_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When the checkpoint was first seen',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by (model_id, step)
comment 'One row per checkpoint: the weights of one model after one optimizer step';
