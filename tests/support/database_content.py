"""The content of a database as digests of its tables, without columns that differ from run to run."""

from __future__ import annotations

from collections.abc import Collection

from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.upkeep.table_digest import TableDigest, list_stored_tables, read_digest

# times, durations and identifiers of runs
VOLATILE_COLUMNS = frozenset({
    "applied_at", "updated_at", "discovered_at", "scored_at", "scoring_run_id", "duration_seconds", "evaluated_at",
    "finished_at", "started_at", "tokens_per_second", "imported_at", "last_scored_at",
})  # fmt: skip
# tables about the runs of commands
VOLATILE_TABLES = frozenset({"raw_scoring_run", "build_record"})


def read_content(address: WarehouseAddress, tables: Collection[str] | None = None) -> dict[str, TableDigest]:
    """Return the digest of each table of the database, or of the named tables only."""
    with connect(address) as client:
        return {
            table: read_digest(client, table, engine, VOLATILE_COLUMNS)
            for table, engine in list_stored_tables(client).items()
            if table not in VOLATILE_TABLES and (tables is None or table in tables)
        }


def describe_difference(content: dict[str, TableDigest], expected: dict[str, TableDigest]) -> str:
    """Name the tables that differ, with their row counts; return an empty text where none does."""
    names = sorted(name for name in content | expected if content.get(name) != expected.get(name))
    return ", ".join(
        f"{name} ({content[name].row_count if name in content else 'no table'} rows,"
        f" {expected[name].row_count if name in expected else 'no table'} expected)"
        for name in names
    )
