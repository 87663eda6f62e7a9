"""Ad-hoc SQL, columns of a table, sizes of tables, and which models are scored."""

import pytest

from tests.support.score_batches import load, score_batch, scored_partition
from trailhouse.errors import BadInputError
from trailhouse.warehouse.reading.query import (
    count_damaged_checkpoints,
    first_line,
    has_models,
    read_columns,
    read_table_sizes,
    run_sql,
)


@pytest.mark.parametrize(
    "statement",
    ["select 1 as x", "  -- comment\n select 1 as x;", "with 1 as y select y as x", "/* a */ (select 1 as x)"],
)
def test_statements_with_a_result_return_it(client, statement):
    assert run_sql(client, statement).to_pydict() == {"x": [1]}


def test_statements_without_a_result_return_an_empty_table(client):
    assert run_sql(client, "create table t (x Int32) engine = Memory").num_columns == 0
    assert run_sql(client, "select count() as n from t").to_pydict() == {"n": [0]}


def test_a_wrong_statement_is_refused_in_one_line_with_the_engines_reason(client):
    with pytest.raises(BadInputError, match="no_such_table") as refusal:
        run_sql(client, "select * from no_such_table")
    assert "\n" not in refusal.value.message
    assert refusal.value.message.count("DB::Exception") == 1


def test_an_empty_statement_is_refused(client):
    with pytest.raises(BadInputError, match="empty"):
        run_sql(client, " -- nothing\n")


def test_columns_are_read_in_order_and_filtered(client):
    client.command("create table t (b Int32, a String, c Int64) engine = Memory")
    client.command("insert into t (b, a, c) values (2, 'x', 1), (1, 'x', 1), (3, 'y', 1), (4, 'x', 2)")
    assert read_columns(client, "t", ["b", "a"], {"a": "x", "c": 1}).to_pydict() == {"b": [1, 2], "a": ["x", "x"]}


def test_a_missing_mart_says_to_transform(client):
    with pytest.raises(BadInputError, match="trailhouse transform"):
        read_columns(client, "fct_nothing", ["a"])


def test_of_several_rows_with_one_key_only_the_latest_is_read_where_that_is_asked_for(client):
    columns = "(k Int32, value String, version Int32)"
    client.command(f"create table t {columns} engine = ReplacingMergeTree(version) order by k")
    client.command("insert into t values (1, 'old', 1), (2, 'only', 1)")
    client.command("insert into t values (1, 'new', 2)")
    assert read_columns(client, "t", ["value"]).to_pydict() == {"value": ["new", "old", "only"]}
    assert read_columns(client, "t", ["value"], only_latest=True).to_pydict() == {"value": ["new", "only"]}


def test_checkpoints_with_a_status_other_than_ok_are_damaged(client):
    statuses = ["ok", "", "lost", "mixed", "ok"]
    rows = ", ".join(f"('s/m', {step}, '{status}')" for step, status in enumerate(statuses))
    client.command(f"insert into raw_checkpoint (model_id, step, audit_status) values {rows}")
    assert count_damaged_checkpoints(client) == 2


def test_an_error_is_shown_without_what_the_driver_and_the_engine_put_around_it():
    text = "HTTPDriver returned code 404, server response: Code: 60. No table\n here. (version 26.9) stack"
    assert first_line(ValueError(text)) == "Code: 60. No table here."
    assert first_line(ValueError("plain")) == "plain"


@pytest.mark.parametrize("statement", ["SHOW TABLES", "((select 1))", "describe table system.one", "exists table x"])
def test_every_reading_word_returns_rows_in_any_case(client, statement):
    assert run_sql(client, statement).num_columns > 0


def test_the_rows_and_bytes_of_each_table_are_listed(client):
    load(client, scored_partition(1), [score_batch(0, 2)])
    load(client, scored_partition(2), [score_batch(0, 3)])
    sizes = {one.table: one for one in read_table_sizes(client)}
    assert list(sizes) == sorted(sizes)
    assert sizes["raw_token_score"].row_count == 5
    assert sizes["raw_token_score"].size_bytes > 0


def test_the_marts_have_models_only_after_a_model_was_derived(client, address):
    assert not has_models(client, address.database)
    client.command("create table dim_model (model_id String) engine = MergeTree order by model_id")
    assert not has_models(client, address.database)
    client.command("insert into dim_model values ('a')")
    assert has_models(client, address.database)
