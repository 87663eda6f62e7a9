alter table raw_score_ledger add column if not exists text_beginning_kind LowCardinality(String) default 'none' codec(ZSTD(1)) comment 'What the suite asked for before every text: tokenizer (what the tokenizer puts there), none, bos or eos; none in rows of earlier versions' after settings;

alter table raw_score_ledger add column if not exists text_beginning_token_ids Array(Int32) codec(ZSTD(1)) comment 'Tokens that the model read before every window; the first token of a document has a score where there are any' after text_beginning_kind;

alter table raw_score_ledger add column if not exists text_beginning_text String codec(ZSTD(1)) comment 'Names of these tokens in the vocabulary, one after the other' after text_beginning_token_ids;

alter table raw_evaluation_ledger add column if not exists text_beginning_kind LowCardinality(String) default if(JSONHas(settings, 'harness'), 'unknown', 'none') codec(ZSTD(1)) comment 'What the suite asked for before every prompt: tokenizer (what the tokenizer puts there), none, bos or eos; none in rows of earlier versions, unknown in imported ones' after settings;

alter table raw_evaluation_ledger add column if not exists text_beginning_token_ids Array(Int32) codec(ZSTD(1)) comment 'Tokens that the model read before every prompt' after text_beginning_kind;

alter table raw_evaluation_ledger add column if not exists text_beginning_text String codec(ZSTD(1)) comment 'Names of these tokens in the vocabulary, one after the other' after text_beginning_token_ids;

alter table raw_token_score comment column position 'Position of the predicted token in the document, from 0; position 0 has a score only if the model read a beginning before the text, see raw_score_ledger';
