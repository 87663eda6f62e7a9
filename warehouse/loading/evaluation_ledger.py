"""This module writes tasks, option scores and the evaluation ledger.

The ledger has one row per evaluation, which is one checkpoint on one task with one number of shots and one seed. The
row is marked as complete after the scores of the evaluation are stored.

All option scores of a checkpoint are one partition of ``raw_option_score``. To add evaluations, a new partition is
built from the stored scores and the new scores, and it replaces the old partition in one step. Readers therefore see
either all scores of an evaluation or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import as_text, read_row
from trailhouse.warehouse.loading.canonical_json import write_canonical_json
from trailhouse.warehouse.loading.catalogue import Record, upsert
from trailhouse.warehouse.loading.partition_load import Partition, replace_partition
from trailhouse.warehouse.loading.row_versions import next_version
from trailhouse.warehouse.reading.query import ARROW_SETTINGS

LEDGER_KEY_COLUMNS = ("model_id", "step", "task_id", "shot_count", "seed")
EvaluationLedgerKey = tuple[str, int, str, int, int]
"""The key of a ledger row: the values of the columns LEDGER_KEY_COLUMNS."""


@dataclass(frozen=True)
class Evaluation:
    """One checkpoint on one task with one number of shots and one seed, and everything that determines its scores.

    The evaluation key is a hash of everything that determines the scores, so equal evaluation keys mean equal scores.
    """

    model_id: str
    step: int
    task_id: str
    shot_count: int
    seed: int
    weights_sha256: str
    task_sha256: str
    tokenizer_id: str
    settings: Mapping[str, object]
    text_beginning: Mapping[str, object] = field(default_factory=dict)
    """The ledger's columns for the beginning of a text.

    The evaluation key depends on the tokens of the beginning, because ``settings`` has their ids, too.
    """

    @property
    def ledger_key(self) -> EvaluationLedgerKey:
        """The key of the evaluation's ledger row. The ledger has one valid row for each key."""
        return self.model_id, self.step, self.task_id, self.shot_count, self.seed

    @property
    def evaluation_key(self) -> str:
        """SHA-256 of everything that determines the scores, as 64 hexadecimal digits."""
        parts = [self.weights_sha256, self.task_sha256, self.tokenizer_id, str(self.shot_count), str(self.seed)]
        return hashlib.sha256("\n".join([*parts, self.settings_json]).encode()).hexdigest()

    @property
    def settings_json(self) -> str:
        """The settings as the JSON text that the ledger stores."""
        return write_canonical_json(self.settings)


@dataclass(frozen=True)
class EvaluationScores:
    """The option scores of one evaluation, and how many seconds the scoring took."""

    evaluation: Evaluation
    scores: pa.RecordBatch
    duration_seconds: float


def load_task(client: Client, record: Record, items: pa.Table) -> bool:
    """Write a task and its items, unless the warehouse already has the task with the same SHA-256.

    ``record`` is a row of raw_task, ``items`` are rows of raw_task_item. Return whether anything was written.
    """
    task_id = str(record["task_id"])
    stored_count = read_row(
        client,
        "select count() from raw_task_item where task_id = {task_id:String} and task_sha256 = {task_sha256:String}",
        {"task_id": task_id, "task_sha256": record["task_sha256"]},
    )[0]
    is_new = stored_count != items.num_rows
    if is_new:
        replace_partition(client, Partition("raw_task_item", (("task_id", task_id),)), [items])
    return upsert(client, "raw_task", ["task_id"], [record]) > 0 or is_new


def read_evaluation_keys(
    client: Client, suite_id: str, checkpoint: tuple[str, int] | None = None
) -> dict[EvaluationLedgerKey, str]:
    """Return the evaluation keys of the complete evaluations of a suite, by ledger key.

    If ``checkpoint`` is given as (model_id, step), only evaluations of this checkpoint are returned.

    An evaluation is complete if its ledger row is marked as complete and all of its option scores are stored. Both
    conditions are needed, because two processes that add evaluations to one checkpoint at the same time may remove each
    other's scores. An evaluation whose scores were removed is repeated.
    """
    condition = "startsWith(model_id, {prefix:String})"
    parameters: dict[str, str | int] = {"prefix": f"{suite_id}/"}
    if checkpoint is not None:
        condition += " and model_id = {model_id:String} and step = {step:Int64}"
        parameters |= {"model_id": checkpoint[0], "step": checkpoint[1]}
    rows = client.query(
        "select ledger.model_id, ledger.step, ledger.task_id, ledger.shot_count, ledger.seed, ledger.evaluation_key"
        f" from (select * from raw_evaluation_ledger final where is_complete and {condition}) as ledger"
        " inner join (select model_id, step, task_id, shot_count, seed, count() as stored_count from raw_option_score"
        f" where {condition}"
        " group by model_id, step, task_id, shot_count, seed) as stored"
        " using (model_id, step, task_id, shot_count, seed)"
        " where stored.stored_count = ledger.option_count",
        parameters=parameters,
    ).result_rows
    return {(model, step, task, shots, seed): as_text(key) for model, step, task, shots, seed, key in rows}


def read_latest_evaluation(client: Client) -> str | None:
    """Return the time of the latest row of the evaluation ledger as text; None if the ledger is empty."""
    count, latest = read_row(client, "select count(), toString(max(evaluated_at)) from raw_evaluation_ledger")
    return str(latest) if count else None


def load_evaluations(client: Client, finished: Sequence[EvaluationScores], scoring_run_id: UUID) -> int:
    """Add the scores of evaluations to the checkpoint's partition, and mark their ledger rows as complete.

    Returns the number of scores. If the process is killed, an evaluation has either a complete ledger row and all of
    its scores, or no complete ledger row. Without a complete ledger row, the evaluation must be repeated.

    Raises ValueError if the evaluations are of several checkpoints.
    """
    model_id, step = finished[0].evaluation.model_id, finished[0].evaluation.step
    if {(one.evaluation.model_id, one.evaluation.step) for one in finished} != {(model_id, step)}:
        raise ValueError("evaluations of several checkpoints cannot be loaded as one partition")
    partition = Partition("raw_option_score", (("model_id", model_id), ("step", step)))
    _write_entries(client, partition, finished, scoring_run_id, is_complete=False)
    kept = _read_other_scores(client, partition, [one.evaluation for one in finished])
    replace_partition(client, partition, [kept, pa.Table.from_batches([one.scores for one in finished])])
    _write_entries(client, partition, finished, scoring_run_id, is_complete=True)
    return sum(one.scores.num_rows for one in finished)


def _read_other_scores(client: Client, partition: Partition, evaluations: Sequence[Evaluation]) -> pa.Table:
    """Read the scores of a partition that belong to none of the given evaluations."""
    replaced = ", ".join(
        f"({quote_literal(evaluation.task_id)}, {evaluation.shot_count}, {evaluation.seed})"
        for evaluation in evaluations
    )
    return client.query_arrow(
        f"select * from raw_option_score where {partition.condition}"
        f" and (task_id, shot_count, seed) not in ({replaced})",
        settings=ARROW_SETTINGS,
    )


def _write_entries(
    client: Client,
    partition: Partition,
    finished: Sequence[EvaluationScores],
    scoring_run_id: UUID,
    *,
    is_complete: bool,
) -> None:
    """Append a ledger row for every evaluation. The latest row of a ledger key replaces earlier rows of that key."""
    now = next_version(client, "raw_evaluation_ledger", "evaluated_at", partition.condition)
    rows = [
        {
            **dict(zip(LEDGER_KEY_COLUMNS, one.evaluation.ledger_key, strict=True)),
            "evaluation_key": one.evaluation.evaluation_key,
            "weights_sha256": one.evaluation.weights_sha256,
            "task_sha256": one.evaluation.task_sha256,
            "tokenizer_id": one.evaluation.tokenizer_id,
            "settings": one.evaluation.settings_json,
            **one.evaluation.text_beginning,
            "option_count": one.scores.num_rows,
            "scoring_run_id": scoring_run_id,
            "duration_seconds": one.duration_seconds,
            "is_complete": is_complete,
            "evaluated_at": now,
        }
        for one in finished
    ]
    client.insert("raw_evaluation_ledger", [list(row.values()) for row in rows], column_names=list(rows[0]))
