alter table raw_document add column if not exists token_ids Array(Int32) codec(ZSTD(1)) comment 'Exact token ids of a text that was made from tokens; empty for other texts';

alter table raw_document add column if not exists tokenizer_id LowCardinality(String) comment 'Tokenizer of token_ids; empty where there are none';

alter table raw_document add column if not exists scored_from_byte Int32 codec(ZSTD(1)) comment 'First byte that aggregates count under another tokenizer than tokenizer_id; earlier ones are prompt';

create table raw_generation (
    generation_key FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of everything that determines the texts',
    small_model_id LowCardinality(String) comment 'Model that gives p_s',
    small_step Int64 comment 'Step of the checkpoint that gives p_s',
    small_weights_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the weights of that checkpoint',
    large_model_id LowCardinality(String) comment 'Model that gives p_l',
    large_step Int64 comment 'Step of the checkpoint that gives p_l',
    large_weights_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the weights of that checkpoint',
    tokenizer_id LowCardinality(String) comment 'Tokenizer of both models',
    prompt_corpus_id LowCardinality(String) comment 'Corpus whose documents begin the texts',
    prompt_corpus_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of that corpus',
    prompt_token_count Int32 comment 'Tokens of each prompt',
    new_token_count Int32 comment 'Tokens generated after each prompt',
    method LowCardinality(String) comment 'interpolated (Xia et al. 2023, equations 2 and 3) or contrastive (Li et al. 2022)',
    small_weight Float64 comment 'lambda_1, the weight of p_s',
    large_weight Float64 comment 'lambda_2, the weight of p_l',
    plausibility Float64 comment 'alpha of contrastive decoding; 0 for interpolated decoding',
    decoding_name LowCardinality(String) comment 'Short name of the configuration, such as ps-pl',
    sampling LowCardinality(String) comment 'greedy or nucleus',
    top_p Float64 comment 'Probability mass of the nucleus; 1 for greedy decoding',
    seed Int64 comment 'Seed of the sampling; 0 for greedy decoding',
    settings String codec(ZSTD(1)) comment 'JSON object: data type, beginnings of text and other settings in the key',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by generation_key
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per generation: two checkpoints, prompts, weights and sampling';

create table raw_generated_text (
    generation_key FixedString(64) codec(ZSTD(1)) comment 'Generation the text belongs to',
    prompt_document_id Int32 codec(Delta, ZSTD(1)) comment 'Document of the prompt corpus that begins the text',
    token_ids Array(Int32) codec(ZSTD(1)) comment 'Generated token ids, without the prompt',
    is_fallback Array(Bool) codec(ZSTD(1)) comment 'Per generated token: whether no probability mass was left and the argmax of the favoured model was taken',
    small_log_prob_nats Array(Float32) codec(ZSTD(1)) comment 'Per generated token: its log-probability under p_s',
    large_log_prob_nats Array(Float32) codec(ZSTD(1)) comment 'Per generated token: its log-probability under p_l',
    generated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(generated_at)
order by (generation_key, prompt_document_id)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per generated text: the tokens that two checkpoints wrote after one prompt';

create table raw_generation_quality (
    generation_key FixedString(64) codec(ZSTD(1)) comment 'Generation that is judged',
    metric LowCardinality(String) comment 'mauve or self_bleu',
    value Float64 comment 'Value of the metric: MAUVE from 0 to 1, self-BLEU from 0 to 100',
    settings String codec(ZSTD(1)) comment 'JSON object: checkpoint of the features, clusters, seed, number of texts',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by (generation_key, metric, settings)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per quality metric of a generation that is computed outside SQL';
