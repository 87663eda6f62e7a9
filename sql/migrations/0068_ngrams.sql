create table raw_ngram_corpus (
    ngram_corpus_id LowCardinality(String) comment 'Name of the training corpus of n-grams',
    vocabulary_id LowCardinality(String) comment 'words, or the tokenizer whose tokens are counted',
    least_pruned_order UInt8 comment 'n-grams of this order or a longer one that occur once in a shard are not stored; 0 if all are stored',
    shard_byte_limit Int64 comment 'Consecutive documents of a file are one shard until their texts have this many bytes',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by (ngram_corpus_id, vocabulary_id)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per training corpus of n-grams and vocabulary';

create table raw_ngram_shard (
    ngram_corpus_id LowCardinality(String) comment 'Training corpus of n-grams the shard belongs to',
    vocabulary_id LowCardinality(String) comment 'words, or the tokenizer whose tokens are counted',
    shard_id String codec(ZSTD(1)) comment 'First 16 hexadecimal digits of file_sha256, and part_index',
    file_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the file the texts were read from',
    part_index Int32 codec(ZSTD(1)) comment 'Index of the shard among the shards of its file, from 0',
    is_last_part Bool codec(ZSTD(1)) comment 'Whether the shard is the last one of its file',
    source String codec(ZSTD(1)) comment 'Path of the file',
    document_count Int64 codec(T64, ZSTD(1)) comment 'Documents of the shard',
    byte_count Int64 codec(T64, ZSTD(1)) comment 'UTF-8 bytes of their texts',
    unit_count Int64 codec(T64, ZSTD(1)) comment 'Words or tokens of their texts',
    row_count Int64 codec(T64, ZSTD(1)) comment 'Rows of raw_ngram_count of the shard',
    word_count Int64 codec(T64, ZSTD(1)) comment 'Words of raw_ngram_word once the shard was counted; 0 for tokens',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by (ngram_corpus_id, vocabulary_id, shard_id)
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per counted shard of a training corpus of n-grams; written after its counts';

create table raw_ngram_word (
    ngram_corpus_id LowCardinality(String) comment 'Training corpus of n-grams the word occurs in',
    word String codec(ZSTD(1)) comment 'The word, a run of characters that are no white space',
    word_id UInt32 codec(T64, ZSTD(1)) comment 'Number of the word in raw_ngram_count',
    added_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written'
)
engine = MergeTree
partition by ngram_corpus_id
order by (ngram_corpus_id, word)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per word of a training corpus of n-grams whose words are counted';

create table raw_ngram_count (
    ngram_corpus_id LowCardinality(String) comment 'Training corpus of n-grams',
    vocabulary_id LowCardinality(String) comment 'words, or the tokenizer whose tokens are counted',
    shard_id LowCardinality(String) comment 'Shard whose texts were counted; the counts of a corpus are the sums over its shards',
    ngram_order UInt8 codec(ZSTD(1)) comment 'Length of the n-gram, 1 to 5',
    token_1 UInt32 codec(Delta, ZSTD(1)) comment 'First word_id or token_id; 4294967295 is the beginning of a text, 4294967294 its end',
    token_2 UInt32 codec(ZSTD(1)) comment 'Second one; 0 if the n-gram is shorter',
    token_3 UInt32 codec(ZSTD(1)) comment 'Third one; 0 if the n-gram is shorter',
    token_4 UInt32 codec(ZSTD(1)) comment 'Fourth one; 0 if the n-gram is shorter',
    token_5 UInt32 codec(ZSTD(1)) comment 'Fifth one; 0 if the n-gram is shorter',
    occurrence_count Int64 codec(T64, ZSTD(1)) comment 'Times the n-gram occurs in the texts of the shard'
)
engine = MergeTree
partition by (ngram_corpus_id, vocabulary_id, shard_id)
order by (ngram_order, token_1, token_2, token_3, token_4, token_5)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per n-gram of a shard of a training corpus';

create table raw_ngram_score (
    corpus_id LowCardinality(String) comment 'Corpus of the scored texts',
    ngram_corpus_id LowCardinality(String) comment 'Training corpus of the n-grams',
    vocabulary_id LowCardinality(String) comment 'words, or the tokenizer whose tokens are scored',
    provider LowCardinality(String) comment 'What computed the score: clickhouse, kenlm or infini_gram',
    smoothing LowCardinality(String) comment 'stupid_backoff or kneser_ney',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    unit LowCardinality(String) comment 'What is scored: word or token',
    unit_index Int32 codec(Delta, ZSTD(1)) comment 'Word or token of the document, from 0',
    ngram_order UInt8 codec(ZSTD(1)) comment 'Longest n-gram that the model uses, 1 to 5',
    log_prob_nats Float32 codec(ZSTD(1)) comment 'Natural logarithm of the score; with stupid backoff, scores do not add up to 1',
    matched_order UInt8 codec(ZSTD(1)) comment 'Longest n-gram ending with the unit that occurs in the training corpus; 0 if the unit itself does not',
    score_key LowCardinality(String) comment 'SHA-256 of the texts, the counts and the method that determine the scores'
)
engine = MergeTree
partition by (corpus_id, ngram_corpus_id, vocabulary_id, provider, smoothing)
order by (document_id, unit_index, ngram_order)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (unit of a text, order, provider): what an n-gram model predicts';
