"""This module corrupts the documents of a corpus, and stores every variant as a corpus of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.checkpoint_names import find_named_checkpoint
from trailhouse.flows.pipeline.corpora import read_registered_corpus, register_corpus
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.sequences.corruption import CorruptionUnit, corrupt_corpus, list_variants
from trailhouse.support.progress import report_note, report_progress
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.scored_subjects import list_subjects
from trailhouse.warehouse.schema.initialisation import require_schema


@dataclass(frozen=True)
class CorruptedCorpus:
    """A variant of a corpus that is now in the warehouse."""

    corpus_id: str
    description: str
    document_count: int
    token_count: int
    is_new: bool
    """Whether anything was written. False if the warehouse had the same texts already."""


def corrupt_texts(
    corpus_id: str,
    kinds: Sequence[str],
    rates: Sequence[float],
    settings: Settings,
    *,
    unit: CorruptionUnit = "token",
    seed: int = 0,
    token_cap: int,
    tokenizer_of: str | None = None,
) -> list[CorruptedCorpus]:
    """Store the corpus with its documents capped, and one corrupted variant for each kind and rate.

    ``tokenizer_of`` names a suite, or a model as SUITE/MODEL, whose tokenizer makes the tokens. If it is None, it is
    the suite that was scored last on the corpus.

    Raises BadInputError, before anything is written, if a variant makes no sense or if the warehouse lacks the corpus.
    Raises UsageError if no suite is given and none was scored on the corpus.
    """
    variants = list_variants(kinds, rates, unit, seed, token_cap)
    address = resolve_address(settings)
    with connect(address) as client:
        require_schema(client)
        source = read_registered_corpus(client, corpus_id)
        if any(document.kind == "corrupted" for document in source.documents):
            raise BadInputError(f"corpus {corpus_id!r} is corrupted already", "name the corpus that it was made from")
        suite = tokenizer_of or _find_scored_suite(client, corpus_id)
    tokenizer = find_named_checkpoint(suite, settings).checkpoint.tokenizer.load()
    stored = []
    with connect(address) as client:
        for index, corrupted in enumerate(corrupt_corpus(tokenizer, source, variants)):
            report_progress("Corrupting", index, len(variants), corrupted.corpus_id)
            lost_count = len(source.documents) - len(corrupted.documents)
            if lost_count:
                report_note(f"{corrupted.corpus_id}: left out, with no token left: {count_of(lost_count, 'document')}")
            is_new = register_corpus(client, corrupted)
            token_count = sum(len(document.token_ids) for document in corrupted.documents)
            stored.append(
                CorruptedCorpus(
                    corrupted.corpus_id, corrupted.description, len(corrupted.documents), token_count, is_new
                )
            )
    report_progress("Corrupting", len(variants), len(variants))
    return stored


def _find_scored_suite(client: Client, corpus_id: str) -> str:
    """Return the suite that was scored last on a corpus, and tell the user. Raises UsageError if there is none."""
    suites = [subject.suite_id for subject in list_subjects(client) if subject.corpus_id == corpus_id]
    if not suites:
        raise UsageError(
            f"no suite was scored on corpus {corpus_id!r}, so no tokenizer is known for it",
            "name a suite whose tokenizer makes the tokens: --tokenizer-of SUITE",
        )
    if len(set(suites)) > 1:
        report_note(f"tokens are those of suite {suites[0]}, scored last on {corpus_id}; --tokenizer-of chooses others")
    return suites[0]
