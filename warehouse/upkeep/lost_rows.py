"""This module finds rows that the warehouse states to have and does not have, for example after DROP or TRUNCATE.

The ledgers and the catalogue state how many rows belong to a checkpoint, a corpus, a task or an audit. Most of the
stored rows are counted from the metadata of the parts, without reading rows, so that the comparison takes less than a
second for thousands of partitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.loading.catalogue import LOST_TOKENS
from trailhouse.warehouse.loading.score_ledger import STORED_COUNTS

_EXAMPLES = 3


@dataclass(frozen=True)
class LostRows:
    """Rows of one table that are gone. ``found`` says what lacks them, and ``hint`` how to get them back."""

    table: str
    found: str
    hint: str


@dataclass(frozen=True)
class _Comparison:
    """A query that returns one name for each thing whose rows of ``table`` are gone.

    ``what`` is the plural of the thing. The query may read the tables ``reads`` besides ``table``.
    """

    table: str
    what: str
    query: str
    hint: str
    reads: tuple[str, ...]


_SCORED = "(select * from raw_score_ledger final where is_complete)"
_EVALUATED = "(select * from raw_evaluation_ledger final where is_complete)"
_LEDGERS = ("raw_score_ledger", "raw_evaluation_ledger")
_SCORE_AGAIN = "run `trailhouse score SUITE --corpus CORPUS`, which scores them again"
_REGISTER_AGAIN = "run `trailhouse score SUITE --corpus CORPUS`, which registers them again"
_EVALUATE_AGAIN = "run `trailhouse evaluate SUITE --tasks TASKS`, which evaluates them again"
_GENERATE_AGAIN = "run `trailhouse generate` with the same options, which writes them again"
_MEASURE_SIMILARITY_AGAIN = "run `trailhouse phases similarity` with the same options, which computes them again"
_ADD_CORPUS_AGAIN = "run `trailhouse corpus add FILES --name CORPUS` with the same texts"
_COUNT_AGAIN = "run `trailhouse phases count` with the same files, name and options, which counts them again"
# The shards whose counts are stored, and the number of their rows
_COUNTED = (
    "(select ngram_corpus_id, vocabulary_id, shard_id, count() as stored_count from raw_ngram_count"
    " group by ngram_corpus_id, vocabulary_id, shard_id)"
)
_COMPARISONS = (
    _Comparison(
        "raw_token_score",
        "checkpoints without all of their scores",
        "select concat(ledger.model_id, ' step ', toString(ledger.step), ' on ', ledger.corpus_id)"
        f" from {_SCORED} as ledger left join ({STORED_COUNTS}) as stored using (model_id, corpus_id, step)"
        " where ledger.score_count != stored.stored_count order by all",
        _SCORE_AGAIN,
        ("raw_score_ledger",),
    ),
    _Comparison(
        "raw_option_score",
        "checkpoints without all of their option scores",
        "select concat(ledger.model_id, ' step ', toString(ledger.step)) from"
        f" (select model_id, step, sum(option_count) as stated_count from {_EVALUATED} group by model_id, step)"
        " as ledger left join"
        " (select model_id, step, count() as stored_count from raw_option_score group by model_id, step) as stored"
        " using (model_id, step) where ledger.stated_count > stored.stored_count order by all",
        _EVALUATE_AGAIN,
        ("raw_evaluation_ledger",),
    ),
    _Comparison(
        "raw_document",
        "corpora without all of their documents",
        "select corpus.corpus_id from (select * from raw_corpus final) as corpus left join"
        " (select corpus_id, count() as stored_count from raw_document group by corpus_id) as stored using (corpus_id)"
        " where corpus.document_count != stored.stored_count order by all",
        _ADD_CORPUS_AGAIN,
        ("raw_corpus",),
    ),
    _Comparison(
        "raw_token",
        "corpora without the tokens that were scored",
        f"select distinct corpus_id from ({LOST_TOKENS}) order by all",
        "run `trailhouse score SUITE --corpus CORPUS`, which writes them again",
        ("raw_score_ledger",),
    ),
    _Comparison(
        "raw_generated_text",
        "generated corpora without all of the texts that they were made from",
        "select distinct corpus_id from (select corpus_id, JSONExtractString(provenance, 'generation_key') as key,"
        " toInt32(JSONExtractInt(provenance, 'prompt_document_id')) as prompt from raw_document"
        " where kind = 'generated' and key != '')"
        " where (key, prompt) not in (select toString(generation_key), prompt_document_id from raw_generated_text)"
        " order by all",
        _GENERATE_AGAIN,
        ("raw_document",),
    ),
    _Comparison(
        "raw_generation",
        "generations of stored texts that are not described",
        "select distinct left(toString(generation_key), 8) from raw_generated_text"
        " where generation_key not in (select generation_key from raw_generation) order by all",
        _GENERATE_AGAIN,
        ("raw_generated_text",),
    ),
    _Comparison(
        "raw_ngram_count",
        "files without all of their n-gram counts",
        "select distinct concat(shard.source, ' in ', shard.ngram_corpus_id) from"
        f" (select * from raw_ngram_shard final) as shard left join {_COUNTED} as counted"
        " using (ngram_corpus_id, vocabulary_id, shard_id) where shard.row_count != counted.stored_count order by all",
        _COUNT_AGAIN,
        ("raw_ngram_shard",),
    ),
    _Comparison(
        "raw_ngram_shard",
        "n-gram corpora with counts that are not recorded",
        f"select distinct ngram_corpus_id from {_COUNTED} where (ngram_corpus_id, vocabulary_id, shard_id) not in"
        " (select ngram_corpus_id, vocabulary_id, shard_id from raw_ngram_shard) order by all",
        _COUNT_AGAIN,
        ("raw_ngram_count",),
    ),
    _Comparison(
        "raw_ngram_word",
        "n-gram corpora without all of their words",
        "select shard.ngram_corpus_id from (select ngram_corpus_id, max(word_count) as stated_count from"
        f" (select * from raw_ngram_shard final) as stated inner join {_COUNTED} as counted"
        " using (ngram_corpus_id, vocabulary_id, shard_id) group by ngram_corpus_id) as shard left join"
        " (select ngram_corpus_id, count() as stored_count from raw_ngram_word group by ngram_corpus_id) as word"
        " using (ngram_corpus_id) where word.stored_count < shard.stated_count order by all",
        _COUNT_AGAIN,
        ("raw_ngram_shard", "raw_ngram_count"),
    ),
    _Comparison(
        "raw_ngram_corpus",
        "counted n-gram corpora that are not described",
        "select distinct ngram_corpus_id from raw_ngram_shard"
        " where (ngram_corpus_id, vocabulary_id) not in (select ngram_corpus_id, vocabulary_id from raw_ngram_corpus)"
        " order by all",
        _COUNT_AGAIN,
        ("raw_ngram_shard",),
    ),
    _Comparison(
        "raw_semantic_similarity",
        "sets of word vectors without the similarities that were computed with them",
        "select vectors_id from (select * from raw_word_vectors final)"
        " where vectors_id not in (select vectors_id from raw_semantic_similarity) order by all",
        _MEASURE_SIMILARITY_AGAIN,
        ("raw_word_vectors",),
    ),
    _Comparison(
        "raw_word_vectors",
        "word vectors of stored similarities that are not described",
        "select distinct vectors_id from raw_semantic_similarity"
        " where vectors_id not in (select vectors_id from raw_word_vectors) order by all",
        _MEASURE_SIMILARITY_AGAIN,
        ("raw_semantic_similarity",),
    ),
    _Comparison(
        "raw_task_item",
        "tasks without all of their items",
        "select task.task_id from (select * from raw_task final) as task left join"
        " (select task_id, count() as stored_count from raw_task_item group by task_id) as stored using (task_id)"
        " where task.option_count != stored.stored_count order by all",
        "run `trailhouse evaluate SUITE --tasks TASKS`, which writes them again",
        ("raw_task",),
    ),
    _Comparison(
        "raw_checkpoint_audit",
        "audits without all of their findings",
        "select concat('the latest audit of ', run.suite_id) from (select suite_id,"
        " argMax(audit_run_id, audited_at) as audit_run_id, argMax(finding_count, audited_at) as finding_count"
        " from raw_audit_run group by suite_id) as run left join (select audit_run_id, count() as stored_count"
        " from raw_checkpoint_audit group by audit_run_id) as stored using (audit_run_id)"
        " where run.finding_count != stored.stored_count order by all",
        "run `trailhouse audit SUITE`",
        ("raw_audit_run",),
    ),
    _Comparison(
        "raw_corpus",
        "scored corpora that are not registered",
        f"select distinct corpus_id from {_SCORED}"
        " where corpus_id not in (select corpus_id from raw_corpus) order by all",
        _ADD_CORPUS_AGAIN,
        ("raw_score_ledger",),
    ),
    _Comparison(
        "raw_task",
        "evaluated tasks that are not registered",
        f"select distinct task_id from {_EVALUATED} where task_id not in (select task_id from raw_task) order by all",
        "run `trailhouse evaluate SUITE --tasks TASKS`, which registers them again",
        ("raw_evaluation_ledger",),
    ),
    _Comparison(
        "raw_suite",
        "suites that are not registered",
        "select distinct suite_id from raw_model where suite_id not in (select suite_id from raw_suite) order by all",
        _REGISTER_AGAIN,
        ("raw_model",),
    ),
    _Comparison(
        "raw_model",
        "scored or evaluated models that are not registered",
        f"select distinct model_id from (select model_id from {_SCORED} union all select model_id from {_EVALUATED})"
        " where model_id not in (select model_id from raw_model) order by all",
        _REGISTER_AGAIN,
        _LEDGERS,
    ),
    _Comparison(
        "raw_checkpoint",
        "scored or evaluated checkpoints that are not registered",
        "select distinct concat(model_id, ' step ', toString(step)) from"
        f" (select model_id, step from {_SCORED} union all select model_id, step from {_EVALUATED})"
        " where (model_id, step) not in (select model_id, step from raw_checkpoint) order by all",
        _REGISTER_AGAIN,
        _LEDGERS,
    ),
    _Comparison(
        "raw_scoring_run",
        "runs whose scores are stored and that are not recorded",
        "select distinct toString(scoring_run_id) from"
        f" (select scoring_run_id from {_SCORED} union all select scoring_run_id from {_EVALUATED})"
        " where scoring_run_id not in (select scoring_run_id from raw_scoring_run) order by all",
        "restore a backup; the scores are valid, but nothing says who computed them, when and on which device",
        _LEDGERS,
    ),
)


def find_lost_rows(client: Client) -> list[LostRows]:
    """Return what the ledgers and the catalogue state and the tables do not hold.

    A comparison that needs a table which does not exist is left out, because ``trailhouse init`` makes it first.
    """
    rows = client.query("select name from system.tables where database = currentDatabase()").result_rows
    present = {str(name) for (name,) in rows}
    lost = []
    for comparison in _COMPARISONS:
        if not present.issuperset((comparison.table, *comparison.reads)):
            continue
        names = [str(name) for (name,) in client.query(comparison.query).result_rows]
        if names:
            examples = ", ".join(islice(names, _EXAMPLES))
            lost.append(LostRows(comparison.table, f"{len(names)} {comparison.what}: {examples}", comparison.hint))
    return lost
