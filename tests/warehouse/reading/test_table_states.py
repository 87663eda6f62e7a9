"""The state of a table changes with its rows and its definition, and stays when ClickHouse merges its parts."""

import pytest

from trailhouse.warehouse.reading.table_states import read_table_states

CREATE = (
    "create table kept (k String, v Int64, at UInt64, note String) engine = ReplacingMergeTree(at)"
    " partition by k order by (k, v)"
)


@pytest.fixture
def state(address, client):
    """A table with two parts in one partition and one in another, and a function that reads the table's state."""
    client.command(CREATE)
    for row in ("('a', 1, 1)", "('a', 1, 2)", "('b', 2, 1)"):
        client.command(f"insert into kept (k, v, at) values {row}")
    return lambda name="kept": read_table_states(client, address.database)[name]


def test_merges_keep_the_state_of_a_table(state, client):
    before, rows = state(), client.query("select count() from kept").result_rows
    client.command("optimize table kept final")
    assert client.query("select count() from kept").result_rows != rows
    assert state() == before


@pytest.mark.parametrize(
    "change",
    [
        ["insert into kept (k, v, at) values ('a', 3, 1)"],
        ["insert into kept (k, v, at) values ('c', 3, 1)"],
        ["delete from kept where v = 2"],
        ["alter table kept update note = 'x' where v = 2 settings mutations_sync = 2"],
        ["alter table kept drop partition 'b'"],
        ["truncate table kept"],
        ["alter table kept add column w Int64 default 5"],
        [
            "drop table kept sync",
            CREATE,
            *(f"insert into kept (k, v, at) values {r}" for r in ("('a', 1, 1)", "('b', 2, 1)")),
        ],
        [
            "create table other as kept",
            "insert into other (k, v, at) values ('b', 2, 1)",
            "alter table kept replace partition 'b' from other",
        ],
        ["create table other as kept", "exchange tables kept and other"],
    ],
)
def test_every_change_of_rows_or_definition_changes_the_state(state, client, change):
    before = state()
    for statement in change:
        client.command(statement)
    assert state() != before


def test_a_view_has_another_state_after_it_was_written_anew(state, client):
    client.command("create view shown as select v from kept")
    before = state("shown")
    client.command("insert into kept (k, v, at) values ('a', 3, 1)")
    assert state("shown") == before, "only the table under the view changed"
    client.command("create or replace view shown as select v + 1 as v from kept")
    assert state("shown") != before
