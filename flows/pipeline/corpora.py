"""This module writes corpora to the catalogue of the warehouse, and reads them back. It needs no model library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.texts.corpus import Corpus, Document, corpus_record, document_table
from trailhouse.support.wording import count_of, suggest
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.catalogue import load_corpus
from trailhouse.warehouse.reading.query import read_columns
from trailhouse.warehouse.schema.initialisation import require_schema

DOCUMENT_COLUMNS = (
    "document_id",
    "document_name",
    "text",
    "kind",
    "provenance",
    "scored_from_position",
    "token_ids",
    "tokenizer_id",
    "scored_from_byte",
)


def register_corpus(client: Client, corpus: Corpus) -> bool:
    """Write a corpus and its documents to the warehouse, unless the warehouse has them already.

    Returns whether anything was written. Raises UsageError if the warehouse lacks a migration.
    """
    require_schema(client)
    return load_corpus(client, corpus_record(corpus), document_table(corpus))


def require_corpora(settings: Settings, corpus_ids: Sequence[str]) -> None:
    """Raise BadInputError if the warehouse lacks a corpus, before the work on another corpus begins."""
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        known = set(read_columns(client, "raw_corpus", ["corpus_id"], only_latest=True)["corpus_id"].to_pylist())
    for corpus_id in corpus_ids:
        if corpus_id not in known:
            raise name_unknown_corpus(corpus_id, known)


def name_unknown_corpus(corpus_id: str, known: Iterable[str] = ()) -> BadInputError:
    """Return the error about a corpus that the warehouse does not have. It offers the most similar ``known`` one."""
    hint = f"{suggest(corpus_id, known)}see `trailhouse corpus list` and `corpus add`"
    return BadInputError(f"there is no corpus {corpus_id!r}", hint)


def read_registered_corpus(client: Client, corpus_id: str) -> Corpus:
    """Read a corpus from the warehouse, so that models score exactly the texts that are stored there.

    Raises BadInputError if the warehouse has no corpus of this id, or not all of its documents.
    """
    chosen = {"corpus_id": corpus_id}
    columns = ["corpus_id", "description", "source", "document_count"]
    known = read_columns(client, "raw_corpus", columns, chosen, only_latest=True)
    if known.num_rows == 0:
        raise name_unknown_corpus(corpus_id)
    rows = read_columns(client, "raw_document", DOCUMENT_COLUMNS, chosen)
    documents = tuple(
        Document(**{**row, "token_ids": tuple(row["token_ids"])})
        for row in rows.drop_columns("document_id").to_pylist()
    )
    (record,) = known.to_pylist()
    if len(documents) != record["document_count"]:
        raise BadInputError(
            f"corpus {corpus_id!r}: the warehouse holds {len(documents)} of"
            f" {count_of(record['document_count'], 'document')}",
            "run `trailhouse corpus add` with the same texts and name",
        )
    return Corpus(corpus_id, record["description"], record["source"], documents)
