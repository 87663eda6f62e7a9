alter table raw_scoring_run add column if not exists verified_count UInt64 codec(ZSTD(1)) comment 'Positions or options that were scored again, each alone, and agreed; 0 in runs of earlier versions' after tokens_per_second;

alter table raw_scoring_run add column if not exists largest_difference_nats Nullable(Float64) codec(ZSTD(1)) comment 'Largest difference between a stored score and the score alone; null if none was scored again' after verified_count;
