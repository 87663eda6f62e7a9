create table raw_checkpoint_audit (
    audit_run_id UUID comment 'Audit that found it',
    suite_id LowCardinality(String) comment 'Suite that was audited',
    model_id LowCardinality(String) comment 'Model the checkpoint belongs to',
    step Int64 codec(Delta, ZSTD(1)) comment 'Optimizer steps of the checkpoint, or of the one that is missing',
    check_name LowCardinality(String) comment 'What was checked: declaration, presence, writing, completeness, values, shapes, configuration, tokenizer, duplicate, shard or revision',
    status LowCardinality(String) comment 'ok, wrong, known (wrong, and the declaration says so) or unchecked',
    message String codec(ZSTD(1)) comment 'What was found; empty where all is well',
    cure String codec(ZSTD(1)) comment 'What to do about it',
    place String codec(ZSTD(1)) comment 'Directory, or revision of the hub',
    commit_hash String codec(ZSTD(1)) comment 'Commit the revision pointed at; empty for a local directory',
    weights_sha256 String codec(ZSTD(1)) comment 'Identity of the weights; empty where they could not be read'
)
engine = MergeTree
order by (suite_id, audit_run_id, model_id, step, check_name)
comment 'One row per (audit, checkpoint, check)';

create table raw_audit_run (
    audit_run_id UUID comment 'Identity of the audit',
    suite_id LowCardinality(String) comment 'Suite that was audited',
    audited_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)) comment 'When the audit ended',
    checkpoint_count Int64 comment 'Checkpoints that were found, damaged ones included',
    wrong_count Int64 comment 'Checkpoints with something wrong, missing ones included',
    are_values_read Bool comment 'Whether local weights were searched for NaN',
    finding_count Int64 comment 'Rows of the audit in raw_checkpoint_audit'
)
engine = MergeTree
order by (suite_id, audited_at)
comment 'One row per finished audit, written after its findings';
