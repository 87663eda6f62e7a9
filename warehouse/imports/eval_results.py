"""This module writes the metrics of imported result files to raw_eval_result."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.imports.lm_eval.result_files import HARNESS, ResultFile
from trailhouse.warehouse.loading.catalogue import Record, upsert

RESULT_KEY = ("harness", "model_id", "step", "task_id", "task_version", "shot_count", "metric")


def read_latest_import(client: Client) -> str | None:
    """Return the time of the latest imported result as text; None if nothing was imported."""
    count, latest = read_row(client, "select count(), toString(max(imported_at)) from raw_eval_result")
    return str(latest) if count else None


def load_results(client: Client, results: Sequence[tuple[ResultFile, str, int]]) -> int:
    """Write the metrics of result files; return how many metrics are new or changed.

    ``results`` has a (file, model_id, step) entry for each result file. If several files state the same metric, the
    file with the latest date is used. A file without a date counts as older than files with a date. If none of the
    files has a date, the last file is used.
    """
    records: dict[tuple[object, ...], Record] = {}
    for result, model_id, step in sorted(results, key=lambda entry: entry[0].evaluated_at_seconds):
        for record in result_records(result, model_id, step):
            records[tuple(record[column] for column in RESULT_KEY)] = record
    return upsert(client, "raw_eval_result", RESULT_KEY, list(records.values()), written_at="imported_at")


def result_records(result: ResultFile, model_id: str, step: int) -> list[Record]:
    """Return the rows of raw_eval_result for one file."""
    return [
        {
            "harness": HARNESS,
            "model_id": model_id,
            "step": step,
            "task_id": metric.task_id,
            "task_version": metric.task_version,
            "shot_count": metric.shot_count,
            "metric": metric.metric,
            "value": metric.value,
            "standard_error": metric.standard_error,
            "is_higher_better": metric.is_higher_better,
            "item_count": metric.item_count,
            "source": str(result.file),
        }
        for metric in result.metrics
    ]
