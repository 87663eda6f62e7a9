"""This module reads a passage from the marts: the tokens of a document with their perplexities over training."""

from __future__ import annotations

from collections import defaultdict

from clickhouse_connect.driver.client import Client

from trailhouse.dashboards.passages.passage import ModelSeries, Passage, PassageToken
from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.reading.query import read_columns

TOKEN_COLUMNS = ("position", "token_text", "category", "slope", "p_value")
SERIES_COLUMNS = ("parameter_count", "model_id", "position", "steps", "perplexities")
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
) -> Passage:
    """Read a passage: the tokens of a document, each with its trend and with its perplexities over training.

    The trend of a token is fitted to the checkpoints of ``model`` from ``start_percent`` of training on. The
    perplexities are read for every model of the same suite.

    ``document`` is the number or the name of the document. ``model`` is the id of the model or its name. ``suite`` is
    needed if models of several suites have this name. ``corpus`` is needed if the model has trends on several corpora.
    ``convention`` is the convention of the trend fit. If it is None, the default convention is used.

    Raises UsageError if several models, corpora or documents match the arguments, or if there is no such convention.
    Raises BadInputError if no model, corpus or document matches, or if the model has no trends from
    ``start_percent`` on.
    """
    model_id, suite_id = find_model(client, model, suite)
    corpus_id = corpus or find_corpus(client, model_id)
    document_id, document_name = find_document(client, corpus_id, document)
    convention_id = find_convention(client, convention)
    chosen: dict[str, str | int] = {"corpus_id": corpus_id, "document_id": document_id}
    tokens = read_columns(
        client,
        "fct_passage_token",
        TOKEN_COLUMNS,
        {"convention_id": convention_id, "model_id": model_id, "start_percent": start_percent, **chosen},
    ).to_pylist()
    if not tokens:
        raise BadInputError(
            f"there are no trends of model {model_id} on corpus {corpus_id} after {start_percent}% of training",
            TRANSFORM_HINT,
        )
    series: dict[int, list[ModelSeries]] = defaultdict(list)
    for row in read_columns(client, "fct_passage_series", SERIES_COLUMNS, {"suite_id": suite_id, **chosen}).to_pylist():
        line = ModelSeries(row["model_id"], tuple(row["steps"]), tuple(row["perplexities"]))
        series[row["position"]].append(line)
    return Passage(
        corpus_id=corpus_id,
        document_id=document_id,
        document_name=document_name,
        model_id=model_id,
        convention_id=convention_id,
        start_percent=start_percent,
        tokens=tuple(
            PassageToken(
                row["position"],
                row["token_text"],
                row["category"],
                row["slope"],
                row["p_value"],
                tuple(series[row["position"]]),
            )
            for row in tokens
        ),
    )


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
    found = found or [row for row in rows if document == row["document_name"]]
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
