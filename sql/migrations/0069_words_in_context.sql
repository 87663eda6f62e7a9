alter table raw_token_score add column if not exists next_word_log_prob_nats Nullable(Float32) codec(ZSTD(1)) comment 'Log-probability that the token after this one begins a new word or ends the text, natural logarithm, where it was asked for' after target_rank;

alter table raw_document comment column scored_from_byte 'First byte that aggregates count, where it is above 0 and the tokens are not those of tokenizer_id; earlier bytes are prompt or context';

create table raw_word_vectors (
    vectors_id LowCardinality(String) codec(ZSTD(1)) comment 'Name of the vectors: the name of their file, or word2vec, and the first digits of sha256',
    origin LowCardinality(String) codec(ZSTD(1)) comment 'file or trained',
    source String codec(ZSTD(1)) comment 'File of the vectors, or files of the texts they were trained on',
    sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the file of the vectors; of trained vectors, of the settings and of the texts',
    dimension Int32 codec(T64, ZSTD(1)) comment 'Numbers in a vector',
    vocabulary_count Int64 codec(T64, ZSTD(1)) comment 'Words that have a vector, whether a corpus has them or not',
    settings String codec(ZSTD(1)) comment 'JSON object: how the vectors were trained; the format of vectors from a file',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by vectors_id
settings fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per set of word vectors that similarities were computed with';

create table raw_semantic_similarity (
    corpus_id LowCardinality(String) codec(ZSTD(1)) comment 'Corpus the words belong to',
    vectors_id LowCardinality(String) codec(ZSTD(1)) comment 'Word vectors that were used',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    word_index Int32 codec(Delta, ZSTD(1)) comment 'Whitespace-separated word of the document, from 0, as in raw_token',
    weighting LowCardinality(String) codec(ZSTD(1)) comment 'Weights of the context words: unweighted, or position (the weight of the i-th word is i)',
    cosine_similarity Nullable(Float32) codec(ZSTD(1)) comment 'Cosine between the vector of the word and the weighted mean vector of its context; null if the word or all of its context has no vector',
    is_target_known Bool codec(ZSTD(1)) comment 'Whether the word has a vector',
    context_word_count Int32 codec(T64, ZSTD(1)) comment 'Words of the context',
    known_context_word_count Int32 codec(T64, ZSTD(1)) comment 'Words of the context that have a vector; only these are averaged',
    word String codec(ZSTD(1)) comment 'The word as it stands in the text',
    corpus_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the corpus whose words these are; rows of other texts than those in raw_corpus are outdated',
    context_word_limit Int32 codec(T64, ZSTD(1)) comment 'Most words of a context that are used; of a word-in-context document, all are used'
)
engine = MergeTree
partition by (corpus_id, vectors_id)
order by (document_id, word_index, weighting)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per (word, weighting): semantic similarity of a word to its context, written whole for a corpus and vectors';
