alter table raw_token_score add column if not exists next_word_log_prob_nats Nullable(Float32) codec(ZSTD(1)) comment 'Log of the probability that the next token begins a word';

create table raw_word_vectors (
    vectors_id LowCardinality(String) comment 'Set of vectors',
    origin LowCardinality(String) comment 'file or trained',
    source String codec(ZSTD(1)) comment 'File or corpus',
    sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256',
    dimension Int32 comment 'Dimensions',
    vocabulary_count Int64 comment 'Words',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written'
)
engine = ReplacingMergeTree(updated_at)
order by vectors_id
comment 'One row per set of word vectors';

create table raw_semantic_similarity (
    corpus_id LowCardinality(String) comment 'Corpus',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document',
    word_index Int32 codec(Delta, ZSTD(1)) comment 'Word',
    vectors_id LowCardinality(String) comment 'Set of vectors',
    weighting LowCardinality(String) comment 'unweighted or position',
    word String codec(ZSTD(1)) comment 'Word',
    cosine_similarity Nullable(Float32) codec(ZSTD(1)) comment 'Cosine',
    is_target_known Bool comment 'Whether the word has a vector',
    context_word_count Int32 comment 'Words of the context',
    known_context_word_count Int32 comment 'Words of the context with a vector'
)
engine = MergeTree
partition by (corpus_id, vectors_id)
order by (document_id, word_index, weighting)
comment 'One row per (word, set of vectors, weighting)';
