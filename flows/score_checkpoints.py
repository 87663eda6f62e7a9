"""The flow that scores what the ledger lacks: every checkpoint of a suite on a corpus."""

from __future__ import annotations

import getpass
import json
import platform
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import cast

from prefect import flow, get_run_logger
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from trailhouse import __version__
from trailhouse.errors import BadInputError, PartialError, TrailhouseError
from trailhouse.flows.pipeline.claims import RELEASE_SECONDS, wait_for_free
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.registration import (
    find_checkpoints,
    find_damaged_places,
    read_registered_corpus,
    register_suite,
)
from trailhouse.flows.pipeline.reuse import Plan, copy_reusable, split_reusable
from trailhouse.flows.pipeline.training import train_missing
from trailhouse.flows.pipeline.work import (
    TASK_THREADS,
    PassedOver,
    ScoredCheckpoint,
    ScoringJob,
    SweepStages,
    closing_stages,
    name_distinct,
    score_checkpoint,
)
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.suite import Suite
from trailhouse.models.scoring.context_window import ContextChoice, choose_context
from trailhouse.models.scoring.score_corpus import BATCH_POLICY, ScoringSettings, library_versions
from trailhouse.models.texts.corpus import Corpus
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus, refuse_large_token_ids
from trailhouse.models.texts.tokenizer import load_tokenizer, token_table, tokenize_corpus
from trailhouse.support.progress import report_note, report_progress
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.catalogue import load_tokens, upsert
from trailhouse.warehouse.loading.partition_load import Partition, drop_abandoned_staging_tables
from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, read_score_keys, invalidate_scores

Outcome = ScoredCheckpoint | LedgerEntry | PassedOver | BaseException


@dataclass(frozen=True)
class ScoringReport:
    """What one run did."""

    suite_id: str
    corpus_id: str
    checkpoint_count: int
    already_scored_count: int
    elsewhere_count: int
    """Checkpoints that another worker scored since this run began."""
    scored_count: int
    copied_count: int
    """Of ``scored_count``: copied from a checkpoint with the same weights."""
    score_count: int
    duration_seconds: float
    scoring_seconds: float
    """Time in which the model ran: what loading and inserting are hidden behind."""
    scores_per_second: float


@flow(
    name="score_checkpoints",
    task_runner=cast(TaskRunner[PrefectFuture[object]], ThreadPoolTaskRunner(max_workers=TASK_THREADS)),
    validate_parameters=False,
    persist_result=False,
)
def score_checkpoints(suite: str, corpus: str, settings: Settings | None = None) -> ScoringReport:
    """Score every checkpoint of a suite on a corpus, except those the ledger has.

    A damaged checkpoint does not stop the others. Raises PartialError if some failed, the first error itself if
    all did.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    declared = find_declared_suite(suite, settings)
    train_missing(declared, settings)
    found = find_checkpoints(declared, settings)
    raise_failures(list(found.errors) if not found.checkpoints else [], 0)
    address = resolve_address(settings)
    with connect(address) as client:
        drop_abandoned_staging_tables(client)
        registered = read_registered_corpus(client, corpus)
        vocabulary_sizes = register_suite(client, declared, found.checkpoints)
        ledger = read_score_keys(client, corpus)
        damaged = find_damaged_places(declared, ledger)
        invalidate_scores(client, [(*place, corpus) for place in damaged])
    scoring = choose_scoring(settings)
    planned = plan_partitions(declared, found.checkpoints, registered, scoring)
    pending = [(c, p) for c, p in planned if ledger.get((p.model_id, p.step)) != p.score_key]
    trusted = {place: score_key for place, score_key in ledger.items() if place not in damaged}
    to_score, copies = split_reusable(pending, trusted)
    run_id = uuid.uuid4()
    to_score, tokenized, tokenizer_errors = tokenize_for(to_score, registered, vocabulary_sizes, address)
    make_job = partial(
        ScoringJob,
        address=address,
        settings=scoring,
        scoring_run_id=run_id,
        data_directory=settings.data_directory,
        cache=CheckpointCache(settings.checkpoint_cache_directory, settings.checkpoint_cache_bytes),
        sources=found.sources,
        stages=SweepStages(),
    )
    jobs = {tokens.tokenizer_id: make_job(tokenized=tokens) for tokens in tokenized}
    outcomes = score_pending(to_score, jobs) if to_score else []
    outcomes += copy_reusable(address, copies)
    report = summarise(declared.suite_id, corpus, len(planned), outcomes, started_at)
    finished = [outcome for outcome in outcomes if isinstance(outcome, ScoredCheckpoint)]
    if finished:
        record_run(address, run_id, scoring, report, finished, started_at)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    errors = [*found.errors, *tokenizer_errors, *failures]
    raise_failures(errors, len(planned) - len(tokenizer_errors) - len(failures))
    return report


def choose_scoring(settings: Settings) -> ScoringSettings:
    """What the settings say about scoring."""
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


def plan_partitions(
    suite: Suite, checkpoints: list[Checkpoint], corpus: Corpus, scoring: ScoringSettings
) -> list[Plan]:
    """Say what the scores of every checkpoint would be made from, without loading it.

    Raises UsageError if a model cannot read as much context as is asked for.
    """
    declared = {f"{suite.suite_id}/{model.model_name}": model.context_length for model in suite.models}
    contexts: dict[tuple[str, str], ContextChoice] = {}
    planned = []
    for checkpoint in checkpoints:
        place = (checkpoint.model_id, checkpoint.config_sha256)
        if place not in contexts:
            contexts[place] = choose_context(checkpoint, declared[checkpoint.model_id], scoring)
        planned.append((checkpoint, plan_partition(checkpoint, corpus, contexts[place])))
    return planned


def plan_partition(checkpoint: Checkpoint, corpus: Corpus, context: ContextChoice) -> ScoredPartition:
    """Say what the scores of a checkpoint would be made from."""
    return ScoredPartition(
        model_id=checkpoint.model_id,
        corpus_id=corpus.corpus_id,
        step=checkpoint.step,
        weights_sha256=checkpoint.weights_sha256,
        corpus_sha256=corpus.corpus_sha256,
        tokenizer_id=checkpoint.tokenizer_id,
        settings={**context.key_settings.as_record(), "config_sha256": checkpoint.config_sha256},
        window={"context_length": context.context_length, "stride": context.stride},
    )


def score_pending(pending: list[Plan], jobs: Mapping[str, ScoringJob]) -> list[Outcome]:
    """Take the checkpoints through the stages of a sweep; an outcome is what became of one, or its error.

    What another worker holds is passed over and looked at again when it lets go: by then it is scored, or the
    worker has died and it is scored here. So every checkpoint has come to an end when this returns.
    """
    job = next(iter(jobs.values()))
    corpus_id = job.tokenized.corpus_id
    artifact_id = cast(
        uuid.UUID, create_progress_artifact(0.0, key="scoring-progress", description=f"Scoring {corpus_id}")
    )
    report_progress("Scoring", 0, len(pending))
    outcomes: dict[Partition, Outcome] = {}
    held = [scored.partition for _, scored in pending]
    is_waiting = False
    with closing_stages(job.stages):
        while held:
            chosen = [(c, scored) for c, scored in pending if scored.partition in held]
            for checkpoint, scored, outcome in run_tasks(chosen, jobs):
                if isinstance(outcome, PassedOver) and not outcome.is_scored:
                    continue
                outcomes[scored.partition] = outcome
                report_progress("Scoring", len(outcomes), len(pending), checkpoint.model_id)
                update_progress_artifact(artifact_id, 100.0 * len(outcomes) / len(pending))
            held = [scored.partition for _, scored in pending if scored.partition not in outcomes]
            if held and not is_waiting:
                say_what_is_waited_for(len(held))
                is_waiting = True
            if held:
                held = wait_for_free(held, job.data_directory)
    create_table_artifact(
        [describe_outcome(checkpoint, outcomes[scored.partition]) for checkpoint, scored in pending],
        key="scored-checkpoints",
        description=f"Checkpoints scored on {corpus_id}",
    )
    return [outcomes[scored.partition] for _, scored in pending]


def run_tasks(
    chosen: list[Plan], jobs: Mapping[str, ScoringJob]
) -> Iterator[tuple[Checkpoint, ScoredPartition, Outcome]]:
    """Run the task of every checkpoint, and yield what became of them in order."""
    device = next(iter(jobs.values())).settings.device
    task = score_checkpoint.with_options(tags={f"device:{device}"})
    futures = [
        task.submit(checkpoint, scored, cast(ScoringJob, quote(jobs[checkpoint.tokenizer_id])))
        for checkpoint, scored in chosen
    ]
    for (checkpoint, scored), future in zip(chosen, futures, strict=True):
        future.wait()
        yield checkpoint, scored, future.state.result(raise_on_failure=False)


def say_what_is_waited_for(held_count: int) -> None:
    """Tell a person, and the run's log, why nothing happens."""
    message = (
        f"waiting for {held_count} checkpoints that other workers are scoring; what a dead worker held comes"
        f" free within {RELEASE_SECONDS:.0f} s and is scored here"
    )
    report_note(message)
    get_run_logger().info(message)


def tokenize_for(
    pending: list[Plan],
    corpus: Corpus,
    vocabulary_sizes: Mapping[str, int],
    address: WarehouseAddress,
) -> tuple[list[Plan], list[TokenizedCorpus], list[TrailhouseError]]:
    """Tokenise the corpus once for every tokenizer among the checkpoints, and enter the tokens.

    Returns the checkpoints that can be scored, the tokenized corpora, and an error for each of the others: its
    tokenizer fails on the corpus, or the model has no embedding for one of its tokens.
    """
    tokenized: dict[str, TokenizedCorpus] = {}
    usable: list[Plan] = []
    errors: list[TrailhouseError] = []
    for checkpoint, scored in reversed(pending):
        name = checkpoint.tokenizer_id
        try:
            if name not in tokenized:
                tokenized[name] = tokenize_corpus(load_tokenizer(checkpoint.directory), corpus)
            refuse_large_token_ids(tokenized[name], vocabulary_sizes[checkpoint.model_id])
        except BadInputError as error:
            errors.append(BadInputError(f"{checkpoint.directory}: {error.message}", error.hint))
        else:
            usable.insert(0, (checkpoint, scored))
    used = {checkpoint.tokenizer_id: checkpoint.directory for checkpoint, _ in usable}
    with connect(address) as client:
        for name, directory in used.items():
            tokens = token_table(load_tokenizer(directory), corpus, tokenized[name])
            load_tokens(client, name, corpus.corpus_id, tokens)
    return usable, [tokenized[name] for name in used], errors


def describe_outcome(checkpoint: Checkpoint, outcome: Outcome) -> dict[str, object]:
    """One row of the table that a run leaves behind."""
    row: dict[str, object] = {"model": checkpoint.model_id, "step": checkpoint.step}
    if isinstance(outcome, BaseException):
        return {**row, "state": "failed", "scores": 0, "mean log-prob (nats)": None, "message": str(outcome)}
    if isinstance(outcome, PassedOver):
        return {**row, "state": "scored by another worker", "scores": 0, "mean log-prob (nats)": None, "message": ""}
    entry = outcome if isinstance(outcome, LedgerEntry) else outcome.entry
    mean = entry.log_prob_sum_nats / entry.score_count
    return {**row, "state": "scored", "scores": entry.score_count, "mean log-prob (nats)": mean, "message": ""}


def summarise(
    suite: str, corpus: str, checkpoint_count: int, outcomes: list[Outcome], started_at: datetime
) -> ScoringReport:
    """Add up what the run did; the speed is that of the checkpoints that were scored, not copied."""
    finished = [outcome for outcome in outcomes if isinstance(outcome, ScoredCheckpoint)]
    copied = [outcome for outcome in outcomes if isinstance(outcome, LedgerEntry)]
    score_count = sum(scored.entry.score_count for scored in finished)
    scoring_seconds = sum(scored.scoring_seconds for scored in finished)
    return ScoringReport(
        suite_id=suite,
        corpus_id=corpus,
        checkpoint_count=checkpoint_count,
        already_scored_count=checkpoint_count - len(outcomes),
        elsewhere_count=sum(isinstance(outcome, PassedOver) for outcome in outcomes),
        scored_count=len(finished) + len(copied),
        copied_count=len(copied),
        score_count=score_count + sum(entry.score_count for entry in copied),
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        scoring_seconds=scoring_seconds,
        scores_per_second=score_count / scoring_seconds if scoring_seconds else 0.0,
    )


def record_run(
    address: WarehouseAddress,
    run_id: uuid.UUID,
    scoring: ScoringSettings,
    report: ScoringReport,
    finished: Sequence[ScoredCheckpoint],
    started_at: datetime,
) -> None:
    """Enter the run with its provenance (definitions: every score can be traced to what made it)."""
    record: Mapping[str, object] = {
        "scoring_run_id": run_id,
        "run_kind": "scoring",
        "started_at": started_at,
        "finished_at": datetime.now(UTC),
        "user_name": getpass.getuser(),
        "host_name": platform.node(),
        "trailhouse_version": __version__,
        "device": name_distinct(one.device for one in finished),
        "dtype": scoring.dtype,
        "attention_implementation": name_distinct(one.attention_implementation for one in finished),
        "batch_policy": BATCH_POLICY,
        "library_versions": json.dumps(library_versions(), sort_keys=True),
        "score_count": report.score_count,
        "checkpoint_count": report.scored_count,
        "tokens_per_second": report.scores_per_second,
    }
    with connect(address) as client:
        upsert(client, "raw_scoring_run", ["scoring_run_id"], [record])


def raise_failures(errors: list[BaseException], succeeded_count: int) -> None:
    """Raise what the run must be reported with, if anything failed."""
    if not errors:
        return
    if succeeded_count == 0:
        raise errors[0]
    first = errors[0].message if isinstance(errors[0], TrailhouseError) else str(errors[0])
    raise PartialError(
        f"{len(errors)} checkpoints failed, the others are scored; the first: {first}",
        "mend them and run the same command again",
        [error.message if isinstance(error, TrailhouseError) else str(error) for error in errors],
    )
