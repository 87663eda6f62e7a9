"""A workplace with trained checkpoints, a small corpus, their scores and some marts."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from tests.support.database_content import describe_difference, read_content
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.upkeep.table_digest import TableDigest

CHECKPOINT_COUNT = 6
SCORE = ("score", "grown", "--corpus", "few")
TRANSFORM = ("transform", "--select", "+fct_trend_share_by_start")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("init",),
    ("suite", "add", "grown.yaml"),
    ("corpus", "add", "texts", "--name", "few"),
    SCORE,
    TRANSFORM,
)
"""Every command that changes the warehouse, in the order in which a new user runs them."""

_SENTENCE = "The parser reads the file and returns a tuple — naïve, but 東京 and 🙂 work as well.\n"
_DOCUMENT_COUNT = 12
_MAX_WAIT_SECONDS = 120
_TRAIN = (
    "import sys; from pathlib import Path; from trailhouse.models.miniature import train_miniature_suite;"
    "train_miniature_suite(Path(sys.argv[1]), size='reduced')"
)
_DECLARATION = """\
suite: grown
description: Checkpoints trained by the test
source: folder
models:
  - name: medium
    location: {location}
    step_pattern: 'step-(\\d+)'
    batch_tokens: 512
    planned_steps: 120
    context_length: 128
"""


@dataclass(frozen=True)
class ScoredWorkplace(Workplace):
    """A workplace in which each of ``COMMANDS`` has run once; environment ``variables`` name a Prefect server."""

    variables: dict[str, str]

    def prepare(self) -> None:
        """Train the checkpoints, write the declarations, and run the commands."""
        trained = self.directory / "trained"
        subprocess.run([sys.executable, "-c", _TRAIN, str(trained)], check=True, capture_output=True, timeout=300)
        (self.directory / "grown.yaml").write_text(_DECLARATION.format(location=trained / "neox-medium"))
        (self.directory / "texts").mkdir()
        for index in range(_DOCUMENT_COUNT):
            (self.directory / "texts" / f"{index}.txt").write_text(_SENTENCE * (index + 1) * 20)
        for command in COMMANDS:
            self.must_run(*command)

    def must_run(self, *arguments: str) -> None:
        """Run a command, and raise RuntimeError if it fails."""
        # Without the variables, scoring starts its own Prefect server. The shared one, which the variables name, would
        # keep the claims of a killed worker for a minute.
        result = self.run(*arguments, **({} if arguments == SCORE else self.variables))
        if result.returncode != 0:
            raise RuntimeError(f"trailhouse {' '.join(arguments)}: {result.stderr[-800:]}")

    def read_content(self) -> dict[str, TableDigest]:
        """Return the digests of all tables of the database."""
        return read_content(resolve_address(self.settings))

    def describe_difference(self, expected: dict[str, TableDigest]) -> str:
        """Name the tables whose content differs from an earlier ``read_content``."""
        return describe_difference(self.read_content(), expected)

    def forget_scores(self) -> None:
        """Delete all scores and their ledger entries."""
        self.command("truncate table raw_token_score")
        self.command("truncate table raw_score_ledger")

    def wait_for_scores(self, process: subprocess.Popen[bytes], step_count: int) -> None:
        """Wait until the scores of ``step_count`` checkpoints are stored, or until the process ends."""
        with connect(resolve_address(self.settings)) as client:
            deadline = time.monotonic() + _MAX_WAIT_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if client.query("select uniqExact(step) from raw_token_score").result_rows[0][0] >= step_count:
                    return
                time.sleep(0.02)

    def wait_for_marts(self, process: subprocess.Popen[bytes], table_count: int) -> None:
        """Wait until ``table_count`` tables were created after this call began, or until the process ends."""
        with connect(resolve_address(self.settings)) as client:
            time.sleep(1.1)  # creation times are whole seconds
            (started_at,) = client.query("select now()").result_rows[0]
            created = (  # dbt tests EXCHANGE TABLES on tables of its own, which do not count
                "select count() from system.tables where database = currentDatabase() and engine like '%MergeTree'"
                " and name not like '\\_\\_dbt\\_exchange\\_test%'"
                " and metadata_modification_time >= {started_at:DateTime}"
            )
            deadline = time.monotonic() + _MAX_WAIT_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if client.query(created, parameters={"started_at": started_at}).result_rows[0][0] >= table_count:
                    return
                time.sleep(0.05)
