"""This module translates schema statements for a cluster. All tables are replicated, and large tables also sharded.

A table is sharded if model_id is the first column of its partition key, because such tables grow with the number of
checkpoints. On a cluster, a sharded table consists of two tables: ``<name>_local`` holds the rows and is replicated
within each shard, and the Distributed table ``<name>`` reads from all shards. All rows of a model and corpus are on one
shard, so that a token's scores over training are read from one shard.

Tables that are not sharded are small. Every node has a complete replica of each such table, so that a join or a view
reads these tables from its own node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier, quote_literal

LOCAL_SUFFIX = "_local"
# The path of a table in Keeper, and the name of a replica. The server replaces the macros {uuid}, {shard} and
# {replica}. Every table has its own {uuid}, so that tables of the same name in two databases have different paths.
# SHARD_REPLICA is for sharded tables, whose rows are replicated within a shard. WHOLE_REPLICA is for the other tables,
# whose rows are replicated on all nodes.
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
    """Translator of schema statements for a cluster. ``sharded`` contains the names of the tables to shard."""

    cluster: str
    database: str
    sharded: frozenset[str]

    @classmethod
    def read(cls, cluster: str, database: str, statements: Iterable[str]) -> ClusterSchema:
        """Return a translator that shards a table if its CREATE statement has model_id first in the partition key."""
        found = [(_CREATE.match(statement), _SHARDED.search(statement)) for statement in statements]
        return cls(cluster, database, frozenset(match["name"] for match, partition in found if match and partition))

    @property
    def on_cluster(self) -> str:
        """The ON CLUSTER clause, which runs a statement on every node."""
        return f"on cluster {quote_identifier(self.cluster)}"

    def write(self, statement: str) -> list[str]:
        """Translate one statement for the cluster. A sharded table needs two statements, any other table needs one.

        Raises ValueError if the statement is not CREATE TABLE, ALTER TABLE or DROP TABLE, because other statements
        cannot be translated.
        """
        if (created := _CREATE.match(statement)) is not None:
            return self._create(created["create"], created["name"], statement[created.end() :])
        if (changed := _CHANGE.match(statement)) is not None:
            name = changed["name"]
            names = [name + LOCAL_SUFFIX, name] if name in self.sharded else [name]
            rest = f"{self.on_cluster}{statement[changed.end() :]}"
            return [f"{changed['verb']} {quote_identifier(self.database, each)} {rest}" for each in names]
        raise ValueError(f"cannot be translated for a cluster: {statement[:80]}")

    def _create(self, create: str, name: str, definition: str) -> list[str]:
        if name not in self.sharded:
            replicated = f"{create} {quote_identifier(self.database, name)} {self.on_cluster}"
            return [replicated + replicate_engine(definition, WHOLE_REPLICA)]
        local = f"{create} {quote_identifier(self.database, name + LOCAL_SUFFIX)} {self.on_cluster}"
        table = ShardedTable(self.cluster, self.database, name + LOCAL_SUFFIX, sharding_key(definition))
        return [local + replicate_engine(definition, SHARD_REPLICA), table.distribute(create, name, table.local)]


def replicate_engine(definition: str, replica: tuple[str, str]) -> str:
    """Return the definition of a table with its MergeTree engine replaced by the Replicated variant of the engine.

    ``definition`` is the part of a CREATE TABLE statement after the table's name. ``replica`` has the path in
    Keeper and the replica's name, which become the first two arguments of the engine.
    """
    match = _ENGINE.search(definition)
    if match is None:
        raise ValueError(f"no MergeTree engine on a line of its own: {definition[:80]}")
    arguments = ", ".join([*replica, *([match["arguments"]] if match["arguments"] else [])])
    return f"{definition[: match.start()]}engine = Replicated{match['engine']}({arguments}){definition[match.end() :]}"


def sharding_key(definition: str) -> str:
    """Return the sharding expression of a table, which is a hash of the partition columns other than the step.

    The step is left out, so that all steps of a model and corpus are on one shard.
    """
    match = _SHARDED.search(definition)
    if match is None:
        raise ValueError(f"not partitioned by model: {definition[:80]}")
    columns = [column.strip() for column in match["columns"].split(",") if column.strip() != "step"]
    return f"cityHash64({', '.join(columns)})"


@dataclass(frozen=True)
class ShardedTable:
    """A sharded table: its cluster, the local table that holds the rows, and the sharding expression."""

    cluster: str
    database: str
    local: str
    key: str

    def distribute(self, create: str, name: str, local: str) -> str:
        """Return the statement that creates a Distributed table ``name`` over the local tables ``local``."""
        arguments = ", ".join([*map(quote_literal, (self.cluster, self.database, local)), self.key])
        return (
            f"{create} {quote_identifier(self.database, name)} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, local)}\nengine = Distributed({arguments})"
        )

    def create_staging_table(self, staging: str) -> list[str]:
        """Return the statements that create a staging table that is sharded like this table.

        Each row is therefore inserted on the shard on which it stays when the staging table replaces the partition.
        """
        local = quote_identifier(self.database, staging + LOCAL_SUFFIX)
        return [
            f"create table {local} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, self.local)}",
            self.distribute("create table", staging, staging + LOCAL_SUFFIX),
        ]

    def replace_partition(self, staging: str, expression: str, server_version: tuple[int, int]) -> list[str]:
        """Return the statements that replace one partition on every shard by the content of the staging table.

        The first statement waits until every replica has all rows of the staging table. If a shard has no rows of the
        staging table, the shard drops its rows of the partition. Otherwise old rows could remain after the number of
        shards changed.
        """
        on_cluster = f"on cluster {quote_identifier(self.cluster)}"
        source = quote_identifier(self.database, staging + LOCAL_SUFFIX)
        # Servers since version 26.6 need this setting if the staging table has no rows. Older servers do not know it.
        allowed = ", allow_replace_partition_from_empty_source = 1" if server_version >= (26, 6) else ""
        return [
            f"system sync replica {on_cluster} {source}",
            f"alter table {quote_identifier(self.database, self.local)} {on_cluster}"
            f" replace partition {expression} from {source} settings alter_sync = 2{allowed}",
        ]

    def drop_staging_table(self, staging: str) -> list[str]:
        """Return the statements that drop a staging table on every node, even if it was created only in part."""
        names = [quote_identifier(self.database, name) for name in (staging, staging + LOCAL_SUFFIX)]
        return [f"drop table if exists {name} on cluster {quote_identifier(self.cluster)} sync" for name in names]


def find_sharded_table(client: Client, table: str) -> ShardedTable | None:
    """Return how a table is sharded; None if the table is not a Distributed table."""
    rows = client.query(
        "select engine_full from system.tables where database = currentDatabase() and name = {table:String}"
        " and engine = 'Distributed'",
        parameters={"table": table},
    ).result_rows
    return read_engine(rows[0][0]) if rows else None


def refuse_cluster(client: Client, database: str, cluster: str = "") -> None:
    """Raise UsageError if the database has tables on a cluster, or if ``cluster`` is not empty.

    Backup and restore call this function, because they use one node, and a node has only the rows of its shard.
    """
    rows = client.query(CLUSTER_TABLE, parameters={"database": database}).result_rows
    if rows or cluster:
        reason = f"{rows[0][0]} is spread over its nodes" if rows else f"its tables are made on {cluster}"
        raise UsageError(
            f"the database {database} is on a cluster: {reason}, and a copy through one node would miss rows of others",
            "use the cluster's own BACKUP and RESTORE ... ON CLUSTER: see docs/how_to/deployment.md",
        )


def read_engine(engine_full: str) -> ShardedTable:
    """Parse the engine of a Distributed table, given as in ``system.tables.engine_full``.

    Raises ValueError if the engine is not Distributed or has no sharding key.
    """
    match = _DISTRIBUTED.match(engine_full)
    if match is None:
        raise ValueError(f"not a Distributed table with a sharding key: {engine_full}")
    return ShardedTable(match["cluster"], match["database"], match["local"], match["key"])
