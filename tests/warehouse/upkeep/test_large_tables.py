"""Tables of any size can be dropped, whatever limit the server has."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.upkeep.large_tables import ANY_SIZE, drop_database


def test_the_limit_on_dropping_is_lifted_for_tables_partitions_and_databases(client, address):
    client.command("create table large (a Int64) engine = MergeTree partition by a order by a as select 1")
    low = {"max_table_size_to_drop": 1, "max_partition_size_to_drop": 1}
    with pytest.raises(DatabaseError, match="TABLE_SIZE_EXCEEDS_MAX_DROP_SIZE_LIMIT"):
        client.command("drop table large", settings=low)
    with pytest.raises(DatabaseError, match="TABLE_SIZE_EXCEEDS_MAX_DROP_SIZE_LIMIT"):
        client.command("alter table large drop partition 1", settings=low)
    client.command("alter table large drop partition 1", settings=ANY_SIZE)
    with connect(address, needs_database=False) as other:
        drop_database(other, address.database)
        drop_database(other, address.database)
        found = other.query(f"select count() from system.databases where name = '{address.database}'").result_rows
    assert found == [(0,)]
