"""Mistakes that people make: each is refused in one line with a hint and its exit code, and nothing is written."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.command_in_process import prepare_command
from trailhouse.warehouse.connection import WarehouseAddress

USAGE, INPUT, UNREACHABLE = 2, 3, 5
NO_WAREHOUSE = "127.0.0.1"


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


ARGUMENTS: list[tuple[str, list[str], int, str]] = [
    # names
    ("a command", ["scroe"], USAGE, "No such command 'scroe'"),
    ("an option", ["status", "--jsno"], USAGE, "No such option: --jsno"),
    ("a question", ["ask", "most_forgoten_tokens"], USAGE, "did you mean 'most_forgotten_tokens'?"),
    ("a parameter", ["ask", "models_trained", "-p", "suit_id=s"], USAGE, "has no parameter suit_id"),
    ("a parameter without a value", ["ask", "models_trained", "-p", "suite_id"], USAGE, "has no value"),
    ("a suite", ["suite", "show", "minature"], USAGE, "did you mean 'miniature'?"),
    ("a watched suite", ["watch", "minature", "--corpus", "c"], USAGE, "did you mean 'miniature'?"),
    ("a watched preset", ["watch", "miniature", "--corpus", "c", "--generate", "pss-pl"], INPUT, "did you mean ps-pl?"),
    # values
    ("text for a number", ["ask", "most_forgotten_tokens", "-p", "limit=abc"], USAGE, "limit=abc: a whole number"),
    ("a number below its type", ["ask", "most_forgotten_tokens", "-p", "limit=-1"], USAGE, "from 0 to 4294967295"),
    ("a setting", ["status", "--warehouse-url", "localhost:8123"], USAGE, "is not an http(s) URL"),
    ("a port of a URL", ["status", "--warehouse-url", "http://localhost:80x"], USAGE, "a port that is not a number"),
    # paths
    ("a file of a suite", ["suite", "add", "nosuch.yaml"], USAGE, "nosuch.yaml"),
    ("a text", ["corpus", "add", "nosuch.txt", "--name", "c"], INPUT, "nosuch.txt"),
]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"), [row[1:] for row in ARGUMENTS], ids=[r[0] for r in ARGUMENTS]
)
def test_a_wrong_argument_is_named(refuses, arguments, exit_code, words):
    refuses(arguments, exit_code, words)
