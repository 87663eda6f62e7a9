"""This module describes the states of tables, so that a later look finds which tables changed in between."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.schema.cluster import LOCAL_SUFFIX

# A part holds the blocks of rows from its first to its last block number. Merges keep the first and last number of a
# partition; inserts, replaced and dropped partitions change them. A mutation, which updates or deletes rows, raises the
# data version above all block numbers. A table that is made again has another UUID.
_STATES = """
with
    blocks as (
        select host, table, partition_id, min(first_block), max(last_block), max(mutation)
        from (
            select
                {host} as host, table, partition_id, min_block_number as first_block, max_block_number as last_block,
                if(data_version > max_block_number, data_version, 0) as mutation
            from {parts}
            where active and database = {{database:String}}
        )
        group by host, table, partition_id
    ),
    stored as (
        select table, arraySort(groupArray(tuple(* except (table)))) as partitions from blocks group by table
    )
select name, hex(sipHash128(toString(uuid), create_table_query, toString(partitions)))
from (select name, uuid, create_table_query from system.tables where database = {{database:String}}) as found
left join stored on found.name = stored.table
"""


def read_table_states(client: Client, database: str, cluster: str = "") -> dict[str, str]:
    """Return a text for every table and view of a database. Equal texts mean equal rows and equal definitions.

    The text of a table changes with every write, also with one that leaves the rows as they were. It does not change
    when ClickHouse merges parts of the table. On a cluster, the text of a table covers the rows on all nodes.
    """
    parts = f"clusterAllReplicas({quote_literal(cluster)}, system.parts)" if cluster else "system.parts"
    query = _STATES.format(host="hostName()" if cluster else "''", parts=parts)
    states = {str(name): str(state) for name, state in client.query(query, {"database": database}).result_rows}
    return {name: state + states.get(name + LOCAL_SUFFIX, "") for name, state in states.items()}
