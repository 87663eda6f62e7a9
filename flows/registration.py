"""Entering suites, checkpoints, corpora and tokens into the catalogue of the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.flows.progress import report_progress
from trailhouse.models.checkpoint import Checkpoint, list_checkpoint_directories, read_checkpoint
from trailhouse.models.corpus import Corpus, Document, corpus_record, document_table
from trailhouse.models.description import describe_model
from trailhouse.models.suite import Suite
from trailhouse.warehouse.catalogue import load_corpus, upsert
from trailhouse.warehouse.query import read_columns

DOCUMENT_COLUMNS = ("document_id", "document_name", "text", "kind", "provenance", "scored_from_position")


@dataclass(frozen=True)
class FoundCheckpoints:
    """The checkpoints of a suite on disk, and what was wrong with those that cannot be used."""

    checkpoints: list[Checkpoint]
    errors: list[BadInputError]


def find_checkpoints(suite: Suite, trained_directory: Path) -> FoundCheckpoints:
    """Find, check and hash the checkpoints of every model; ``trained_directory`` holds what was trained on the spot.

    Raises BadInputError if a model has no checkpoint directory at all.
    """
    directories = [
        (model, step, directory)
        for model in suite.models
        for step, directory in list_checkpoint_directories(model, trained_directory).items()
    ]
    found = FoundCheckpoints([], [])
    for index, (model, step, directory) in enumerate(directories):
        report_progress("Hashing", index, len(directories), directory.name)
        try:
            found.checkpoints.append(read_checkpoint(model, suite, step, directory))
        except BadInputError as error:
            found.errors.append(error)
    report_progress("Hashing", len(directories), len(directories))
    return found


def register_suite(client: Client, suite: Suite, checkpoints: list[Checkpoint]) -> dict[str, int]:
    """Enter a suite, its models and its checkpoints into the catalogue; returns vocabulary sizes by model_id.

    Raises BadInputError, before anything is written, if a configuration describes no causal language model.
    """
    last_of = {checkpoint.model_id: checkpoint for checkpoint in checkpoints}
    models = [
        describe_model(model, last_of[model_id])
        for model in suite.models
        if (model_id := f"{suite.suite_id}/{model.model_name}") in last_of
    ]
    suite_record = {
        "suite_id": suite.suite_id,
        "description": suite.description,
        "source": suite.source,
        "declaration": suite.declaration,
    }
    upsert(client, "raw_suite", ["suite_id"], [suite_record])
    upsert(client, "raw_model", ["model_id"], models)
    upsert(client, "raw_checkpoint", ["model_id", "step"], [checkpoint_record(c) for c in checkpoints])
    return {str(model["model_id"]): int(model["vocabulary_size"]) for model in models}


def checkpoint_record(checkpoint: Checkpoint) -> dict[str, object]:
    """The row of raw_checkpoint for a local checkpoint."""
    return {
        "model_id": checkpoint.model_id,
        "step": checkpoint.step,
        "tokens_seen": checkpoint.tokens_seen,
        "source": str(checkpoint.directory),
        "revision": "",
        "commit_hash": "",
        "weights_sha256": checkpoint.weights_sha256,
        "config_sha256": checkpoint.config_sha256,
        "tokenizer_id": checkpoint.tokenizer_id,
        "size_bytes": checkpoint.size_bytes,
        "audit_status": "ok",
        "discovered_at": datetime.now(UTC),
    }


def register_corpus(client: Client, corpus: Corpus) -> bool:
    """Enter a corpus and its documents; returns whether anything was new."""
    return load_corpus(client, corpus_record(corpus), document_table(corpus))


def read_registered_corpus(client: Client, corpus_id: str) -> Corpus:
    """Read a corpus back from the warehouse, so that what is scored is what is stored.

    Raises BadInputError if there is no such corpus.
    """
    chosen = {"corpus_id": corpus_id}
    known = read_columns(client, "raw_corpus", ["corpus_id", "description", "source"], chosen, only_latest=True)
    if known.num_rows == 0:
        raise BadInputError(f"there is no corpus {corpus_id!r}", "see `trailhouse corpus list` and `corpus add`")
    rows = read_columns(client, "raw_document", DOCUMENT_COLUMNS, chosen)
    documents = tuple(Document(**row) for row in rows.drop_columns("document_id").to_pylist())
    (record,) = known.to_pylist()
    return Corpus(corpus_id, record["description"], record["source"], documents)
