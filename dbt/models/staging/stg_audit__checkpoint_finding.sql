with
    audit_run as (select * from {{ source("audit", "raw_audit_run") }}),

    finding as (select * from {{ source("audit", "raw_checkpoint_audit") }}),

    -- an audit without a row of its own was cut off, and does not count
    latest_run as (
        select suite_id, argMax(audit_run_id, audited_at) as audit_run_id, max(audited_at) as last_audited_at
        from audit_run
        group by suite_id
    ),

    latest_finding as (
        select
            finding.suite_id as suite_id,
            model_id,
            step,
            check_name,
            status,
            message,
            cure,
            place,
            commit_hash,
            weights_sha256,
            last_audited_at as audited_at
        from finding
        inner join latest_run on finding.audit_run_id = latest_run.audit_run_id
    )

select *
from latest_finding
