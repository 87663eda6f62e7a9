"""The dbt project on a real server: a database with raw tables and synthetic scores, on which dbt runs."""

import datetime
import hashlib
import os
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from tests.support.paths import ROOT
from trailhouse.models.scoring.quantisation import quantise_log_probs
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

PROJECT = ROOT / "dbt"
LONG_AGO = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

Series = Mapping[tuple[int, int], Mapping[int, float]]  # log-probability by (document, position) and step


@dataclass
class DbtWarehouse:
    """A database into which tests insert raw rows, and from which dbt derives the models."""

    address: WarehouseAddress
    client: Client
    state: Path
    clock: int = field(default=0)

    def insert(self, table: str, **row: Any) -> None:
        """Insert one row; columns that are not given keep their defaults."""
        self.client.insert(table, [list(row.values())], column_names=list(row))

    def add_corpus(
        self, corpus_id: str, documents: Mapping[int, int], *, token_bytes: int = 4, prompt: int = 0
    ) -> None:
        """Insert a corpus. Each key of ``documents`` is a document's id, its value the number of tokens.

        The first ``prompt`` tokens of document 0 are a prompt, which perplexities leave out.
        """
        self.insert("raw_corpus", corpus_id=corpus_id, document_count=len(documents))
        for document_id in documents:
            self.insert(
                "raw_document",
                corpus_id=corpus_id,
                document_id=document_id,
                kind="human",
                scored_from_position=prompt if document_id == 0 else 0,
            )
        tokens = [
            ["tok", corpus_id, document_id, position, token_bytes * position, token_bytes * (position + 1)]
            for document_id, length in documents.items()
            for position in range(length)
        ]
        self.client.insert(
            "raw_token",
            tokens,
            column_names=["tokenizer_id", "corpus_id", "document_id", "position", "byte_start", "byte_end"],
        )

    def add_model(self, model_id: str, steps: list[int], *, planned_steps: int, **columns: int) -> None:
        """Register a model and its checkpoints. A later call for the same model replaces the earlier one."""
        self.clock += 1
        now = LONG_AGO + datetime.timedelta(seconds=self.clock)
        suite_id = model_id.split("/")[0]
        batch_tokens = columns.get("batch_tokens", 1024)
        self.insert("raw_suite", suite_id=suite_id, updated_at=now)
        self.insert(
            "raw_model",
            **{
                "model_id": model_id,
                "suite_id": suite_id,
                "tokenizer_id": "tok",
                "planned_steps": planned_steps,
                "batch_tokens": batch_tokens,
                "updated_at": now,
                **columns,
            },
        )
        for step in steps:
            self.insert("raw_checkpoint", model_id=model_id, step=step, tokens_seen=step * batch_tokens, updated_at=now)

    def score(
        self,
        model_id: str,
        corpus_id: str,
        series: Series,
        *,
        steps: list[int] | None = None,
        tokenizer_id: str = "tok",
        quanta_per_nat: int = 0,
    ) -> None:
        """Write the scores and then the ledger row of every checkpoint in ``series``, or only of ``steps``."""
        by_step: dict[int, list[tuple[int, int, float]]] = {}
        for (document_id, position), values in series.items():
            for step, value in values.items():
                by_step.setdefault(step, []).append((document_id, position, value))
        for step in steps or by_step:
            rows = by_step[step]
            self.score_checkpoint(
                model_id, corpus_id, step, rows, tokenizer_id=tokenizer_id, quanta_per_nat=quanta_per_nat
            )

    def score_checkpoint(
        self,
        model_id: str,
        corpus_id: str,
        step: int,
        rows: list[tuple[int, int, float]],
        *,
        is_complete: bool = True,
        tokenizer_id: str = "tok",
        quanta_per_nat: int = 0,
        next_word_log_probs: list[float] | None = None,
        **ledger_columns: Any,
    ) -> None:
        """Replace the scores of one checkpoint, and then write its ledger row.

        Scores are rounded to ``1 / quanta_per_nat`` nats. By default they are not rounded. ``next_word_log_probs`` has
        the log-probability of a word boundary after each token.
        """
        self.drop_scores(model_id, corpus_id, step)
        scores = np.array([row[2] for row in rows], dtype=np.float32)
        quanta = quantise_log_probs(scores, quanta_per_nat)
        self.client.insert(
            "raw_token_score",
            [
                [model_id] * len(rows),
                [corpus_id] * len(rows),
                [step] * len(rows),
                [row[0] for row in rows],
                [row[1] for row in rows],
                quanta.tolist(),
                [quanta_per_nat] * len(rows),
                next_word_log_probs or [None] * len(rows),
            ],
            column_names=[
                "model_id",
                "corpus_id",
                "step",
                "document_id",
                "position",
                "log_prob_quanta",
                "quanta_per_nat",
                "next_word_log_prob_nats",
            ],
            column_oriented=True,
        )
        ledger_columns |= {"is_complete": is_complete, "tokenizer_id": tokenizer_id}
        self.write_ledger(model_id, corpus_id, step, scores, **ledger_columns)

    def write_ledger(
        self,
        model_id: str,
        corpus_id: str,
        step: int,
        scores: np.ndarray,
        *,
        is_complete: bool = True,
        tokenizer_id: str = "tok",
        **ledger_columns: Any,
    ) -> None:
        """Write the ledger row of a checkpoint. Its time is later than that of every earlier row."""
        self.clock += 1
        self.insert(
            "raw_score_ledger",
            model_id=model_id,
            corpus_id=corpus_id,
            step=step,
            score_key=hashlib.sha256(scores.tobytes()).hexdigest(),
            weights_sha256="0" * 64,
            corpus_sha256="0" * 64,
            tokenizer_id=tokenizer_id,
            score_count=len(scores),
            log_prob_sum_nats=float(scores.astype(float).sum()),
            scoring_run_id=uuid.UUID(int=1),
            is_complete=is_complete,
            **ledger_columns,
            scored_at=LONG_AGO + datetime.timedelta(seconds=self.clock),
        )

    def drop_scores(self, model_id: str, corpus_id: str, step: int) -> None:
        """Drop the scores of one checkpoint."""
        self.client.command(
            "alter table raw_token_score drop partition tuple({m:String}, {c:String}, {s:Int64})",
            parameters={"m": model_id, "c": corpus_id, "s": step},
        )

    def dbt(self, *arguments: str) -> Any:
        """Run dbt in this process and return its result. Raises AssertionError if a node fails."""
        from dbt.cli.main import dbtRunner

        os.environ.update(
            TRAILHOUSE_DBT_HOST=self.address.host,
            TRAILHOUSE_DBT_PORT=str(self.address.port),
            TRAILHOUSE_DBT_SECURE="false",
            TRAILHOUSE_DBT_USER=self.address.user,
            TRAILHOUSE_DBT_PASSWORD=self.address.password,
            TRAILHOUSE_DBT_DATABASE=self.address.database,
        )
        directories = [f"--project-dir={PROJECT}", f"--profiles-dir={PROJECT}"]
        outputs = [f"--target-path={self.state / 'target'}", f"--log-path={self.state / 'logs'}", "--log-level=none"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # dbt warns about its own dependencies
            run = dbtRunner().invoke([*arguments, *directories, *outputs])
        failures = [
            f"{node.node.name}: {node.message}"
            for node in getattr(run.result, "results", None) or []
            if str(node.status) in ("error", "fail", "runtime error")
        ]
        assert run.success, failures or run.exception
        return run.result

    def build(self, *selection: str, variables: str = "{}") -> None:
        """Build the seeds and models of a selection; their data tests run where the whole project is built."""
        self.dbt("build", "--exclude-resource-types", "unit_test", "test", "--vars", variables, "--select", *selection)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return [tuple(row) for row in self.client.query(query).result_rows]

    def digest(self) -> dict[str, tuple[int, int]]:
        """Return the number of rows and an order-independent hash of the content of every table that dbt built."""
        made = self.rows(
            "select name from system.tables where database = currentDatabase() and engine like '%MergeTree'"
            " and match(name, '^(int|dim|fct|trend)_') order by name"
        )
        return {name: self.rows(f"select count(), groupBitXor(cityHash64(*)) from {name}")[0] for (name,) in made}


@pytest.fixture(scope="session")
def dbt_state(tmp_path_factory) -> Path:
    """Directory in which dbt keeps the parsed project between runs."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def warehouse(embedded_server, dbt_state) -> Iterator[DbtWarehouse]:
    """A database with empty raw tables, a new one for each test file."""
    address = WarehouseAddress.parse(
        embedded_server.url, "dbt_tests", user=embedded_server.user, password=embedded_server.password
    )
    apply_migrations(address, read_migrations(packaged_migrations()))
    with connect(address) as client:
        yield DbtWarehouse(address, client, dbt_state)
        client.command(f"drop database {address.database} sync")
