"""This module finds models of the warehouse by the names in imported files, and registers models that are new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.warehouse.loading.catalogue import Record, upsert


@dataclass(frozen=True)
class RegisteredModel:
    """A model that the catalogue of the warehouse has."""

    model_id: str
    model_name: str


def read_registered_models(client: Client) -> list[RegisteredModel]:
    """Return the models of the catalogue, ordered by model_id."""
    rows = client.query("select model_id, model_name from raw_model final order by model_id").result_rows
    return [RegisteredModel(*row) for row in rows]


def match_model(name: str, known: Iterable[RegisteredModel]) -> str | None:
    """Return the model_id of the registered model with this name or id, ignoring case; None if no model has it.

    Raises BadInputError if several models have the name.
    """
    wanted = name.casefold()
    matches = [model.model_id for model in known if wanted in (model.model_name.casefold(), model.model_id.casefold())]
    if len(matches) > 1:
        raise BadInputError(
            f"several models are called {name!r}: {', '.join(matches)}", "choose one with --model SUITE/NAME"
        )
    return matches[0] if matches else None


def register_imported_model(client: Client, suite: Record, model: Record) -> None:
    """Write a model that is known only from imported results to the catalogue, and its suite if the suite is new.

    ``suite`` is a row of raw_suite; ``model`` holds the known columns of raw_model.
    """
    known = {row[0] for row in client.query("select suite_id from raw_suite final").result_rows}
    if suite["suite_id"] not in known:
        upsert(client, "raw_suite", ["suite_id"], [suite])
    upsert(client, "raw_model", ["model_id"], [model])
