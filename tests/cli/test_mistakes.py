"""Mistakes that people make: each is refused in one line with a hint and its exit code, and nothing is written.

Other files have those that need more than a command: weights with NaN, half a weights file and a missing tokenizer
(tests/flows/test_score_checkpoints.py), a full disk and a read-only directory (tests/reliability/test_full_disk.py),
Ctrl-C (tests/flows/test_command_end.py, tests/flows/pipeline/test_kills.py), two commands at once
(tests/flows/pipeline/test_sharing.py), a deleted data directory (tests/flows/services/test_warehouse.py), and that a
simple mistake is found before a large library is loaded (tests/cli/test_quick_start.py).
"""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.command_in_process import prepare_command
from tests.support.workplace import COMMAND
from trailhouse.warehouse.connection import WarehouseAddress

USAGE, INPUT, UNREACHABLE = 2, 3, 5
NO_WAREHOUSE = "127.0.0.1"
NO_GPU = "cuda:99"
GENERATE = ["generate", "--small", "miniature", "--large", "miniature", "--prompts", "c"]


@pytest.fixture
def refuses(tmp_path, monkeypatch, capfd) -> Callable[..., None]:
    """Run a command that must fail before it asks a warehouse: none answers. Nothing may be written."""
    nowhere = WarehouseAddress(NO_WAREHOUSE, 9, "nobody", "none")
    run = prepare_command(nowhere, tmp_path, monkeypatch, capfd)

    def require(arguments: Sequence[str], exit_code: int, words: str) -> None:
        before = list_files(tmp_path)
        check_refusal(run(*arguments), exit_code, words)
        assert list_files(tmp_path) == before

    return require


def check_refusal(result: tuple[int, str, str], exit_code: int, words: str) -> None:
    """Require one line about the mistake and one hint on stderr, and nothing on stdout."""
    code, out, err = result
    assert code == exit_code, err
    assert out == ""
    first, second = err.strip().splitlines()
    assert first.startswith("error: ")
    assert second.startswith("  hint: ")
    assert words in err


def list_files(directory: Path) -> list[Path]:
    """Return all files and directories below a directory."""
    return sorted(directory.rglob("*"))


def write(directory: Path, **files: str | bytes) -> None:
    """Write files; a double underscore in a name stands for its dot."""
    for name, content in files.items():
        path = directory / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


SUITE = "suite: typed\nsource: folder\ndescription: d\nmodels:\n"
MODEL = (
    "  - {name: m, location: /nowhere, step_pattern: 'step-(\\d+)', batch_tokens: 1, planned_steps: 1,"
    " context_length: 1"
)

ARGUMENTS: list[tuple[str, list[str], int, str]] = [
    # names
    ("a command", ["scroe"], USAGE, "No such command 'scroe'"),
    ("an option", ["status", "--jsno"], USAGE, "No such option: --jsno"),
    ("a question", ["ask", "most_forgoten_tokens"], USAGE, "did you mean 'most_forgotten_tokens'?"),
    ("a parameter", ["ask", "models_trained", "-p", "suit_id=s"], USAGE, "did you mean 'suite_id'?"),
    ("a parameter without a value", ["ask", "models_trained", "-p", "suite_id"], USAGE, "has no value"),
    ("a suite", ["suite", "show", "minature"], USAGE, "did you mean 'miniature'?"),
    ("a watched suite", ["watch", "minature", "--corpus", "c"], USAGE, "did you mean 'miniature'?"),
    ("a watched preset", ["watch", "miniature", "--corpus", "c", "--generate", "pss-pl"], INPUT, "did you mean ps-pl?"),
    ("watched tasks", ["watch", "miniature", "--corpus", "c", "--tasks", "no/tasks"], INPUT, "no/tasks"),
    # values
    ("text for a number", ["ask", "most_forgotten_tokens", "-p", "limit=abc"], USAGE, "limit=abc: a whole number"),
    ("a number below its type", ["ask", "most_forgotten_tokens", "-p", "limit=-1"], USAGE, "from 0 to 4294967295"),
    ("a setting", ["status", "--warehouse-url", "localhost:8123"], USAGE, "is not an http(s) URL"),
    ("a port of a URL", ["status", "--warehouse-url", "http://localhost:80x"], USAGE, "a port that is not a number"),
    ("a negative number of shots", ["evaluate", "miniature", "--shots", "-1"], USAGE, "greater than or equal to 0"),
    ("watched shots", ["watch", "miniature", "--corpus", "c", "--shots", "-1"], USAGE, "greater than or equal to 0"),
    ("a device", ["score", "miniature", "--corpus", "c", "--device", "tpu"], USAGE, "device 'tpu' is not known"),
    ("a GPU", ["score", "miniature", "--corpus", "c", "--device", NO_GPU], USAGE, "is not available here"),
    ("a GPU for tasks", ["evaluate", "miniature", "--device", NO_GPU], USAGE, "is not available here"),
    ("a watched GPU", ["watch", "miniature", "--corpus", "c", "--device", NO_GPU], USAGE, "is not available here"),
    ("a GPU for texts", [*GENERATE, "--device", NO_GPU], USAGE, "is not available here"),
    # paths
    ("a file of a suite", ["suite", "add", "nosuch.yaml"], USAGE, "nosuch.yaml"),
    ("a text", ["corpus", "add", "nosuch.txt", "--name", "c"], INPUT, "nosuch.txt"),
    ("a directory of tasks", ["task", "show", "cats", "--tasks", "nosuch"], INPUT, "nosuch"),
    ("results", ["import", "lm-eval", "nosuch"], INPUT, "nosuch"),
    ("a backup", ["restore", "nosuch"], USAGE, "nosuch"),
]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"), [row[1:] for row in ARGUMENTS], ids=[r[0] for r in ARGUMENTS]
)
def test_a_wrong_argument_is_named(refuses, arguments, exit_code, words):
    refuses(arguments, exit_code, words)


FILES: list[tuple[str, dict[str, str | bytes], list[str], int, str]] = [
    ("no YAML", {"s__yaml": "suite: [a"}, ["suite", "add", "s.yaml"], INPUT, "s.yaml, line 1"),
    ("a typo in a field", {"s__yaml": SUITE + MODEL + ", batch_token: 1}"}, ["suite", "add", "s.yaml"], INPUT,
     "did you mean 'batch_tokens'?"),
    ("a missing field", {"s__yaml": "suite: a\n"}, ["suite", "add", "s.yaml"], INPUT, "this field is missing"),
    ("text for a number in a field", {"s__yaml": SUITE + MODEL.replace("tokens: 1", "tokens: x") + "}"},
     ["suite", "add", "s.yaml"], INPUT, "line 5, models[0].batch_tokens: a whole number"),
    ("a text that is not UTF-8", {"a__txt": b"caf\xe9"}, ["corpus", "add", "a.txt", "--name", "c"], INPUT, "a.txt"),
    ("an empty text", {"a__txt": ""}, ["corpus", "add", "a.txt", "--name", "c"], INPUT, "a.txt"),
    ("an empty document", {"a__jsonl": '{"text": "a"}\n{"text": " "}\n'}, ["corpus", "add", "a.jsonl", "--name", "c"],
     INPUT, "a.jsonl, row 2, text: the document is empty"),
    ("a location that does not exist", {"s__yaml": SUITE + MODEL + "}"}, ["suite", "add", "s.yaml"], INPUT,
     "model m: there is no /nowhere"),
    ("a folder without tasks", {"tasks/notes__txt": "a"}, ["evaluate", "miniature", "--tasks", "tasks"], INPUT,
     "tasks: holds no file of a task"),
    ("a line of JSON cut short", {"a__jsonl": '{"text": "a"}\n{"text": '}, ["corpus", "add", "a.jsonl", "--name", "c"],
     INPUT, "a.jsonl"),
    ("a task that is no JSON", {"task__json": "{"}, ["task", "show", "cats", "--tasks", "task.json"], INPUT,
     "task.json"),
    ("an unknown setting", {"trailhouse__toml": "devise = 'cpu'"}, ["status"], USAGE, "devise"),
    ("settings that are no TOML", {"trailhouse__toml": "device"}, ["status"], USAGE, "trailhouse.toml is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "arguments", "exit_code", "words"), [row[1:] for row in FILES], ids=[r[0] for r in FILES]
)
def test_a_wrong_file_is_named_with_its_place(refuses, tmp_path, files, arguments, exit_code, words):
    write(tmp_path, **files)
    refuses(arguments, exit_code, words)


ASKED: list[tuple[str, list[str], int, str]] = [
    ("empty SQL", ["sql", "/* nothing */"], INPUT, "the statement is empty"),
    ("a watched corpus", ["watch", "miniature", "--corpus", "nosuch"], INPUT, "there is no corpus 'nosuch'"),
    ("SQL", ["sql", "selec 1"], INPUT, "the warehouse refused the statement"),
    ("SQL that writes", ["sql", "drop table raw_suite"], USAGE, "--write"),
]


def test_what_only_the_warehouse_knows_is_wrong_is_refused_and_changes_nothing(trailhouse, client):
    def count_rows() -> Sequence[Sequence[object]]:
        counts = (
            "select table, sum(rows) from system.parts where active and database = currentDatabase() group by table"
        )
        return client.query(f"{counts} order by table").result_rows

    before = count_rows()
    for _, arguments, exit_code, words in ASKED:
        check_refusal(trailhouse(*arguments), exit_code, words)
    assert count_rows() == before


def test_a_wrong_password_is_refused_and_not_shown(trailhouse, monkeypatch):
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_PASSWORD", "wrong-secret")
    code, out, err = trailhouse("status")
    assert (code, out) == (UNREACHABLE, "")
    assert "refused user" in err
    assert "wrong-secret" not in err


def test_a_port_on_which_no_warehouse_answers_is_named(trailhouse):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        code, out, err = trailhouse("status", "--warehouse-url", url)
    assert (code, out) == (UNREACHABLE, "")
    assert f"no warehouse answers at {url}" in err


def test_a_port_in_use_is_named(trailhouse, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = trailhouse("serve", "--port", port, "--data-directory", str(tmp_path / "data"))
    assert code == UNREACHABLE
    assert f"port {port} on 127.0.0.1 is in use" in err


def test_a_data_directory_that_is_a_file_is_named(trailhouse, tmp_path, monkeypatch):
    monkeypatch.delenv("TRAILHOUSE_WAREHOUSE_URL")
    (tmp_path / "file").write_text("")
    code, out, err = trailhouse("status", "--data-directory", "file")
    assert (code, out) == (USAGE, "")
    assert "cannot make the warehouse directory" in err


def test_without_a_home_and_with_spaces_and_other_scripts_in_paths_a_command_works(trailhouse, tmp_path, monkeypatch):
    monkeypatch.delenv("HOME")
    directory = tmp_path / "мои тексты — 東京"
    directory.mkdir()
    (directory / "a b.txt").write_text("One document.")
    code, out, err = trailhouse("corpus", "add", str(directory), "--name", "c", "--json")
    assert code == 0, err
    assert json.loads(out)["documents"] == 1
    assert "1 document\n" in trailhouse("corpus", "add", str(directory), "--name", "d")[2]


def test_a_document_of_three_megabytes_in_one_line_is_stored_whole(trailhouse, client, tmp_path):
    text = "the cat sat on the mat. " * 130_000
    (tmp_path / "long.jsonl").write_text(json.dumps({"text": text}))
    assert trailhouse("corpus", "add", "long.jsonl", "--name", "long")[0] == 0
    assert client.query("select text from raw_document where corpus_id = 'long'").result_rows == [(text,)]


def test_a_reader_that_leaves_early_is_no_error(address, tmp_path):
    variables = {"TRAILHOUSE_WAREHOUSE_URL": address.url, "TRAILHOUSE_WAREHOUSE_USER": address.user}
    variables |= {"TRAILHOUSE_WAREHOUSE_PASSWORD": address.password, "TRAILHOUSE_DATABASE": address.database}
    command = [*COMMAND, "sql", "select number from numbers(300000)", "--csv"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    assert b"internal error" not in err
