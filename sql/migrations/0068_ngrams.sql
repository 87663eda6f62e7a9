create table raw_ngram_score (
    corpus_id LowCardinality(String) comment 'Corpus that is scored',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document',
    unit LowCardinality(String) comment 'word or token',
    unit_index Int32 codec(Delta, ZSTD(1)) comment 'Word or token',
    ngram_corpus_id LowCardinality(String) comment 'Training corpus',
    vocabulary_id LowCardinality(String) comment 'words, or a tokenizer_id',
    provider LowCardinality(String) comment 'clickhouse, kenlm or infini_gram',
    smoothing LowCardinality(String) comment 'stupid_backoff or kneser_ney',
    ngram_order UInt8 comment '1 to 5',
    log_prob_nats Float32 codec(ZSTD(1)) comment 'Log-probability',
    matched_order UInt8 codec(ZSTD(1)) comment 'Longest n-gram that was found'
)
engine = MergeTree
partition by (corpus_id, ngram_corpus_id, vocabulary_id, provider, smoothing)
order by (document_id, unit_index, ngram_order)
comment 'One row per (unit of a text, order, provider)';
