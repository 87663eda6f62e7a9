"""This module has the settings of the queries over n-grams. They bound the memory; above half of it, queries spill."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row

MAXIMUM_QUERY_BYTES = 64 << 20  # a query names every shard: 22 bytes for each, several times


def bound_memory(client: Client, memory_bytes: int) -> dict[str, int]:
    """Return the settings of a query that may take ``memory_bytes``, or less if the server allows less.

    Aggregation and sorting spill to the disk above half of the bound, so that they need no more memory for a larger
    corpus.
    """
    allowed = int(read_row(client, "select toUInt64(getSetting('max_memory_usage'))")[0])
    bound = min(memory_bytes, allowed) if allowed else memory_bytes
    return {
        "max_memory_usage": bound,
        "max_bytes_before_external_group_by": bound // 2,
        "max_bytes_before_external_sort": bound // 2,
        "max_query_size": MAXIMUM_QUERY_BYTES,
        "use_index_for_in_with_subqueries": 0,  # for a set of many n-grams, the index costs more than it saves
    }
