"""Writing imported evaluation results: joined to the models of the warehouse by name, twice the same as once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.imports.lm_eval.result_files import HARNESS, ResultFile
from trailhouse.warehouse.loading.catalogue import Record, upsert

RESULT_KEY = ("harness", "model_id", "step", "task_id", "task_version", "shot_count", "metric")


@dataclass(frozen=True)
class RegisteredModel:
    """A model the warehouse knows."""

    model_id: str
    model_name: str


def read_registered_models(client: Client) -> list[RegisteredModel]:
    """Read the models of the catalogue, by model_id."""
    rows = client.query("select model_id, model_name from raw_model final order by model_id").result_rows
    return [RegisteredModel(*row) for row in rows]


def match_model(name: str, known: Iterable[RegisteredModel]) -> str | None:
    """Return the model_id of the one registered model of this name or id, None if there is none.

    Upper and lower case are the same. Raises BadInputError if models of several suites have the name.
    """
    wanted = name.casefold()
    matches = [model.model_id for model in known if wanted in (model.model_name.casefold(), model.model_id.casefold())]
    if len(matches) > 1:
        raise BadInputError(
            f"several models are called {name!r}: {', '.join(matches)}", "say which one with --model SUITE/NAME"
        )
    return matches[0] if matches else None


def register_imported_model(client: Client, suite: Record, model: Record) -> None:
    """Enter a model that is known from its results alone, and its suite where that is new.

    ``suite`` is a row of raw_suite, ``model`` holds the columns of raw_model that are known.
    """
    known = {row[0] for row in client.query("select suite_id from raw_suite final").result_rows}
    if suite["suite_id"] not in known:
        upsert(client, "raw_suite", ["suite_id"], [suite])
    upsert(client, "raw_model", ["model_id"], [model])


def read_latest_import(client: Client) -> str | None:
    """Return the time of the latest imported result as text, or None if nothing was imported."""
    count, latest = read_row(client, "select count(), toString(max(imported_at)) from raw_eval_result")
    return str(latest) if count else None


def load_results(client: Client, results: Sequence[tuple[ResultFile, str, int]]) -> int:
    """Write the metrics of result files, each with its model_id and step; returns how many were new or changed.

    Where two files state the same metric, the one the harness wrote later counts, and of files without a date the
    last one.
    """
    records: dict[tuple[object, ...], Record] = {}
    for result, model_id, step in sorted(results, key=lambda entry: entry[0].evaluated_at_seconds):
        for record in result_records(result, model_id, step):
            records[tuple(record[column] for column in RESULT_KEY)] = record
    return upsert(client, "raw_eval_result", RESULT_KEY, list(records.values()), written_at="imported_at")


def result_records(result: ResultFile, model_id: str, step: int) -> list[Record]:
    """Rows of raw_eval_result for one file."""
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
