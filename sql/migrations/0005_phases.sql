create table raw_ngram_count (
    corpus_id LowCardinality(String) comment 'Training corpus that was counted',
    tokenizer_id LowCardinality(String) comment 'Tokenizer of the corpus',
    ngram_order UInt8 codec(ZSTD(1)) comment 'Tokens in the n-gram, 1 to 5',
    ngram_hash UInt64 codec(ZSTD(1)) comment 'cityHash64 of the token ids',
    occurrence_count Int64 codec(T64, ZSTD(1)) comment 'Times the n-gram occurs in the corpus'
)
engine = MergeTree
partition by (corpus_id, tokenizer_id)
order by (ngram_order, ngram_hash)
settings non_replicated_deduplication_window = 1000
comment 'One row per n-gram of a training corpus';

create table raw_ngram_score (
    provider LowCardinality(String) comment 'What computed the score: clickhouse, kenlm or infini_gram',
    training_corpus_id LowCardinality(String) comment 'Corpus the n-grams were counted on',
    corpus_id LowCardinality(String) comment 'Corpus the words belong to',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    position Int32 codec(DoubleDelta, ZSTD(1)) comment 'Position of the token in the document',
    ngram_order UInt8 codec(ZSTD(1)) comment 'Longest n-gram the score may use, 1 to 5',
    log_score_nats Float32 codec(ZSTD(1)) comment 'Natural logarithm of the n-gram score',
    order_used UInt8 codec(ZSTD(1)) comment 'Order at which the backing off ended'
)
engine = MergeTree
partition by (provider, training_corpus_id, corpus_id)
order by (document_id, position, ngram_order)
settings non_replicated_deduplication_window = 1000
comment 'One row per (position, order) with the score of an n-gram model';

create table raw_similarity (
    vectors_id LowCardinality(String) comment 'Word vectors that were used',
    corpus_id LowCardinality(String) comment 'Corpus the words belong to',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    word_index Int32 codec(Delta, ZSTD(1)) comment 'Word of the document, from 0',
    weighting LowCardinality(String) comment 'Weights of the context words: uniform or position',
    cosine_similarity Float32 codec(ZSTD(1)) comment 'Cosine between the word and the mean of its context, -1 to 1'
)
engine = MergeTree
partition by (vectors_id, corpus_id)
order by (document_id, word_index, weighting)
settings non_replicated_deduplication_window = 1000
comment 'One row per (word, weighting): semantic similarity of a word to its context';
