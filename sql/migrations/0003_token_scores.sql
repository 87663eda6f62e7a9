create table raw_token_score (
    model_id LowCardinality(String) codec(ZSTD(1)) comment 'Model that was scored',
    corpus_id LowCardinality(String) codec(ZSTD(1)) comment 'Corpus that was scored',
    step Int64 codec(DoubleDelta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    position Int32 codec(DoubleDelta, ZSTD(1)) comment 'Position of the predicted token in the document, from 0; the first token has no context and no score',
    log_prob_quanta Int32 codec(T64, ZSTD(1)) comment 'Log-probability in units of 1 / quanta_per_nat; the bits of the float32 where quanta_per_nat is 0',
    quanta_per_nat UInt16 codec(ZSTD(1)) comment 'Rounding: 10000 = 1e-4 nats, 1000 = 1e-3 nats, 0 = lossless',
    log_prob_nats Float32 alias if(quanta_per_nat = 0, reinterpretAsFloat32(log_prob_quanta), toFloat32(log_prob_quanta / quanta_per_nat)) comment 'Log-probability of the token given the tokens before it, natural logarithm',
    entropy_nats Nullable(Float32) codec(ZSTD(1)) comment 'Entropy of the predicted distribution, where it was asked for',
    target_rank Nullable(Int32) codec(T64, ZSTD(1)) comment 'How many tokens were more probable than the target, where it was asked for'
)
engine = MergeTree
partition by (model_id, corpus_id, step)
order by (document_id, position)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (document, position, checkpoint): the billion-row table, one partition per checkpoint and corpus';

create table raw_scoring_run (
    scoring_run_id UUID comment 'Identity of the run',
    started_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When the run began',
    finished_at Nullable(DateTime64(3, 'UTC')) codec(ZSTD(1)) comment 'When the run ended; null while it runs, and for a run that was killed',
    user_name LowCardinality(String) comment 'Who ran it',
    host_name LowCardinality(String) comment 'Where it ran',
    trailhouse_version LowCardinality(String) comment 'Version of Trailhouse',
    device LowCardinality(String) comment 'Device the model ran on, with its name',
    dtype LowCardinality(String) comment 'Type of the weights while scoring',
    attention_implementation LowCardinality(String) comment 'Attention implementation of transformers',
    batch_policy LowCardinality(String) comment 'How documents were put into batches',
    library_versions String codec(ZSTD(1)) comment 'JSON object: versions of torch, transformers and the like',
    score_count Int64 comment 'Scores written by the run',
    checkpoint_count Int64 comment 'Checkpoints scored by the run',
    tokens_per_second Float64 comment 'Scores per second of scoring time',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by scoring_run_id
comment 'One row per scoring run: who, when and with what';

create table raw_score_ledger (
    model_id LowCardinality(String) comment 'Model that was scored',
    corpus_id LowCardinality(String) comment 'Corpus that was scored',
    step Int64 codec(Delta, ZSTD(1)) comment 'Optimizer steps of the checkpoint',
    score_key FixedString(64) codec(ZSTD(1)) comment 'SHA-256 over weights, corpus, tokenizer and settings: equal keys mean equal scores',
    weights_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the weights that were scored',
    corpus_sha256 FixedString(64) codec(ZSTD(1)) comment 'Identity of the corpus that was scored',
    tokenizer_id LowCardinality(String) comment 'Tokenizer the positions refer to',
    settings String codec(ZSTD(1)) comment 'JSON object: dtype, context length, stride, rounding and what else decides a score',
    score_count Int64 comment 'Rows of the partition in raw_token_score',
    log_prob_sum_nats Float64 comment 'Sum of the stored log-probabilities: a check on the partition',
    scoring_run_id UUID comment 'Run that wrote the scores',
    duration_seconds Float64 comment 'Time spent on loading, scoring and inserting',
    is_complete Bool comment 'False while the partition is being replaced by scores of another key',
    scored_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written, after the data; the latest one counts'
)
engine = ReplacingMergeTree(scored_at)
order by (model_id, corpus_id, step)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per scored partition: the truth about what is done, written after the data';
