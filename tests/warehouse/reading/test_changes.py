"""What a statement changes, said before it is run."""

import pytest

from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.changes import describe_change


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("drop table t", "removes table t with 3 rows"),
        ("DROP TABLE IF EXISTS t SYNC", "removes table t with 3 rows"),
        ("drop table `t`", "removes table t with 3 rows"),
        ("drop table {database}.t", "removes table {database}.t with 3 rows"),
        ("drop table t_", "removes table t_"),
        ("-- first\ntruncate t", "removes every row of table t with 3 rows"),
        ("insert into t values (1)", "adds rows to table t with 3 rows"),
        ("insert into table t select 1", "adds rows to table t with 3 rows"),
        ("alter table t delete where 1", "changes table t with 3 rows"),
        ("delete from t where a = 1", "removes rows of table t with 3 rows"),
        ("create table other (a Int8) engine = Memory", "creates table other"),
        ("create or replace view other as select 1", "creates view other"),
        ("rename table t to u", "renames table t with 3 rows"),
        ("drop database {database}", "removes database {database} with 1 tables and 3 rows"),
        ("system reload config", "may change anything that the user of the warehouse may change"),
        ("with 1 as a insert into t select a", "may change anything that the user of the warehouse may change"),
    ],
)
def test_a_statement_is_described_with_the_rows_that_it_concerns(statement, sentence, empty_address):
    database = empty_address.database
    with connect(empty_address, needs_database=False) as client:
        client.command(f"create database {database}")
    with connect(empty_address) as client:
        client.command("create table t (a Int8) engine = MergeTree order by a")
        client.command("insert into t values (1), (2), (3)")
        described = describe_change(client, statement.format(database=database))
    assert described == sentence.format(database=database)
