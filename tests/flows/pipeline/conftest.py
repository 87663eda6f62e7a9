"""The two kinds of work as commands: scoring a small corpus, evaluating two small tasks. Each test runs with both."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.tiny_suite import TinySuite

ITEM = {"input": "the cat sat on the", "target_scores": {"mat": 1, "file": 0}}
OTHER = {"input": "the parser reads the", "target_scores": {"mat": 0, "file": 1, "the cat": 0}}
TEXT = "the cat sat on the mat and the parser reads the file "


@dataclass(frozen=True)
class KindOfCommand:
    """A command that runs the pipeline, and the tables that it fills."""

    name: str
    flags: tuple[str, ...]
    participle: str
    run_kind: str
    table: str
    ledger: str
    unit_count: int
    """Units of work on one checkpoint: one corpus, or two tasks."""
    count: str
    """Field of the report that counts the units a run did. With ``already_`` before it: those done by earlier runs."""

    def command(self, suite: TinySuite) -> tuple[str, ...]:
        """The command on all checkpoints of a suite."""
        return (self.name, str(suite.declaration), *self.flags)

    def read_rows(self, client, suite: TinySuite) -> list[tuple]:
        """All rows of a suite, without the model id, so that suites can be compared."""
        query = f"select * except (model_id) from {self.table} where model_id = '{suite.name}/tiny' order by all"
        return client.query(query).result_rows

    def read_steps(self, client, suite: TinySuite) -> list[int]:
        """Steps of which the ledger has all units."""
        query = (
            f"select step from {self.ledger} final where is_complete and model_id = '{suite.name}/tiny'"
            f" group by step having count() = {self.unit_count} order by step"
        )
        return [step for (step,) in client.query(query).result_rows]


@pytest.fixture(params=["score", "evaluate"])
def kind(request, trailhouse, tmp_path) -> KindOfCommand:
    """One kind of work, with the corpus or the tasks that it works on."""
    if request.param == "score":
        (tmp_path / "a.txt").write_text(TEXT * 3)
        assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0
        tables = ("raw_token_score", "raw_score_ledger")
        return KindOfCommand("score", ("--corpus", "few"), "scored", "scoring", *tables, 1, "scored_count")
    write_tasks(tmp_path / "tasks")
    tables = ("raw_option_score", "raw_evaluation_ledger")
    flags = ("--tasks", str(tmp_path / "tasks"), "--shots", "0")
    return KindOfCommand("evaluate", flags, "evaluated", "evaluation", *tables, 2, "evaluated_count")


def write_tasks(directory) -> None:
    """Write two tasks of different sizes."""
    for name, examples in (("cats", [ITEM, OTHER, ITEM]), ("files", [OTHER, ITEM])):
        (directory / name).mkdir(parents=True)
        content = {"examples": examples, "append_choices_to_input": False, "example_input_prefix": " "}
        (directory / name / "task.json").write_text(json.dumps(content))


@pytest.fixture
def run_kind(trailhouse, kind) -> Callable[..., tuple[int, dict, str]]:
    """Run the command on a suite; returns (exit code, report, stderr)."""

    def run(suite: TinySuite, *flags: str) -> tuple[int, dict, str]:
        code, out, err = trailhouse(*kind.command(suite), "--json", *flags)
        return code, json.loads(out) if out else {}, err

    return run
