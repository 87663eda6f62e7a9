"""This module reads what a warehouse holds and what is wrong with it, for ``trailhouse status``."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.errors import UsageError
from trailhouse.warehouse.loading.score_ledger import STORED_COUNTS
from trailhouse.warehouse.reading.query import TableSize, read_table_sizes
from trailhouse.warehouse.schema.initialisation import require_schema
from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the warehouse, and what to do about it."""

    found: str
    hint: str


@dataclass(frozen=True)
class ScoredModel:
    """A model, a corpus, and the number of the model's checkpoints that are scored on the corpus.

    A model without scores has an empty corpus_id.
    """

    suite_id: str
    model_id: str
    corpus_id: str
    checkpoint_count: int
    damaged_count: int
    """Number of the checkpoints that are damaged. The marts leave them out."""
    scored_count: int
    lost_count: int
    """Number of the checkpoints that the ledger states as scored, and whose scores are gone."""
    score_count: int
    last_scored_at: str


@dataclass(frozen=True)
class Status:
    """The problems, the scored models and the tables of a warehouse."""

    problems: list[Problem]
    models: list[ScoredModel]
    tables: list[TableSize]


def read_status(client: Client) -> Status:
    """Return what the warehouse holds, and what is wrong with it.

    The problems are a schema that is older or newer than this version, tables that are gone, and rows that are gone
    although the ledgers state them. If the schema lacks a table or column that is needed for the list of models, this
    list is empty.
    """
    problems = []
    try:
        require_schema(client)
    except UsageError as error:
        problems.append(Problem(error.message, error.hint))
    try:
        models = read_scored_models(client)
        problems += [Problem(lost.found, lost.hint) for lost in find_lost_rows(client)]
    except DatabaseError:
        if not problems:
            raise
        models = []
    return Status(problems, models, read_table_sizes(client))


def read_scored_models(client: Client) -> list[ScoredModel]:
    """Return one ScoredModel per (model, corpus), ordered by suite, parameter count and corpus."""
    rows = client.query(
        "select model.suite_id, model.model_id, ledger.corpus_id, toInt64(checkpoint.known_count),"
        " toInt64(checkpoint.damaged_count), toInt64(ledger.scored_count), toInt64(ledger.lost_count),"
        " toInt64(ledger.score_count),"
        " if(ledger.corpus_id = '', '', toString(toDateTime(ledger.last_scored_at, 'UTC')))"
        " from raw_model as model final"
        " left join (select model_id, count() as known_count,"
        " countIf(audit_status not in ('', 'ok')) as damaged_count"
        " from raw_checkpoint final group by model_id) as checkpoint on checkpoint.model_id = model.model_id"
        " left join (select model_id, corpus_id, countIf(stated_count = stored_count) as scored_count,"
        " countIf(stated_count != stored_count) as lost_count, sum(stored_count) as score_count,"
        " max(scored_at) as last_scored_at from"
        " (select model_id, corpus_id, step, score_count as stated_count, scored_at"
        " from raw_score_ledger final where is_complete) as ledger"
        f" left join ({STORED_COUNTS}) as stored using (model_id, corpus_id, step)"
        " group by model_id, corpus_id) as ledger on ledger.model_id = model.model_id"
        " order by model.suite_id, model.parameter_count, ledger.corpus_id"
    ).result_rows
    return [ScoredModel(*row) for row in rows]
