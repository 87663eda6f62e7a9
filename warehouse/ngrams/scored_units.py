"""This module lays out the words or tokens of the texts to score, each with the four words or tokens before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import read_row
from trailhouse.warehouse.loading.partition_load import LOAD_SETTINGS
from trailhouse.warehouse.ngrams.reserved_tokens import MAXIMUM_ORDER, TEXT_BEGIN
from trailhouse.warehouse.ngrams.scratch_tables import open_scratch_table
from trailhouse.warehouse.ngrams.word_numbers import number_known_words

SINGLE_COLUMNS = "document_id Int32, unit_index Int32, token UInt32"
UNIT_COLUMNS = "document_id Int32, unit_index Int32, context_length UInt8, before Array(UInt32)"
DOCUMENTS_PER_INSERT = 1_000


@contextmanager
def open_word_units(client: Client, words: Iterable[Sequence[str]], numbers: dict[str, int]) -> Iterator[str]:
    """Yield a table of the words of every document, see ``_lay_out``. It is dropped when the block ends."""
    documents = enumerate(words)
    with open_scratch_table(client, "ngram_single", SINGLE_COLUMNS) as singles:
        while batch := list(islice(documents, DOCUMENTS_PER_INSERT)):
            columns = [
                np.concatenate([np.full(len(text), document_id, np.int32) for document_id, text in batch]),
                np.concatenate([np.arange(len(text), dtype=np.int32) for _, text in batch]),
                np.concatenate([number_known_words(numbers, text) for _, text in batch]),
            ]
            table = pa.table(columns, names=["document_id", "unit_index", "token"])
            client.insert_arrow(singles, table, settings=LOAD_SETTINGS)
        with _lay_out(client, singles) as units:
            yield units


@contextmanager
def open_token_units(client: Client, corpus_id: str, tokenizer_id: str) -> Iterator[str]:
    """Yield a table of the tokens of every document, as ``score`` has stored them in raw_token; see ``_lay_out``.

    Raises BadInputError if the tokens of the corpus under this tokenizer are not stored, or not completely.
    """
    source = f"raw_token where tokenizer_id = {quote_literal(tokenizer_id)} and corpus_id = {quote_literal(corpus_id)}"
    has_gaps, count = read_row(
        client,
        "select countIf(token_count != last_position + 1), count() from (select document_id,"
        f" count() as token_count, max(position) as last_position from {source} group by document_id)",
    )
    if has_gaps or not count:
        problem = "not all" if count else "none"
        raise BadInputError(
            f"corpus {corpus_id!r}: {problem} of its tokens under tokenizer {tokenizer_id} are stored",
            "run `trailhouse score` with a model of this tokenizer on the corpus first",
        )
    with open_scratch_table(client, "ngram_single", SINGLE_COLUMNS) as singles:
        client.command(f"insert into {singles} select document_id, position, token_id from {source}")
        with _lay_out(client, singles) as units:
            yield units


@contextmanager
def _lay_out(client: Client, singles: str) -> Iterator[str]:
    """Yield a table with one row per unit of a text.

    Its column ``before`` has the unit itself, the one before it, and so on: five in all. The beginning of the text
    stands before the first unit. ``context_length`` is the number of those before the unit, the beginning included.
    """
    reach = MAXIMUM_ORDER - 1
    lags = ", ".join(
        f"multiIf(unit_index >= {lag}, lagInFrame(token, {lag}) over text, unit_index = {lag - 1}, {TEXT_BEGIN}, 0)"
        for lag in range(1, MAXIMUM_ORDER)
    )
    with open_scratch_table(client, "ngram_unit", UNIT_COLUMNS, "(document_id, unit_index)") as units:
        client.command(
            f"insert into {units} select document_id, unit_index, least({reach}, unit_index + 1), [token, {lags}]"
            f" from {singles} window text as (partition by document_id order by unit_index"
            " rows between unbounded preceding and current row)"
        )
        yield units


def write_ngram(order: int, *, first: int = 0) -> str:
    """Return the expression of the n-gram of a unit, its words in the order of the text.

    ``first`` is the distance of its last word from the unit: 0 is the n-gram that ends with the unit, 1 the one that
    ends before it.
    """
    return f"({', '.join(f'before[{index + 1}]' for index in range(first + order - 1, first - 1, -1))})"
