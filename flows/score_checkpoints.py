"""The flow that scores every checkpoint of a suite on a corpus. Checkpoints whose scores are stored are skipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import flow

from trailhouse.errors import BadInputError
from trailhouse.flows.pipeline.contexts import Contexts, choose_contexts
from trailhouse.flows.pipeline.corpora import read_registered_corpus
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, fail_at_once
from trailhouse.flows.pipeline.pipeline import make_pipeline
from trailhouse.flows.pipeline.registration import find_checkpoints, register_suite
from trailhouse.flows.pipeline.reuse import ScoringPlan, copy_reusable, split_reusable
from trailhouse.flows.pipeline.run_pipeline import PIPELINE_THREADS, run_pipeline
from trailhouse.flows.pipeline.run_record import measure_speed
from trailhouse.flows.pipeline.run_report import report_run
from trailhouse.flows.pipeline.scoring import CorpusScoring
from trailhouse.flows.pipeline.training import train_missing
from trailhouse.flows.pipeline.work import plan_work
from trailhouse.flows.prefect.crashed_runs import guard_shared_server
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.scoring.context_window import ContextChoice
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.corpus import Corpus
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus, refuse_large_token_ids, refuse_unscored_corpus
from trailhouse.models.texts.tokenizer import token_table, tokenize_corpus
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.catalogue import find_lost_tokens, load_tokens
from trailhouse.warehouse.loading.partition_load import drop_abandoned_staging_tables
from trailhouse.warehouse.loading.score_ledger import ScoredPartition, read_score_keys


@dataclass(frozen=True)
class ScoringReport:
    """What one run of the flow did."""

    suite_id: str
    corpus_id: str
    checkpoint_count: int
    already_scored_count: int
    elsewhere_count: int
    """Number of checkpoints that another worker scored since this run began."""
    scored_count: int
    copied_count: int
    """Number of the scored checkpoints whose scores were copied from a checkpoint with equal weights."""
    score_count: int
    duration_seconds: float
    scoring_seconds: float
    """Seconds in which models ran. In these seconds, other checkpoints are loaded and inserted at the same time."""
    scores_per_second: float


@flow(name="score_checkpoints", task_runner=PIPELINE_THREADS, validate_parameters=False, persist_result=False)
def score_checkpoints(suite: str, corpus: str, settings: Settings | None = None) -> ScoringReport:
    """Score every checkpoint of a suite on a corpus. Checkpoints whose scores are in the ledger are skipped.

    A damaged checkpoint is not scored, and does not stop the work on other checkpoints. Its earlier scores stay stored,
    but the marts leave them out.

    Raises PartialError if some checkpoints failed. If all checkpoints failed with the same error, raises this error. If
    all failed with different errors, raises AllFailedError, which names every error.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    guard_shared_server()
    declared = find_declared_suite(suite, settings)
    train_missing(declared, settings)
    found = find_checkpoints(declared, settings)
    address = resolve_address(settings)
    with connect(address) as client:
        drop_abandoned_staging_tables(client)
        registered = read_registered_corpus(client, corpus)
        vocabulary_sizes = register_suite(client, declared, found)
        ledger = read_score_keys(client, corpus)
    scoring = choose_scoring(settings)
    contexts = choose_contexts(declared, found.checkpoints, scoring)
    planned = plan_partitions(found.checkpoints, registered, contexts)
    pending = [(c, p) for c, p in planned if ledger.get((p.model_id, p.step)) != p.score_key]
    to_score, copies = split_reusable(pending, ledger)
    to_score, tokenized, unreadable = tokenize_for(to_score, registered, vocabulary_sizes, address)
    restore_tokens(planned, registered, vocabulary_sizes, address)
    kind = CorpusScoring(corpus, tokenized, scoring, contexts, settings.verified_position_count)
    pipeline = make_pipeline(kind, address, found.sources, settings, started_at)
    outcomes = run_pipeline([plan_work(checkpoint, [scored]) for checkpoint, scored in to_score], pipeline)
    outcomes += copy_reusable(address, copies)
    already_scored_count = len(planned) - len(pending)
    report_run(pipeline, [*found.failed, *unreadable, *outcomes], already_scored_count)
    return summarise(declared.suite_id, corpus, already_scored_count, outcomes, started_at)


def choose_scoring(settings: Settings) -> ScoringSettings:
    """Return the ScoringSettings with the values from the settings of Trailhouse."""
    return ScoringSettings(
        dtype=settings.dtype,
        quanta_per_nat=settings.quanta_per_nat,
        with_entropy=settings.with_entropy,
        with_target_rank=settings.with_target_rank,
        is_compiled=settings.is_compiled,
        device=settings.device,
        context_length=settings.context_length,
        stride=settings.stride,
    )


def plan_partitions(checkpoints: Sequence[Checkpoint], corpus: Corpus, contexts: Contexts) -> list[ScoringPlan]:
    """Return a plan for each checkpoint, with everything that the checkpoint's scores depend on. No model is loaded."""
    return [
        (checkpoint, plan_partition(checkpoint, corpus, contexts[checkpoint.model_id, checkpoint.step]))
        for checkpoint in checkpoints
    ]


def plan_partition(checkpoint: Checkpoint, corpus: Corpus, context: ContextChoice) -> ScoredPartition:
    """Return the partition for a checkpoint's scores, with everything that the scores depend on."""
    return ScoredPartition(
        model_id=checkpoint.model_id,
        corpus_id=corpus.corpus_id,
        step=checkpoint.step,
        weights_sha256=checkpoint.weights_sha256,
        corpus_sha256=corpus.corpus_sha256,
        tokenizer_id=checkpoint.tokenizer_id,
        settings={
            **context.key_settings.as_record(),
            **context.rotary_record,
            "config_sha256": checkpoint.config_sha256,
        },
        window={"context_length": context.context_length, "stride": context.stride},
        text_beginning=context.beginning.as_record(),
    )


def tokenize_for(
    pending: Sequence[ScoringPlan],
    corpus: Corpus,
    vocabulary_sizes: Mapping[str, int],
    address: WarehouseAddress,
) -> tuple[list[ScoringPlan], dict[str, TokenizedCorpus], list[CheckpointOutcome]]:
    """Tokenize the corpus once for every tokenizer of the checkpoints, and store the tokens.

    A checkpoint cannot be scored if its tokenizer fails on the corpus or leaves no position to score, or if the model
    lacks an embedding for a token. Returns the plans of the checkpoints that can be scored, the tokenized corpus by
    tokenizer_id, and the outcomes of the checkpoints that cannot be scored.
    """
    tokenized: dict[str, TokenizedCorpus] = {}
    tokenizers = {}
    usable: list[ScoringPlan] = []
    unreadable: list[CheckpointOutcome] = []
    for checkpoint, scored in reversed(pending):
        name = checkpoint.tokenizer_id
        try:
            if name not in tokenized:
                tokenizers[name] = checkpoint.tokenizer.load()
                tokenized[name] = tokenize_corpus(tokenizers[name], corpus)
            refuse_large_token_ids(tokenized[name], vocabulary_sizes[checkpoint.model_id])
        except BadInputError as error:
            named = BadInputError(f"{checkpoint.directory}: {error.message}", error.hint)
            unreadable.insert(0, fail_at_once(checkpoint.model_id, checkpoint.step, named))
            continue
        try:
            has_beginning = bool(scored.text_beginning.get("text_beginning_token_ids"))
            refuse_unscored_corpus(tokenized[name], has_beginning=has_beginning)
        except BadInputError as error:  # this error is about the corpus, so the checkpoint's directory is not named
            unreadable.insert(0, fail_at_once(checkpoint.model_id, checkpoint.step, error))
        else:
            usable.insert(0, (checkpoint, scored))
    used = dict.fromkeys(checkpoint.tokenizer_id for checkpoint, _ in usable)
    with connect(address) as client:
        for name in used:
            load_tokens(client, name, corpus.corpus_id, token_table(tokenizers[name], corpus, tokenized[name]))
    return usable, {name: tokenized[name] for name in used}, unreadable


def restore_tokens(
    planned: Sequence[ScoringPlan], corpus: Corpus, vocabulary_sizes: Mapping[str, int], address: WarehouseAddress
) -> None:
    """Store the tokens of the corpus again under each tokenizer whose tokens are gone although scores are stored."""
    with connect(address) as client:
        lost = find_lost_tokens(client, corpus.corpus_id)
    chosen = {plan[0].tokenizer_id: plan for plan in planned if plan[0].tokenizer_id in lost}
    if chosen:
        tokenize_for(list(chosen.values()), corpus, vocabulary_sizes, address)


def summarise(
    suite: str,
    corpus: str,
    already_scored_count: int,
    outcomes: Sequence[CheckpointOutcome],
    started_at: datetime,
) -> ScoringReport:
    """Return the report of a run in which no checkpoint failed."""
    inserted = [unit for outcome in outcomes for unit in outcome.inserted]
    return ScoringReport(
        suite_id=suite,
        corpus_id=corpus,
        checkpoint_count=already_scored_count + len(outcomes),
        already_scored_count=already_scored_count,
        elsewhere_count=sum(outcome.elsewhere_count for outcome in outcomes),
        scored_count=len(inserted),
        copied_count=sum(unit.is_copied for unit in inserted),
        score_count=sum(unit.row_count for unit in inserted),
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        scoring_seconds=sum(outcome.run_seconds for outcome in outcomes),
        scores_per_second=measure_speed(outcomes),
    )
