with
    audit_run as (select * from {{ source("audit", "raw_audit_run") }}),

    finding as (select * from {{ source("audit", "raw_checkpoint_audit") }}),

    latest_run as (
        select suite_id, argMax(audit_run_id, audited_at) as latest_audit_run_id
        from audit_run
        group by suite_id
    ),

    -- An interrupted audit has no row in raw_audit_run, so this join removes its findings.
    finished_finding as (
        select
            finding.suite_id as suite_id,
            finding.audit_run_id as audit_run_id,
            model_id,
            step,
            check_name,
            status,
            message,
            cure as hint,
            place as location,
            commit_hash,
            weights_sha256,
            audit_run.audited_at as found_at,
            latest_audit_run_id
        from finding
        inner join audit_run on finding.audit_run_id = audit_run.audit_run_id
        inner join latest_run on finding.suite_id = latest_run.suite_id
    ),

    -- If a check is `unchecked` in the latest audit, its last result from an earlier audit of the same
    -- weights is kept.
    settled_finding as (
        select
            suite_id,
            model_id,
            step,
            check_name,
            weights_sha256,
            argMax(
                (status, message, hint, location, commit_hash, found_at),
                (weights_sha256 != '' and status != 'unchecked', found_at)
            ) as latest
        from finished_finding
        group by suite_id, model_id, step, check_name, weights_sha256
        having countIf(audit_run_id = latest_audit_run_id) > 0
    ),

    -- The suite now declares these checkpoints as damaged, so their `wrong` findings become `known`.
    forgiven_checkpoint as (
        select model_id, step from settled_finding where check_name = 'declaration' and latest .1 = 'known'
    ),

    latest_finding as (
        select
            suite_id,
            model_id,
            step,
            check_name,
            if(
                latest .1 = 'wrong' and (model_id, step) in forgiven_checkpoint, 'known', toString(latest .1)
            ) as status,
            latest .2 as message,
            latest .3 as hint,
            latest .4 as location,
            latest .5 as commit_hash,
            weights_sha256,
            latest .6 as audited_at
        from settled_finding
    )

select *
from latest_finding
