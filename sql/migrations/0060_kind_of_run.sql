alter table raw_scoring_run add column if not exists run_kind LowCardinality(String) default if(startsWith(batch_policy, 'a prompt once'), 'evaluation', 'scoring') codec(ZSTD(1)) comment 'scoring of a corpus, or evaluation of tasks; of older runs as their batches say' after scoring_run_id;

alter table raw_scoring_run comment column score_count 'Tokens that were scored; of an evaluation those of the options';

alter table raw_scoring_run comment column tokens_per_second 'The same per second of scoring time';
