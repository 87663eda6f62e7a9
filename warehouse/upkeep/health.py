"""This module checks the health of a warehouse. Each check returns one finding, with a hint if something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from clickhouse_connect.driver.client import Client

from trailhouse.errors import TrailhouseError
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.partition_load import STAGING_PREFIX
from trailhouse.warehouse.schema.migrations import Migration, pending_migrations
from trailhouse.warehouse.schema.missing_tables import find_missing_tables
from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows
from trailhouse.warehouse.upkeep.snapshot import find_abandoned_snapshots

Verdict = Literal["ok", "warning", "problem"]

LITTLE_SPACE_FRACTION = 0.1
# The ledger states the sum of the log-probabilities of a partition. The sum of the stored scores may differ from this
# sum by the tolerance times the number of scores, because a floating-point sum depends on the order of the rows.
SUM_TOLERANCE_NATS_PER_SCORE = 1e-6
_EXAMPLES = 3


@dataclass(frozen=True)
class HealthFinding:
    """The result of one check. ``hint`` says what to do; it is empty if the verdict is ok."""

    check: str
    verdict: Verdict
    found: str
    hint: str = ""


def examine_warehouse(client: Client, migrations: list[Migration]) -> list[HealthFinding]:
    """Run all checks of the warehouse. If a check raises an error, its finding has the verdict ``problem``."""
    checks: list[tuple[str, Callable[[], HealthFinding]]] = [
        ("engine", lambda: check_engine(client)),
        ("migrations", lambda: check_migrations(client, migrations)),
        ("disk", lambda: check_disk(client)),
        ("ledger and scores", lambda: check_ledger(client)),
        ("rows that are stated", lambda: check_lost_rows(client)),
        ("scores without ledger", lambda: check_scores_without_ledger(client)),
        ("abandoned staging tables", lambda: check_staging_tables(client)),
        ("abandoned restores", lambda: check_restores(client)),
        ("abandoned snapshots", lambda: check_snapshots(client)),
        ("marts", lambda: check_marts(client)),
    ]
    findings = []
    for name, examine in checks:
        try:
            findings.append(examine())
        except TrailhouseError as error:
            findings.append(HealthFinding(name, "problem", error.message, error.hint))
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            findings.append(HealthFinding(name, "problem", f"the check failed: {text}", "run `trailhouse init`"))
    return findings


def check_engine(client: Client) -> HealthFinding:
    """Report the version of the engine, and check that it computes a sum correctly."""
    version, answer = read_row(client, "select version(), sum(number) from numbers(10)")
    if answer != 45:
        return HealthFinding("engine", "problem", f"ClickHouse {version} computes wrongly", "use another server")
    return HealthFinding("engine", "ok", f"ClickHouse {version}")


def check_migrations(client: Client, migrations: list[Migration]) -> HealthFinding:
    """Check that all migrations of this version of Trailhouse are applied, and that their tables are there."""
    pending = pending_migrations(client, migrations)
    if pending:
        return HealthFinding(
            "migrations", "problem", f"{len(pending)} of {len(migrations)} missing", "run `trailhouse init`"
        )
    if missing := find_missing_tables(client, migrations):
        return HealthFinding("migrations", "problem", f"no table {', '.join(missing)}", "run `trailhouse init`")
    return HealthFinding("migrations", "ok", f"{len(migrations)} applied")


def check_disk(client: Client) -> HealthFinding:
    """Check that at least 10 % of the server's fullest disk is free."""
    fullest = "select free_space, total_space from system.disks order by free_space / total_space limit 1"
    free_bytes, total_bytes = read_row(client, fullest)
    found = f"{free_bytes / 1e9:.1f} GB free"
    if total_bytes > 0 and free_bytes < LITTLE_SPACE_FRACTION * total_bytes:
        return HealthFinding("disk", "warning", f"{found} of {total_bytes / 1e9:.1f} GB", "free some space")
    return HealthFinding("disk", "ok", found)


def check_ledger(client: Client) -> HealthFinding:
    """Check that the stored scores of every complete partition have the number and the sum that the ledger states."""
    rows = client.query(
        "select ledger.model_id, ledger.corpus_id, ledger.step, ledger.score_count, score.score_count"
        " from raw_score_ledger as ledger final left join ("
        "  select model_id, corpus_id, step, count() as score_count, sum(toFloat64(log_prob_nats)) as log_prob_sum_nats"
        "  from raw_token_score group by model_id, corpus_id, step) as score"
        " on ledger.model_id = score.model_id and ledger.corpus_id = score.corpus_id and ledger.step = score.step"
        " where ledger.is_complete and (ledger.score_count != score.score_count"
        "  or abs(ledger.log_prob_sum_nats - score.log_prob_sum_nats) > {tolerance:Float64} * ledger.score_count)"
        " order by all",
        parameters={"tolerance": SUM_TOLERANCE_NATS_PER_SCORE},
    ).result_rows
    (entry_count,) = read_row(client, "select count() from raw_score_ledger final where is_complete")
    if not rows:
        return HealthFinding("ledger and scores", "ok", f"{entry_count} checkpoints as the ledger says")
    examples = name_examples((model, corpus, step) for model, corpus, step, *_ in rows)
    return HealthFinding(
        "ledger and scores",
        "problem",
        f"{len(rows)} of {entry_count} checkpoints do not hold the scores the ledger says: {examples}",
        "run `trailhouse score` again, which scores those whose number of scores differs; for the others, restore a"
        " backup, or delete their rows from raw_score_ledger first",
    )


def name_examples(partitions: Iterable[tuple[str, str, int]]) -> str:
    """Return the first few partitions as text, for a message. A partition is given as (model_id, corpus_id, step)."""
    return ", ".join(f"{model} step {step} on {corpus}" for model, corpus, step in islice(partitions, _EXAMPLES))


def check_lost_rows(client: Client) -> HealthFinding:
    """Check that the rows are stored which the ledgers and the catalogue state."""
    lost = find_lost_rows(client)
    if not lost:
        return HealthFinding("rows that are stated", "ok", "all are stored")
    return HealthFinding(
        "rows that are stated",
        "problem",
        "; ".join(f"{one.table}: {one.found}" for one in lost),
        "; ".join(dict.fromkeys(one.hint for one in lost)),
    )


def check_scores_without_ledger(client: Client) -> HealthFinding:
    """Look for scores without a complete ledger row. A load leaves such scores if it is killed before it finishes."""
    rows = client.query(
        "select distinct model_id, corpus_id, step from raw_token_score"
        " where (model_id, corpus_id, step) not in"
        " (select model_id, corpus_id, step from raw_score_ledger final where is_complete) order by all"
    ).result_rows
    if not rows:
        return HealthFinding("scores without ledger", "ok", "none")
    examples = name_examples((model, corpus, step) for model, corpus, step in rows)
    return HealthFinding(
        "scores without ledger",
        "warning",
        f"{len(rows)} checkpoints, which nothing is derived from: {examples}",
        "run `trailhouse score` again",
    )


def check_staging_tables(client: Client) -> HealthFinding:
    """Look for staging tables, which belong to running or killed loads."""
    count, size_bytes = read_row(
        client,
        "select count(), sum(total_bytes) from system.tables where database = currentDatabase()"
        " and startsWith(name, {prefix:String})",
        {"prefix": STAGING_PREFIX},
    )
    if count == 0:
        return HealthFinding("abandoned staging tables", "ok", "none")
    return HealthFinding(
        "abandoned staging tables",
        "warning",
        f"{count} staging tables with {(size_bytes or 0) / 1e6:.1f} MB",
        "if no load is running, wait: `trailhouse score` drops those older than a day",
    )


def check_restores(client: Client) -> HealthFinding:
    """Look for databases that a killed restore left."""
    rows = client.query(
        "select name from system.databases where startsWith(name, concat('restored_', currentDatabase(), '_'))"
        " or startsWith(name, concat('replaced_', currentDatabase(), '_')) order by name"
    ).result_rows
    if not rows:
        return HealthFinding("abandoned restores", "ok", "none")
    names = ", ".join(str(name) for (name,) in rows)
    return HealthFinding("abandoned restores", "warning", f"{names} of a restore that was killed", "drop them")


def check_snapshots(client: Client) -> HealthFinding:
    """Look for snapshots that a killed backup left. They keep the disk space of rows that were replaced since."""
    names = find_abandoned_snapshots(client)
    if not names:
        return HealthFinding("abandoned snapshots", "ok", "none")
    return HealthFinding(
        "abandoned snapshots",
        "warning",
        f"{', '.join(names)} of a backup that was killed",
        "drop them, or run `trailhouse backup`, which drops them",
    )


def check_marts(client: Client) -> HealthFinding:
    """Check that the marts were derived after the latest scores were stored."""
    if not read_row(client, "exists table fct_validation_perplexity_by_checkpoint")[0]:
        return HealthFinding("marts", "warning", "nothing is derived yet", "run `trailhouse transform`")
    stale_count, scored_count = read_row(
        client,
        "select countIf(toDateTime(scored_at) > (select max(metadata_modification_time) from system.tables"
        " where database = currentDatabase() and name = 'fct_validation_perplexity_by_checkpoint')), count()"
        " from raw_score_ledger final where is_complete",
    )
    if stale_count:
        return HealthFinding(
            "marts",
            "warning",
            f"{stale_count} of {scored_count} checkpoints were scored after the marts were derived",
            "run `trailhouse transform`",
        )
    return HealthFinding("marts", "ok", f"derived after the last of {scored_count} checkpoints was scored")
