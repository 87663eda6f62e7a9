"""Entering suites, checkpoints, corpora and tokens into the catalogue of the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoint import Checkpoint, describe_model, discover_checkpoints
from trailhouse.models.corpus import Corpus, Document, corpus_record, document_table
from trailhouse.models.suite import Suite
from trailhouse.models.tokenization import TokenizedCorpus, token_table
from trailhouse.warehouse.catalogue import load_corpus, load_tokens, upsert
from trailhouse.warehouse.query import read_columns

DOCUMENT_COLUMNS = ("document_id", "document_name", "text", "kind", "provenance", "scored_from_position")


def register_suite(client: Client, suite: Suite, trained_directory: Path) -> list[Checkpoint]:
    """Find the checkpoints of a suite on disk and enter suite, models and checkpoints into the catalogue.

    ``trained_directory`` holds what was trained on the spot.

    Raises BadInputError if a checkpoint is damaged or the suite has none; nothing is written then.
    """
    found = {model: discover_checkpoints(model, suite, trained_directory) for model in suite.models}
    checkpoints = [checkpoint for of_model in found.values() for checkpoint in of_model]
    if not checkpoints:
        raise BadInputError(
            f"suite {suite.suite_id} has no checkpoints", "train or copy some into the declared location"
        )
    models = [describe_model(suite, model, of_model[-1]) for model, of_model in found.items() if of_model]
    suite_record = {
        "suite_id": suite.suite_id,
        "description": suite.description,
        "source": suite.source,
        "declaration": suite.declaration,
    }
    upsert(client, "raw_suite", ["suite_id"], [suite_record])
    upsert(client, "raw_model", ["model_id"], models)
    upsert(client, "raw_checkpoint", ["model_id", "step"], [checkpoint_record(c) for c in checkpoints])
    return checkpoints


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


def register_tokens(client: Client, tokenized: TokenizedCorpus) -> bool:
    """Enter the tokens of a corpus under one tokenizer; returns whether anything was new."""
    return load_tokens(client, tokenized.tokenizer_id, tokenized.corpus_id, token_table(tokenized))


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
