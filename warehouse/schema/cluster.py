"""The schema on a cluster: what one server keeps in one table is sharded and replicated there.

Tables that grow with the number of checkpoints are partitioned by model first. On a cluster they become
``<name>_local``, replicated within each shard, behind a Distributed table of the old name; all rows of a model and
corpus lie on one shard, so that a series is never put together from two. All other tables are small, and a replica
of the whole table lies on every node, so that joins and views stay local.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier, quote_literal

LOCAL_SUFFIX = "_local"
# {uuid}, {shard} and {replica} are macros of the server; the table's own identity keeps a copy's path apart
SHARD_REPLICA = ("'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'")
WHOLE_REPLICA = ("'/clickhouse/tables/{uuid}/all'", "'{shard}-{replica}'")

_CREATE = re.compile(r"(?P<create>create table(?: if not exists)?) (?P<name>\w+)(?= \()")
_ENGINE = re.compile(r"^engine = (?P<engine>\w*MergeTree)(?:\((?P<arguments>[^)\n]*)\))?", re.MULTILINE)
_SHARDED = re.compile(r"^partition by \((?P<columns>model_id[^)]*)\)", re.MULTILINE)
_CHANGE = re.compile(r"(?P<verb>alter table|drop table(?: if exists)?) (?P<name>\w+)")
CLUSTER_TABLE = (
    "select name from system.tables where database = {database:String}"
    " and (engine = 'Distributed' or startsWith(engine, 'Replicated')) order by name limit 1"
)
_DISTRIBUTED = re.compile(
    r"Distributed\('(?P<cluster>[^']*)', '(?P<database>[^']*)', '(?P<local>[^']*)', (?P<key>.*)\)$"
)


@dataclass(frozen=True)
class ClusterSchema:
    """How the statements of a schema are written for the cluster that holds ``database``."""

    cluster: str
    database: str
    sharded: frozenset[str]

    @classmethod
    def read(cls, cluster: str, database: str, statements: Iterable[str]) -> ClusterSchema:
        """Find the tables to shard among all statements of all migrations: those partitioned by model."""
        found = [(_CREATE.match(statement), _SHARDED.search(statement)) for statement in statements]
        return cls(cluster, database, frozenset(match["name"] for match, partition in found if match and partition))

    @property
    def on_cluster(self) -> str:
        """The clause that runs a statement on every node."""
        return f"on cluster {quote_identifier(self.cluster)}"

    def write(self, statement: str) -> list[str]:
        """The forms of one statement: one where the table is whole on every node, two where it is sharded.

        Raises ValueError for a statement that has no form for a cluster: the migration has to be written otherwise.
        """
        if (created := _CREATE.match(statement)) is not None:
            return self._create(created["create"], created["name"], statement[created.end() :])
        if (changed := _CHANGE.match(statement)) is not None:
            name = changed["name"]
            names = [name + LOCAL_SUFFIX, name] if name in self.sharded else [name]
            rest = f"{self.on_cluster}{statement[changed.end() :]}"
            return [f"{changed['verb']} {quote_identifier(self.database, each)} {rest}" for each in names]
        raise ValueError(f"no form for a cluster: {statement[:80]}")

    def _create(self, create: str, name: str, definition: str) -> list[str]:
        if name not in self.sharded:
            whole = f"{create} {quote_identifier(self.database, name)} {self.on_cluster}"
            return [whole + replicate_engine(definition, WHOLE_REPLICA)]
        local = f"{create} {quote_identifier(self.database, name + LOCAL_SUFFIX)} {self.on_cluster}"
        table = ShardedTable(self.cluster, self.database, name + LOCAL_SUFFIX, sharding_key(definition))
        return [local + replicate_engine(definition, SHARD_REPLICA), table.distribute(create, name, table.local)]


def replicate_engine(definition: str, replica: tuple[str, str]) -> str:
    """Put ``Replicated`` before the engine of a CREATE TABLE, and the replica's path before its arguments."""
    match = _ENGINE.search(definition)
    if match is None:
        raise ValueError(f"no MergeTree engine on a line of its own: {definition[:80]}")
    arguments = ", ".join([*replica, *([match["arguments"]] if match["arguments"] else [])])
    return f"{definition[: match.start()]}engine = Replicated{match['engine']}({arguments}){definition[match.end() :]}"


def sharding_key(definition: str) -> str:
    """The columns that decide the shard: the partition's, but for the step, so that a series lies on one shard."""
    match = _SHARDED.search(definition)
    if match is None:
        raise ValueError(f"not partitioned by model: {definition[:80]}")
    columns = [column.strip() for column in match["columns"].split(",") if column.strip() != "step"]
    return f"cityHash64({', '.join(columns)})"


@dataclass(frozen=True)
class ShardedTable:
    """Where the rows behind a Distributed table lie."""

    cluster: str
    database: str
    local: str
    key: str

    def distribute(self, create: str, name: str, local: str) -> str:
        """Create a Distributed table over ``local``, with its columns and the sharding key of this one."""
        arguments = ", ".join([*map(quote_literal, (self.cluster, self.database, local)), self.key])
        return (
            f"{create} {quote_identifier(self.database, name)} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, local)}\nengine = Distributed({arguments})"
        )

    def create_staging_table(self, stage: str) -> list[str]:
        """Create a stage of the same shape: rows sent to it go to the shards they will stay on."""
        local = quote_identifier(self.database, stage + LOCAL_SUFFIX)
        return [
            f"create table {local} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, self.local)}",
            self.distribute("create table", stage, stage + LOCAL_SUFFIX),
        ]

    def replace_partition(self, stage: str, expression: str, server_version: tuple[int, int]) -> list[str]:
        """Swap one partition on every shard, once every replica has all rows of the stage.

        A shard that has no rows in the stage drops those it had: nothing stays behind where shards were added.
        """
        on_cluster = f"on cluster {quote_identifier(self.cluster)}"
        source = quote_identifier(self.database, stage + LOCAL_SUFFIX)
        # from 26.6 on the server refuses a source without rows unless told otherwise; older ones do not know the word
        allowed = ", allow_replace_partition_from_empty_source = 1" if server_version >= (26, 6) else ""
        return [
            f"system sync replica {on_cluster} {source}",
            f"alter table {quote_identifier(self.database, self.local)} {on_cluster}"
            f" replace partition {expression} from {source} settings alter_sync = 2{allowed}",
        ]

    def drop_staging_table(self, stage: str) -> list[str]:
        """Drop a stage, or what is left of it, on every node."""
        names = [quote_identifier(self.database, name) for name in (stage, stage + LOCAL_SUFFIX)]
        return [f"drop table if exists {name} on cluster {quote_identifier(self.cluster)} sync" for name in names]


def find_sharded_table(client: Client, table: str) -> ShardedTable | None:
    """Say where the rows of a table lie, if it is a Distributed one; None for a table of this server."""
    rows = client.query(
        "select engine_full from system.tables where database = currentDatabase() and name = {table:String}"
        " and engine = 'Distributed'",
        parameters={"table": table},
    ).result_rows
    return read_engine(rows[0][0]) if rows else None


def refuse_cluster(client: Client, database: str, cluster: str = "") -> None:
    """Raise UsageError where tables of the database lie on a cluster, or are to be made on the one named."""
    rows = client.query(CLUSTER_TABLE, parameters={"database": database}).result_rows
    if rows or cluster:
        reason = f"{rows[0][0]} is spread over its nodes" if rows else f"its tables are made on {cluster}"
        raise UsageError(
            f"the database {database} is on a cluster: {reason}, and a copy through one node would miss the others",
            "let the cluster do it, with BACKUP and RESTORE ... ON CLUSTER: see docs/deployment.md",
        )


def read_engine(engine_full: str) -> ShardedTable:
    """Read the definition of a Distributed table as the server states it."""
    match = _DISTRIBUTED.match(engine_full)
    if match is None:
        raise ValueError(f"not a Distributed table with a sharding key: {engine_full}")
    return ShardedTable(match["cluster"], match["database"], match["local"], match["key"])
