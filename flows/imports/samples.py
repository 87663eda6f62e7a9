"""This module imports samples files of lm-evaluation-harness into the tables of Trailhouse's own evaluations.

A samples file holds the log-probability of every option of one task at one checkpoint.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, TrailhouseError
from trailhouse.models.few_shot.option_scores import OPTION_SCORE_SCHEMA
from trailhouse.models.few_shot.tasks.task import TASK_ITEM_SCHEMA
from trailhouse.warehouse.imports.lm_eval.result_files import HARNESS
from trailhouse.warehouse.imports.lm_eval.sampled_tasks import (
    SampledTask,
    begin_task,
    name_task,
    read_sampled_task,
    task_item_rows,
    task_record,
)
from trailhouse.warehouse.imports.lm_eval.samples_files import (
    SampledItem,
    SampleSettings,
    read_sample_settings,
    read_samples,
)
from trailhouse.warehouse.loading.evaluation_ledger import (
    Evaluation,
    EvaluationLedgerKey,
    EvaluationScores,
    load_evaluations,
    load_task,
    read_evaluation_keys,
)

# The weights_sha256 of imported evaluations. Samples files name a checkpoint, but do not identify its weights.
UNKNOWN_WEIGHTS = "0" * 64


@dataclass(frozen=True)
class CheckpointSamples:
    """The samples files that one harness run wrote about one checkpoint. ``files`` maps each file to its task."""

    model_id: str
    step: int
    result_file: Path
    files: dict[Path, str]
    tokenizer_directory: Path | None
    """Directory of the tokenizer that counts the tokens of options; None if the tokenizer is unknown."""


@dataclass
class SamplesReport:
    """What the import of samples files did."""

    file_count: int = 0
    imported_count: int = 0
    """Number of new or changed evaluations. An evaluation is one task with one shot count at one checkpoint."""
    option_count: int = 0
    uncounted_file_count: int = 0
    """Number of files whose options have no token counts because no tokenizer is known."""
    other_file_count: int = 0
    """Number of files that were left out because their tasks are not multiple choice."""
    replaced_tasks: list[str] = field(default_factory=list)
    """Tasks whose items differ from those of an earlier import, so that the earlier scores no longer count."""
    errors: list[TrailhouseError] = field(default_factory=list)


class SamplesImport:
    """One import of many samples files, the newest file first.

    If several files hold the same evaluation, the evaluation of the newest file is kept.
    """

    def __init__(self, client: Client) -> None:
        self.report = SamplesReport()
        self._client = client
        self._scoring_run_id = uuid.uuid4()
        self._tasks: dict[str, SampledTask] = {}
        self._keys: dict[str, dict[EvaluationLedgerKey, str]] = {}
        self._done: set[EvaluationLedgerKey] = set()

    def add(self, samples: CheckpointSamples) -> None:
        """Import the samples files of one run. An error in one file is reported, and the other files are imported."""
        finished: list[EvaluationScores] = []
        for file, task_name in samples.files.items():
            self.report.file_count += 1
            try:
                scores = self._read(file, task_name, samples)
            except BadInputError as error:
                self.report.errors.append(error)
                continue
            if scores is not None:
                finished.append(scores)
        if finished:
            self.report.imported_count += len(finished)
            self.report.option_count += load_evaluations(self._client, finished, self._scoring_run_id)

    def _read(self, file: Path, task_name: str, samples: CheckpointSamples) -> EvaluationScores | None:
        """Register the task of a samples file, and return the scores in the file.

        Returns None if the task is not multiple choice, or if the evaluation was imported before.
        """
        settings = read_sample_settings(samples.result_file, task_name)
        items = read_samples(file, settings)
        if not items:
            self.report.other_file_count += 1
            return None
        self.report.uncounted_file_count += samples.tokenizer_directory is None
        task = self._register(settings, items)
        evaluation = Evaluation(
            model_id=samples.model_id,
            step=samples.step,
            task_id=task.task_id,
            shot_count=settings.shot_count,
            seed=settings.seed,
            weights_sha256=UNKNOWN_WEIGHTS,
            task_sha256=task.task_sha256,
            tokenizer_id=name_tokenizer(samples.tokenizer_directory),
            settings={
                "harness": HARNESS,
                "samples_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "has_unconditional_requests": settings.has_unconditional_requests,
            },
            text_beginning={"text_beginning_kind": "unknown"},
        )
        if evaluation.ledger_key in self._done:
            return None
        self._done.add(evaluation.ledger_key)
        if self._read_keys(samples.model_id).get(evaluation.ledger_key) == evaluation.evaluation_key:
            return None
        token_counts = count_option_tokens(items, samples.tokenizer_directory)
        return EvaluationScores(evaluation, build_scores(task.task_id, settings, items, token_counts), 0.0)

    def _register(self, settings: SampleSettings, items: Sequence[SampledItem]) -> SampledTask:
        """Write a task, with the items of a samples file, to the warehouse, and return the task.

        Raises BadInputError if the items differ from the items of the same task in a newer samples file of this import.
        """
        task_id = name_task(settings.task_name)
        known = self._tasks.get(task_id) or read_sampled_task(self._client, task_id)
        different = known.find_difference(settings.task_version, items) if known is not None else None
        if different is not None and task_id in self._tasks:
            raise different.line.fail(
                "the task is not as a newer file has it: version, question, options or target of document"
                f" {different.item_id}",
                f"import the scores of one version of {settings.task_name}",
            )
        if different is not None:
            self.report.replaced_tasks.append(task_id)
        task = begin_task(settings, items) if known is None or different is not None else known.join(items)
        self._tasks[task_id] = task
        table = pa.Table.from_pylist(task_item_rows(task), schema=TASK_ITEM_SCHEMA)
        load_task(self._client, task_record(task, settings), table)
        return task

    def _read_keys(self, model_id: str) -> dict[EvaluationLedgerKey, str]:
        suite_id = model_id.partition("/")[0]
        if suite_id not in self._keys:
            self._keys[suite_id] = read_evaluation_keys(self._client, suite_id)
        return self._keys[suite_id]


def name_tokenizer(directory: Path | None) -> str:
    """Return the tokenizer_id of the tokenizer in a directory. If ``directory`` is None, return an empty text.

    Raises BadInputError if no tokenizer can be loaded from the directory.
    """
    if directory is None:
        return ""
    # Imported here because transformers takes seconds to load, and most imports have no samples files
    from trailhouse.models.texts.tokenizer import identify_tokenizer_of

    return identify_tokenizer_of(directory)


def count_option_tokens(items: Sequence[SampledItem], directory: Path | None) -> list[tuple[int, int]] | None:
    """Return (token count of the prompt, token count of the option) for every option of every item, in order.

    Returns None if ``directory`` is None. Raises BadInputError if no tokenizer can be loaded from the directory.
    """
    if directory is None:
        return None
    from trailhouse.models.few_shot.option_encoding import count_tokens
    from trailhouse.models.texts.tokenizer import load_tokenizer

    requests = [(option.prompt, option.continuation) for item in items for option in item.options]
    return count_tokens(load_tokenizer(directory), requests)


def build_scores(
    task_id: str, settings: SampleSettings, items: Sequence[SampledItem], token_counts: list[tuple[int, int]] | None
) -> pa.RecordBatch:
    """Return the rows of raw_option_score for one samples file. Without ``token_counts``, all counts are 0."""
    counts = iter(token_counts) if token_counts is not None else None
    rows = []
    for item in items:
        for index, option in enumerate(item.options):
            prompt_token_count, token_count = next(counts) if counts is not None else (0, 0)
            rows.append(
                {
                    "task_id": task_id,
                    "shot_count": settings.shot_count,
                    "seed": settings.seed,
                    "item_id": item.item_id,
                    "option_index": index,
                    "log_prob_nats": option.log_prob_nats,
                    "unconditional_log_prob_nats": option.unconditional_log_prob_nats,
                    "token_count": token_count,
                    "character_count": len(option.text),
                    "byte_count": len(option.text.encode()),
                    "exemplar_count": settings.shot_count,
                    "prompt_token_count": prompt_token_count,
                    "truncated_token_count": 0,
                }
            )
    return pa.RecordBatch.from_pylist(rows, schema=OPTION_SCORE_SCHEMA)
