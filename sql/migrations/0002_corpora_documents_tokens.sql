create table raw_corpus (
    corpus_id LowCardinality(String) comment 'Name of the corpus',
    description String codec(ZSTD(1)) comment 'What the texts are, in a sentence',
    source String codec(ZSTD(1)) comment 'Files or data set the texts were read from',
    corpus_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 over the documents in order: the identity of the corpus',
    document_count Int64 comment 'Documents in the corpus',
    byte_count Int64 comment 'UTF-8 bytes of all texts',
    updated_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When this row was written; the latest one counts'
)
engine = ReplacingMergeTree(updated_at)
order by corpus_id
comment 'One row per corpus: a set of documents that are scored together';

create table raw_document (
    corpus_id LowCardinality(String) comment 'Corpus the document belongs to',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Ordinal of the document in its corpus, from 0',
    document_name String codec(ZSTD(1)) comment 'What a person calls it: a file name, a title, or the id of its source',
    text String codec(ZSTD(3)) comment 'The text, UTF-8',
    document_sha256 FixedString(64) codec(ZSTD(1)) comment 'SHA-256 of the text',
    kind LowCardinality(String) comment 'human, corrupted, generated, option or word-in-context',
    provenance String codec(ZSTD(1)) comment 'JSON object: how the text came about, for texts that no person wrote',
    scored_from_position Int32 codec(ZSTD(1)) comment 'First token position that aggregates count; earlier ones are prompt'
)
engine = MergeTree
partition by corpus_id
order by (corpus_id, document_id)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per document: everything that is scored is a document of a corpus';

create table raw_token (
    tokenizer_id LowCardinality(String) comment 'SHA-256 of the tokenizer, first 16 hexadecimal digits',
    corpus_id LowCardinality(String) comment 'Corpus the document belongs to',
    document_id Int32 codec(Delta, ZSTD(1)) comment 'Document, by its ordinal in the corpus',
    position Int32 codec(DoubleDelta, ZSTD(1)) comment 'Position of the token in the document, from 0',
    token_id Int32 codec(T64, ZSTD(1)) comment 'Index of the token in the vocabulary',
    token_text String codec(ZSTD(1)) comment 'The text of the token; an incomplete UTF-8 sequence shows as the replacement character',
    byte_start Int32 codec(Delta, ZSTD(1)) comment 'First byte of the token in the UTF-8 text',
    byte_end Int32 codec(Delta, ZSTD(1)) comment 'One past the last byte of the token in the UTF-8 text',
    character_start Int32 codec(Delta, ZSTD(1)) comment 'First character of the token in the text',
    character_end Int32 codec(Delta, ZSTD(1)) comment 'One past the last character of the token in the text',
    word_index Int32 codec(Delta, ZSTD(1)) comment 'Whitespace-separated word the token begins in, from 0',
    is_word_initial Bool codec(ZSTD(1)) comment 'Whether the token begins a whitespace-separated word'
)
engine = MergeTree
partition by (tokenizer_id, corpus_id)
order by (tokenizer_id, corpus_id, document_id, position)
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1
comment 'One row per token of a document under one tokenizer';
