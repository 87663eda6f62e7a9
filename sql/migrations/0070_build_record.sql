create table build_record (
    build_id UUID comment 'The build that wrote the row',
    record String codec(ZSTD(3)) comment 'JSON object: what the build was made from and what it left; empty while the build runs, and after it failed or was a selection',
    recorded_at DateTime64(9, 'UTC') default now64(9, 'UTC') comment 'When this row was written, by the clock of the server; the latest row counts'
)
engine = ReplacingMergeTree(recorded_at)
order by tuple()
comment 'One row: the state of the last build of the marts, from which the next build finds what changed'
