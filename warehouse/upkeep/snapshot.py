"""This module freezes the tables of a warehouse, so that a backup reads them while checkpoints are scored.

A snapshot is a database ``snapshot_<database>_<hex>`` with a copy of every table. The parts of a MergeTree table never
change, so the server copies them as hard links, without reading rows. The tables are copied one after the other:

    marts -> ledgers -> catalogue and other raw tables -> scores -> ledgers again

A checkpoint is in the snapshot if both copies of the ledger state it alike; see ``snapshot_ledgers``. What a checkpoint
needs in the catalogue is written before its scores, and therefore is in the snapshot, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.support.processes import identify_process
from trailhouse.support.quoting import quote_identifier, quote_literal
from trailhouse.warehouse.connection import WarehouseAddress, connect, read_row
from trailhouse.warehouse.loading.partition_load import STAGING_PREFIX
from trailhouse.warehouse.upkeep.backup_manifest import Progress
from trailhouse.warehouse.upkeep.large_tables import drop_database
from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows
from trailhouse.warehouse.upkeep.snapshot_ledgers import (
    LEDGERS,
    PARTITIONS_PER_STATEMENT,
    SCORE_TABLES,
    keep_stated_scores,
    second_copy,
)
from trailhouse.warehouse.upkeep.table_digest import list_stored_tables, read_digest

# The name of a mart that dbt is just building contains this text.
_UNFINISHED_MART = "__dbt_"
# A corpus, a task, an audit and similarities are written in two steps: first the rows of one table, then a row that
# states them.
_STATEMENTS = {
    "raw_corpus": "raw_document",
    "raw_task": "raw_task_item",
    "raw_audit_run": "raw_checkpoint_audit",
    "raw_word_vectors": "raw_semantic_similarity",
}
_ATTEMPTS = 10
_SECONDS_BETWEEN_ATTEMPTS = 0.5
# A snapshot of a backup on another machine counts as abandoned after this time.
_LIFETIME_SECONDS = 48 * 3600


@dataclass(frozen=True)
class Snapshot:
    """Frozen tables of a warehouse. ``address`` names the database that holds them."""

    address: WarehouseAddress
    engines: Mapping[str, str]
    """The engine of each frozen table, by table name."""
    definitions: Mapping[str, str]
    """The CREATE statements of the tables and views of the warehouse, by name."""
    left_out_count: int
    """Number of checkpoints and evaluations whose rows are not in the snapshot, because the ledgers do not state them.

    They were being stored, replaced or removed while the tables were frozen, or a killed load left them.
    """


@contextlib.contextmanager
def open_snapshot(address: WarehouseAddress, progress: Progress = lambda *_: None) -> Iterator[Snapshot]:
    """Freeze the tables of ``address`` for the time of the block. Snapshots that killed backups left are dropped first.

    Raises UsageError if corpora, tasks or the schema change again and again while the tables are frozen.
    """
    database = f"{_prefix(address.database)}{uuid.uuid4().hex[:8]}"
    owner = json.dumps({"host": socket.gethostname(), "process": identify_process(os.getpid()), "at": time.time()})
    frozen = replace(address, database=database)
    try:
        with connect(address) as client:
            for name in find_abandoned_snapshots(client):
                drop_database(client, name)
            client.command(f"create database {quote_identifier(database)} comment {quote_literal(owner)}")
        with connect(address) as client, connect(frozen) as frozen_client:
            freeze_tables(client, frozen_client, progress)
            left_out_count = keep_stated_scores(frozen_client)
            definitions = read_definitions(client)
            engines = {name: one for name, one in list_stored_tables(frozen_client).items() if name in definitions}
            check_columns(client, database, engines)
        yield Snapshot(frozen, engines, definitions, left_out_count)
    finally:
        # If the server cannot be reached any more, the next backup drops the snapshot.
        with contextlib.suppress(ClickHouseError, TrailhouseError), connect(address) as client:
            drop_database(client, database)


def freeze_tables(client: Client, frozen: Client, progress: Progress) -> None:
    """Copy the tables of ``client`` to the database of ``frozen``, in the order that the module describes."""
    source = str(client.database)
    names = [name for name in list_stored_tables(client) if _UNFINISHED_MART not in name]
    raw = [name for name in names if name.startswith("raw_")]
    scores = [name for name in raw if name in SCORE_TABLES]
    ledgers = [name for name in raw if name in LEDGERS]
    catalogue = [name for name in raw if name not in (*scores, *ledgers)]
    marts = [name for name in names if name not in raw]
    done = 0

    def freeze(tables: Iterable[str]) -> None:
        nonlocal done
        for table in tables:
            progress("Freezing", done, len(names), table)
            freeze_table(frozen, source, table)
            done += 1

    freeze(marts)
    freeze(ledgers)
    freeze_catalogue(client, frozen, catalogue)
    done += len(catalogue)
    freeze(scores)
    for ledger in ledgers:
        freeze_table(frozen, source, ledger, second_copy(ledger))
    progress("Freezing", len(names), len(names), "")


def freeze_table(frozen: Client, source: str, table: str, copy: str = "") -> None:
    """Copy the table of the database ``source`` to the database of ``frozen``, as ``copy`` or under its own name.

    dbt may replace a mart between the statements, and a partition may be dropped. The statements are then repeated. A
    table that was dropped is left out.
    """
    original, target = quote_identifier(source, table), quote_identifier(copy or table)
    for attempt in range(_ATTEMPTS):
        try:
            frozen.command(f"create or replace table {target} as {original}")
            # Copies need not survive a power failure, and flushing each part takes four times as long as linking it.
            frozen.command(f"alter table {target} modify setting fsync_after_insert = 0, fsync_part_directory = 0")
            for statement in write_links(frozen, source, table, target):
                frozen.command(statement)
        except DatabaseError:
            if not read_row(frozen, f"exists table {original}")[0]:
                frozen.command(f"drop table if exists {target} sync")
                return
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def write_links(frozen: Client, source: str, table: str, target: str) -> Iterator[str]:
    """Yield the statements that link the partitions of the table of the database ``source`` to the table ``target``.

    A statement has the same effect if it is sent twice, because the answer to the first was lost.
    """
    rows = frozen.query(
        "select distinct partition_id from system.parts where active and database = {source:String}"
        " and table = {table:String} order by partition_id",
        parameters={"source": source, "table": table},
    ).result_rows
    original = quote_identifier(source, table)
    links = [f"replace partition id {quote_literal(str(name))} from {original}" for (name,) in rows]
    for first in range(0, len(links), PARTITIONS_PER_STATEMENT):
        yield f"alter table {target} {', '.join(links[first : first + PARTITIONS_PER_STATEMENT])}"


def freeze_catalogue(client: Client, frozen: Client, tables: list[str]) -> None:
    """Copy the catalogue. Repeat this if a corpus, a task or an audit was being written meanwhile.

    Rows that the warehouse itself has lost are missing in the copy, too. Raises UsageError if corpora, tasks or audits
    are written in every attempt.
    """
    engines = list_stored_tables(client)
    stating = [name for name in _STATEMENTS if name in tables]
    for attempt in range(_ATTEMPTS):
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS if attempt else 0)
        for table in (*stating, *(name for name in tables if name not in stating)):
            freeze_table(frozen, str(client.database), table)
        is_unchanged = all(
            read_digest(client, name, engines[name]) == read_digest(frozen, name, engines[name]) for name in stating
        )
        if is_unchanged and not {one.table for one in find_lost_rows(frozen)} & set(_STATEMENTS.values()):
            return
    if not is_unchanged:
        raise UsageError("corpora or tasks changed during the backup", "run it again when no corpus or task is added")


def check_columns(client: Client, database: str, engines: Mapping[str, str]) -> None:
    """Raise UsageError if a table has got other columns since it was copied to ``database``."""
    rows = client.query(
        "select table from (select database, table, groupArray((name, type, default_kind)) as columns"
        " from (select * from system.columns where database in (currentDatabase(), {frozen:String})"
        " and table in {tables:Array(String)} order by position) group by database, table)"
        " group by table having uniqExact(columns) > 1",
        parameters={"frozen": database, "tables": list(engines)},
    ).result_rows
    if rows:
        raise UsageError(f"the columns of {rows[0][0]} changed during the backup", "run it again")


def read_definitions(client: Client) -> dict[str, str]:
    """Return the CREATE statements of the tables and views of the database, by name. Staging tables are left out."""
    rows = client.query(
        "select name, create_table_query from system.tables where database = currentDatabase()"
        " and (engine like '%MergeTree' or engine like '%View') and not startsWith(name, {prefix:String})"
        " and position(name, {unfinished:String}) = 0 order by name",
        parameters={"prefix": STAGING_PREFIX, "unfinished": _UNFINISHED_MART},
    ).result_rows
    return {str(name): str(text) for name, text in rows}


def find_abandoned_snapshots(client: Client) -> list[str]:
    """Return the names of the snapshots of the client's database whose backup was killed."""
    rows = client.query(
        "select name, comment from system.databases where startsWith(name, {prefix:String}) order by name",
        parameters={"prefix": _prefix(str(client.database))},
    ).result_rows
    return [str(name) for name, comment in rows if is_abandoned(str(comment))]


def is_abandoned(comment: str) -> bool:
    """Return whether the backup that wrote the comment of a snapshot has ended.

    On this machine, its process is looked up. A backup on another machine counts as ended after two days. A database
    with another comment is no snapshot, whatever its name is, and never counts as abandoned.
    """
    try:
        owner = json.loads(comment)
        host, process, created_at = owner["host"], str(owner["process"]), float(owner["at"])
        number = int(process.partition(":")[0])
    except (ValueError, KeyError, TypeError):
        return False
    if host == socket.gethostname():
        return identify_process(number) != process
    return time.time() - created_at > _LIFETIME_SECONDS


def _prefix(database: str) -> str:
    return f"snapshot_{database}_"
