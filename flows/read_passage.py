"""This module reads a passage from the marts: the tokens of a document with their log-probabilities over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.passages.passage import Passage, PassageToken
from trailhouse.dashboards.passages.passage_history import PassageHistory, Reading, ScoredCheckpoint
from trailhouse.errors import BadInputError, UsageError
from trailhouse.support.visible_text import make_label
from trailhouse.warehouse.reading.query import read_columns, read_models_by_size

TOKEN_FIELDS = ("position", "token_text", "category", "slope", "p_value", "byte_start", "byte_end")
TOKEN_COLUMNS = ("model_id", *TOKEN_FIELDS, "tokenizer_id")
SERIES_COLUMNS = ("model_id", "position", "steps", "log_prob_nats")
CHECKPOINT_FIELDS = ("step", "tokens_seen", "perplexity", "bits_per_byte")
CHECKPOINT_COLUMNS = ("parameter_count", "model_id", *CHECKPOINT_FIELDS)
TRANSFORM_HINT = "see `trailhouse status`; score the suite and run `trailhouse transform`"


def read_passage(
    client: Client,
    document: str,
    model: str,
    start_percent: int,
    *,
    suite: str | None = None,
    corpus: str | None = None,
    convention: str | None = None,
    against: Sequence[str] = (),
) -> PassageHistory:
    """Read a passage: the tokens of a document with their trends and with their log-probabilities over training.

    The trend of a token is fitted to the checkpoints of a model from ``start_percent`` of training on. The document is
    read for every model of the suite of ``model``, and of the suites ``against``, that is scored on the corpus.

    ``document`` is the number or the name of the document. ``model`` is the id of the model or its name. ``suite`` is
    needed if models of several suites have this name. ``corpus`` is needed if the model has trends on several corpora.
    ``convention`` is the convention of the trend fit. If it is None, the default convention is used.

    Raises UsageError if several models, corpora or documents match the arguments, or if there is no such convention.
    Raises BadInputError if no model, corpus or document matches, or if the model has no trends from
    ``start_percent`` on, or if no model of a suite in ``against`` has.
    """
    model_id, suite_id = find_model(client, model, suite)
    corpus_id = corpus or find_corpus(client, model_id)
    document_id, document_name = find_document(client, corpus_id, document)
    colors = assign_model_colors(read_models_by_size(client, str(client.database)))

    asked = Passage(
        corpus_id, document_id, document_name, model_id, find_convention(client, convention), start_percent, tokens=()
    )
    readings: list[Reading] = []
    for name in dict.fromkeys((suite_id, *against)):
        found = read_suite(client, name, asked, colors)
        if name != suite_id and not found:
            raise BadInputError(f"no model of suite {name} has {describe_trends(asked)}", TRANSFORM_HINT)
        readings += found
    chosen = [reading.passage for reading in readings if reading.passage.model_id == model_id]
    if not chosen:
        raise BadInputError(f"model {model_id} has no {describe_trends(asked)}", TRANSFORM_HINT)
    return PassageHistory(chosen[0], tuple(readings))


def describe_trends(asked: Passage) -> str:
    """Return which trends a passage shows, for an error that says that there are none."""
    return f"trends on corpus {asked.corpus_id} after {asked.start_percent}% of training"


def read_suite(client: Client, suite_id: str, asked: Passage, colors: Mapping[str, str]) -> list[Reading]:
    """Read the document of ``asked`` for every model of a suite that has trends, by ascending number of parameters.

    ``asked`` also says which convention and start the trends have. ``colors`` holds the colour of every model.
    """
    chosen: dict[str, str | int] = {
        "suite_id": suite_id,
        "corpus_id": asked.corpus_id,
        "document_id": asked.document_id,
    }
    trends: dict[str, str | int] = {"convention_id": asked.convention_id, "start_percent": asked.start_percent}
    tokens = group_by_model(read_columns(client, "fct_passage_token", TOKEN_COLUMNS, {**chosen, **trends}))
    series = group_by_model(read_columns(client, "fct_passage_series", SERIES_COLUMNS, chosen))
    del chosen["document_id"]
    checkpoints = group_by_model(
        read_columns(client, "fct_validation_perplexity_by_checkpoint", CHECKPOINT_COLUMNS, chosen)
    )
    readings = []
    for model_id in (model_id for model_id in checkpoints if model_id in tokens):
        rows = tokens[model_id].select(TOKEN_FIELDS).to_pylist()
        scored = checkpoints[model_id].select(CHECKPOINT_FIELDS).to_pylist()
        readings.append(
            Reading(
                passage=replace(asked, model_id=model_id, tokens=tuple(PassageToken(*row.values()) for row in rows)),
                parameter_count=checkpoints[model_id]["parameter_count"][0].as_py(),
                tokenizer_id=tokens[model_id]["tokenizer_id"][0].as_py(),
                color=colors[model_id],
                checkpoints=tuple(ScoredCheckpoint(**row) for row in scored),
                log_probs_nats=lay_out_scores(
                    [row["position"] for row in rows], [row["step"] for row in scored], series.get(model_id)
                ),
            )
        )
    return readings


def group_by_model(rows: pa.Table) -> dict[str, pa.Table]:
    """Return the rows of each model, in the order in which the models first occur."""
    models = rows["model_id"].combine_chunks()
    return {name: rows.filter(pc.equal(models, name)).combine_chunks() for name in models.unique().to_pylist()}


def lay_out_scores(positions: list[int], steps: list[int], series: pa.Table | None) -> npt.NDArray[np.float32]:
    """Return the log-probabilities as an array of one row per position and one column per step, NaN where none is."""
    scores = np.full((len(positions), len(steps)), np.nan, dtype=np.float32)
    if series is None or not steps:
        return scores
    lengths = pc.list_value_length(series["steps"]).to_numpy()
    row_positions = np.repeat(series["position"].to_numpy(), lengths)
    step_of_score = pc.list_flatten(series["steps"]).to_numpy()
    rows, columns = np.searchsorted(positions, row_positions), np.searchsorted(steps, step_of_score)
    rows, columns = np.minimum(rows, len(positions) - 1), np.minimum(columns, len(steps) - 1)
    is_known = (np.asarray(positions)[rows] == row_positions) & (np.asarray(steps)[columns] == step_of_score)
    values = pc.list_flatten(series["log_prob_nats"]).to_numpy()
    scores[rows[is_known], columns[is_known]] = values[is_known]
    return scores


def find_model(client: Client, model: str, suite: str | None) -> tuple[str, str]:
    """Find a model by its id or its name. Returns (model_id, suite_id)."""
    rows = read_columns(client, "dim_model", ["suite_id", "model_id", "model_name"]).to_pylist()
    found = [
        (row["model_id"], row["suite_id"])
        for row in rows
        if model in (row["model_id"], row["model_name"]) and suite in (None, row["suite_id"])
    ]
    if not found:
        known = ", ".join(row["model_id"] for row in rows if suite in (None, row["suite_id"]))
        raise BadInputError(f"the marts know no model {model!r}", f"they know: {known or 'none'}")
    if len(found) > 1:
        raise UsageError(
            f"there are {len(found)} models {model!r}", f"add --suite: {', '.join(name for _, name in found)}"
        )
    return found[0]


def find_corpus(client: Client, model_id: str) -> str:
    """Return the only corpus on which the model is scored."""
    rows = read_columns(client, "fct_validation_perplexity_by_checkpoint", ["corpus_id"], {"model_id": model_id})
    found = sorted(set(rows["corpus_id"].to_pylist()))
    if not found:
        raise BadInputError(f"model {model_id} has no scores in the marts", TRANSFORM_HINT)
    if len(found) > 1:
        raise UsageError(f"model {model_id} is scored on {len(found)} corpora", f"add --corpus: {', '.join(found)}")
    return str(found[0])


def find_document(client: Client, corpus_id: str, document: str) -> tuple[int, str]:
    """Find a document of a corpus by its number or its name. Returns the number and the name."""
    columns = ["document_id", "document_name"]
    rows = read_columns(client, "dim_document", columns, {"corpus_id": corpus_id}).to_pylist()
    found = [row for row in rows if document == str(row["document_id"])]
    found = found or [row for row in rows if make_label(document) == row["document_name"]]
    if not found:
        extent = f"it has the documents 0 to {len(rows) - 1}" if rows else "see `trailhouse corpus list`"
        raise BadInputError(f"corpus {corpus_id} has no document {document!r}", extent)
    if len(found) > 1:
        ordinals = ", ".join(str(row["document_id"]) for row in found)
        raise UsageError(f"{len(found)} documents are called {document!r}", f"give one by its number: {ordinals}")
    return found[0]["document_id"], found[0]["document_name"]


def find_convention(client: Client, convention: str | None) -> str:
    """Return the id of the given trend convention, or of the default convention if ``convention`` is None.

    Raises UsageError if the given convention does not exist.
    """
    rows = read_columns(client, "trend_convention", ["convention_id", "is_default"]).to_pylist()
    names = [row["convention_id"] for row in rows]
    if convention is None:
        return next(str(row["convention_id"]) for row in rows if row["is_default"])
    if convention not in names:
        raise UsageError(f"there is no convention {convention!r}", f"there are: {', '.join(names)}")
    return convention
