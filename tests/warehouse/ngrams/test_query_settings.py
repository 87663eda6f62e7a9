"""Queries over n-grams have bounded memory and use the disk beyond half of it."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.warehouse.ngrams.query_settings import bound_memory

# 3 million groups of 16 bytes
LARGE_COUNT = "select count() from (select number, count() from numbers(3000000) group by number, number + 1)"


def test_a_count_beyond_the_bound_spills_instead_of_failing(client):
    settings = bound_memory(client, 150 << 20)
    assert client.query(LARGE_COUNT, settings=settings).result_rows == [(3_000_000,)]
    unable_to_spill = {
        **settings,
        "max_bytes_before_external_group_by": 0,
        "max_bytes_ratio_before_external_group_by": 0,
    }
    with pytest.raises(DatabaseError, match="MEMORY_LIMIT_EXCEEDED"):
        client.query(LARGE_COUNT, settings=unable_to_spill)


def test_the_bound_is_at_most_that_of_the_server(client):
    ((allowed,),) = client.query("select toUInt64(getSetting('max_memory_usage'))").result_rows
    assert allowed > 0
    assert bound_memory(client, allowed * 2)["max_memory_usage"] == allowed
    assert bound_memory(client, allowed // 2)["max_memory_usage"] == allowed // 2
