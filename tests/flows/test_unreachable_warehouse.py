"""Every command that needs the warehouse exits with 5 and one line if no warehouse answers."""

from types import SimpleNamespace

import pytest

from trailhouse.errors import TrailhouseError, UnreachableError
from trailhouse.flows import build_marts

COMMANDS = (
    ("status",),
    ("sql", "select 1"),
    ("sql", "--write", "drop table t"),
    ("ask", "tasks_by_accuracy", "--param", "suite_id=s"),
    ("init",),
    ("init", "--check"),
    ("corpus", "list"),
    ("corpus", "add", "text.txt", "--name", "text"),
    ("score", "dead.yaml", "--corpus", "text"),
    ("evaluate", "dead.yaml", "--tasks", "task.jsonl"),
    ("audit", "dead.yaml"),
    ("transform",),
    ("figures", "--suite", "s", "--corpus", "c"),
    ("show-passage", "--document", "0", "--model", "m"),
    ("backup", "copy"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_exits_with_5_and_one_line(command, trailhouse, make_tiny_suite, tmp_path, monkeypatch):
    if "dead.yaml" in command:
        make_tiny_suite("dead", [10])
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "task.jsonl").write_text('{"input": "a", "options": ["b", "c"], "answer": 0}\n' * 3)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_URL", "http://127.0.0.1:1")
    code, out, err = trailhouse(*command)
    assert (code, out) == (5, ""), err
    error, hint = [line for line in err.strip().splitlines() if not line.startswith("failed:")][-2:]
    assert error == "error: no warehouse answers at http://127.0.0.1:1"
    assert hint.startswith("  hint: ")


def make_result(*messages: str, exception: Exception | None = None) -> SimpleNamespace:
    node = SimpleNamespace(name="a", resource_type="model")
    results = [
        SimpleNamespace(node=node, status="error" if message else "success", message=message, execution_time=0.0)
        for message in messages
    ]
    return SimpleNamespace(exception=exception, result=SimpleNamespace(results=results, elapsed_time=0.0))


@pytest.fixture
def read_result(monkeypatch):
    monkeypatch.setattr(build_marts, "create_table_artifact", lambda *_, **__: None)
    return build_marts.read_result


def test_a_warehouse_that_stops_during_a_transformation_is_said_in_one_line(read_result):
    lost = "Database Error in model a\n  HTTPConnectionPool: Max retries exceeded ([Errno 111] Connection refused)"
    for result in (make_result("", "a syntax error", lost), make_result(exception=RuntimeError(lost))):
        with pytest.raises(UnreachableError) as raised:
            read_result(result)
        assert raised.value.message == "the warehouse stopped answering: Connection refused"


def test_another_failure_of_dbt_is_not_called_so(read_result):
    with pytest.raises(TrailhouseError, match="1 of 2 dbt nodes failed") as raised:
        read_result(make_result("", "a syntax error"))
    assert raised.value.exit_code != 5
