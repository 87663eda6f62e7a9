"""The schema on a cluster: tables are replicated, and the large ones are sharded as well.

Tables that grow with the number of checkpoints have model_id as the first column of their partition key. On a cluster
such a table becomes ``<name>_local``, which is replicated within each shard, and a Distributed table ``<name>`` over
it. All rows of a model and corpus are on one shard, so that a token's scores over training are read from one shard.
All other tables are small. Every node has a replica of the whole table, so that joins and views need no other node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import UsageError
from trailhouse.support.quoting import quote_identifier, quote_literal

LOCAL_SUFFIX = "_local"
# {uuid}, {shard} and {replica} are macros of the server. {uuid} is unique to a table, so that a table of the same name
# in another database has another path in Keeper.
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
    """Writes the statements of a schema for a cluster; ``sharded`` names the tables that are sharded."""

    cluster: str
    database: str
    sharded: frozenset[str]

    @classmethod
    def read(cls, cluster: str, database: str, statements: Iterable[str]) -> ClusterSchema:
        """Find the tables to shard in the statements of all migrations: those partitioned by model first."""
        found = [(_CREATE.match(statement), _SHARDED.search(statement)) for statement in statements]
        return cls(cluster, database, frozenset(match["name"] for match, partition in found if match and partition))

    @property
    def on_cluster(self) -> str:
        """The ON CLUSTER clause, which runs a statement on every node."""
        return f"on cluster {quote_identifier(self.cluster)}"

    def write(self, statement: str) -> list[str]:
        """Translate one statement for the cluster: one statement for a replicated table, two for a sharded one.

        Raises ValueError for a statement other than CREATE TABLE, ALTER TABLE and DROP TABLE, which migrations for
        clusters cannot use.
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
    """Replace the MergeTree engine of a CREATE TABLE by its Replicated variant.

    ``replica`` is the path in Keeper and the replica's name; they become the first two arguments of the engine.
    """
    match = _ENGINE.search(definition)
    if match is None:
        raise ValueError(f"no MergeTree engine on a line of its own: {definition[:80]}")
    arguments = ", ".join([*replica, *([match["arguments"]] if match["arguments"] else [])])
    return f"{definition[: match.start()]}engine = Replicated{match['engine']}({arguments}){definition[match.end() :]}"


def sharding_key(definition: str) -> str:
    """Return the sharding expression of a table: a hash of its partition columns without the step.

    Leaving the step out puts all steps of a model and corpus on one shard.
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
        """Write the statement that creates a Distributed table ``name`` over ``local``, with this sharding key."""
        arguments = ", ".join([*map(quote_literal, (self.cluster, self.database, local)), self.key])
        return (
            f"{create} {quote_identifier(self.database, name)} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, local)}\nengine = Distributed({arguments})"
        )

    def create_staging_table(self, staging: str) -> list[str]:
        """Write the statements that create a staging table that is sharded like this table.

        Its rows are then on the shards where they stay after the partition is replaced.
        """
        local = quote_identifier(self.database, staging + LOCAL_SUFFIX)
        return [
            f"create table {local} on cluster {quote_identifier(self.cluster)}"
            f" as {quote_identifier(self.database, self.local)}",
            self.distribute("create table", staging, staging + LOCAL_SUFFIX),
        ]

    def replace_partition(self, staging: str, expression: str, server_version: tuple[int, int]) -> list[str]:
        """Write the statements that replace one partition on every shard by the content of the staging table.

        They first wait until every replica has all rows of the staging table. A shard without such rows drops its
        rows of the partition, so that no old rows remain where the number of shards was changed.
        """
        on_cluster = f"on cluster {quote_identifier(self.cluster)}"
        source = quote_identifier(self.database, staging + LOCAL_SUFFIX)
        # Servers from 26.6 on need this setting to accept a source without rows; older servers do not know it.
        allowed = ", allow_replace_partition_from_empty_source = 1" if server_version >= (26, 6) else ""
        return [
            f"system sync replica {on_cluster} {source}",
            f"alter table {quote_identifier(self.database, self.local)} {on_cluster}"
            f" replace partition {expression} from {source} settings alter_sync = 2{allowed}",
        ]

    def drop_staging_table(self, staging: str) -> list[str]:
        """Write the statements that drop a staging table on every node, also one that was created in part."""
        names = [quote_identifier(self.database, name) for name in (staging, staging + LOCAL_SUFFIX)]
        return [f"drop table if exists {name} on cluster {quote_identifier(self.cluster)} sync" for name in names]


def find_sharded_table(client: Client, table: str) -> ShardedTable | None:
    """Return how a table is sharded; None for a table that is not a Distributed one."""
    rows = client.query(
        "select engine_full from system.tables where database = currentDatabase() and name = {table:String}"
        " and engine = 'Distributed'",
        parameters={"table": table},
    ).result_rows
    return read_engine(rows[0][0]) if rows else None


def refuse_cluster(client: Client, database: str, cluster: str = "") -> None:
    """Raise UsageError if the database has tables on a cluster, or ``cluster`` names one to create them on.

    Backup and restore read through one node, which has only its own shard.
    """
    rows = client.query(CLUSTER_TABLE, parameters={"database": database}).result_rows
    if rows or cluster:
        reason = f"{rows[0][0]} is spread over its nodes" if rows else f"its tables are made on {cluster}"
        raise UsageError(
            f"the database {database} is on a cluster: {reason}, and a copy through one node would miss rows of others",
            "use the cluster's own BACKUP and RESTORE ... ON CLUSTER: see docs/deployment.md",
        )


def read_engine(engine_full: str) -> ShardedTable:
    """Parse the engine of a Distributed table as ``system.tables.engine_full`` states it.

    Raises ValueError for another engine, and for a Distributed table without a sharding key.
    """
    match = _DISTRIBUTED.match(engine_full)
    if match is None:
        raise ValueError(f"not a Distributed table with a sharding key: {engine_full}")
    return ShardedTable(match["cluster"], match["database"], match["local"], match["key"])
