"""The page of the raw tables and their columns."""

from __future__ import annotations

from tests.documentation.reference.declared_tables import DeclaredTable, read_declared_tables
from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from tests.support.paths import MIGRATIONS
from trailhouse.warehouse.schema.migrations import read_migrations

INTRODUCTION = """\
Commands write these tables; the [data model](data_model.md) says which command writes which, and how. Units are in the
names: `_nats`, `_seconds`, `_bytes`. A table with the column `updated_at`, and each ledger, is read with `final`: of
the rows with one key, the latest counts.
"""


def write_raw_tables_page() -> str:
    """Return the page of the raw tables, from the comments in the migrations."""
    tables = read_declared_tables(read_migrations(MIGRATIONS))
    sections = [write_raw_table(tables[name]) for name in sorted(tables)]
    return "\n".join([write_introduction("Raw tables and their columns", INTRODUCTION), *sections])


def write_raw_table(table: DeclaredTable) -> str:
    """Return the section about one table."""
    rows = [(f"`{one.name}`", f"`{one.data_type}`", write_text(one.comment)) for one in table.columns]
    return f"## {table.name}\n{write_text(table.comment)}\n\n{write_table(('column', 'type', 'meaning'), rows)}"
