"""The sweep: while one checkpoint is scored, the next is fetched and loaded and the one before is inserted.

time ──▶   load 1 │ score 1 ──────── │ score 2 ──────── │ score 3 ────────
                  │ load 2           │ load 3, insert 1 │ load 4, insert 2

Every checkpoint is one Prefect task in a thread of its own; the stages of the sweep let one of them load, one score
and one insert at a time, and at most two models be in memory. Scores go to the inserting thread batch by batch,
so that they need not fit the memory either.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Full, Queue

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.flows.pipeline.claims import claim_partition, hold_devices
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.scoring.out_of_memory import is_out_of_memory
from trailhouse.models.scoring.score_corpus import (
    PreTrainedModel,
    ScoringSettings,
    attention_implementation,
    device_name,
    list_devices,
    load_model,
    score_corpus,
)
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, load_scores, read_score_keys

RESIDENT_MODELS = 2
TASK_THREADS = 3  # one loads, one scores, one waits for its last rows to be inserted
QUEUED_BATCHES = 4  # of at most about 1M scores each
QUEUE_LOOK_SECONDS = 0.2


class SweepStages:
    """What may happen at the same time in one process."""

    def __init__(self) -> None:
        self.resident = threading.Semaphore(RESIDENT_MODELS)
        self.loading = threading.Lock()
        self.scoring = threading.Lock()
        self.inserter = ThreadPoolExecutor(1, "inserting")
        self.is_stopped = threading.Event()
        self.holds_two = True
        """False once the memory did not hold a model beside the one that was scored."""


@contextmanager
def closing_stages(stages: SweepStages) -> Iterator[None]:
    """Let the sweep's threads end with the block: at once where it is left by an error or Ctrl-C."""
    try:
        yield
    except BaseException:
        stages.is_stopped.set()
        raise
    finally:
        stages.inserter.shutdown(wait=not stages.is_stopped.is_set())


class SweepStoppedError(Exception):
    """The sweep was interrupted while this checkpoint was worked on."""


@dataclass(frozen=True)
class ScoringJob:
    """Everything a checkpoint is scored with; shared by all checkpoints of a run that use one tokenizer."""

    address: WarehouseAddress
    tokenized: TokenizedCorpus
    settings: ScoringSettings
    scoring_run_id: uuid.UUID
    data_directory: Path
    cache: CheckpointCache
    sources: Mapping[str, CheckpointSource]
    """Where the checkpoints of a model come from, by model_id."""
    stages: SweepStages


@dataclass(frozen=True)
class ScoredCheckpoint:
    """A checkpoint whose scores are in the warehouse, and what they were computed with."""

    entry: LedgerEntry
    device: str
    attention_implementation: str
    scoring_seconds: float


@dataclass(frozen=True)
class PassedOver:
    """A checkpoint that somebody else scores, or has scored since this run began."""

    is_scored: bool


@dataclass
class WorkProgress:
    """Adds up the work on one checkpoint of which a part is done, and ends it once the sweep is stopped."""

    title: str
    detail: str
    total_count: int
    stages: SweepStages
    done_count: int = 0

    def advance(self, count: int) -> None:
        """``count`` further units are done. Raises SweepStoppedError once the sweep is stopped."""
        if self.stages.is_stopped.is_set():
            raise SweepStoppedError
        self.done_count += count
        report_progress(self.title, self.done_count, self.total_count, self.detail)


def is_worth_retrying(task: Task[..., object], run: TaskRun, state: State[object]) -> bool:
    """Retry what may pass by itself; what a person must mend fails at once."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, SweepStoppedError):
        return False
    return not (isinstance(error, TrailhouseError) and error.exit_code in (2, 3))


@task(
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_condition_fn=is_worth_retrying,
    cache_policy=NO_CACHE,
    persist_result=False,
    task_run_name="{checkpoint.model_id} step {checkpoint.step}",
)
def score_checkpoint(checkpoint: Checkpoint, scored: ScoredPartition, job: ScoringJob) -> ScoredCheckpoint | PassedOver:
    """Load one checkpoint, score every position of the corpus, replace its partition, enter it into the ledger."""
    with claim_partition(scored.partition, job.data_directory) as claim:
        if not claim.is_ours:
            return PassedOver(is_scored=False)
        if is_in_ledger(scored, job.address):
            claim.finish()
            return PassedOver(is_scored=True)
        try:
            result = process_checkpoint(checkpoint, scored, job)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # they hold the model, and the error is kept to the end
            if is_out_of_memory(error):
                raise UsageError(
                    f"{name_work(checkpoint)}: the memory does not hold it: {' '.join(str(error).split())[:200]}",
                    "free some memory, or score on a device that has more, and run the same command again",
                ) from error
            raise
        claim.finish()
        return result


def is_in_ledger(scored: ScoredPartition, address: WarehouseAddress) -> bool:
    """Return whether the scores are in the warehouse, by whom ever."""
    with connect(address) as client:
        return read_score_keys(client, scored.corpus_id).get((scored.model_id, scored.step)) == scored.score_key


def process_checkpoint(
    checkpoint: Checkpoint, scored: ScoredPartition, job: ScoringJob
) -> ScoredCheckpoint | PassedOver:
    """Take one checkpoint through the stages.

    The ledger is asked again before the costly one: on a host so busy that its lease ran out, or after a long
    download, another worker may have been faster.
    """
    stages = job.stages
    with stages.resident, ExitStack() as files:
        with stages.loading:
            if stages.is_stopped.is_set():
                raise SweepStoppedError
            load_started = time.monotonic()
            directory = fetch_checkpoint(checkpoint, job, files)
            model = load_beside(directory, checkpoint, job)
            load_seconds = time.monotonic() - load_started
        with stages.scoring:
            if is_in_ledger(scored, job.address):
                return PassedOver(is_scored=True)
            model = model or load_model(directory, job.settings, allow_pickle=checkpoint.is_pickled)
            description = (device_name(model), attention_implementation(model))
            with hold_devices(list_devices(model)):
                started = time.monotonic()
                started_at = datetime.now(UTC) - timedelta(seconds=load_seconds)
                insertion = score_and_insert(model, scored, job, started_at)
                scoring_seconds = time.monotonic() - started
            del model
    return ScoredCheckpoint(insertion.result(), *description, scoring_seconds)


def fetch_checkpoint(checkpoint: Checkpoint, job: ScoringJob, files: ExitStack) -> Path:
    """Return a directory with the whole, verified checkpoint; it stays until ``files`` is closed."""
    if not checkpoint.is_remote:
        return checkpoint.directory
    progress = WorkProgress("Fetching", name_work(checkpoint), checkpoint.size_bytes, job.stages)
    place = files.enter_context(job.cache.reserve(checkpoint))
    return place if place.is_dir() else job.sources[checkpoint.model_id].fetch(checkpoint, place, progress.advance)


def name_work(subject: Checkpoint | ScoredPartition) -> str:
    """What a progress bar calls a checkpoint."""
    return f"{subject.model_id} step {subject.step}"


def load_beside(directory: Path, checkpoint: Checkpoint, job: ScoringJob) -> PreTrainedModel | None:
    """Load a model beside the one that is being scored; None where the memory does not hold both."""
    if not job.stages.holds_two:
        return None
    try:
        return load_model(directory, job.settings, allow_pickle=checkpoint.is_pickled)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        job.stages.holds_two = False
        return None


def name_distinct(names: Iterable[str]) -> str:
    """Every name once, in order: models of one suite may differ in what they run on."""
    return ", ".join(sorted(set(names) - {""}))


def score_and_insert(
    model: PreTrainedModel, scored: ScoredPartition, job: ScoringJob, started_at: datetime
) -> Future[LedgerEntry]:
    """Score a corpus while another thread inserts; returns when all is scored, with what the insertion will give."""
    progress = WorkProgress("Positions", name_work(scored), job.tokenized.position_count, job.stages)
    settings = replace(job.settings, **scored.window)  # type: ignore[arg-type]  # integers for fields that hold them
    queue: Queue[pa.RecordBatch | BaseException | None] = Queue(QUEUED_BATCHES)
    insertion = job.stages.inserter.submit(insert_batches, queue, scored, job, started_at)
    try:
        for batch in score_corpus(model, job.tokenized, settings, progress=progress.advance):
            hand_over(queue, batch, insertion)
    except BaseException as error:
        hand_over(queue, error, insertion)
        with suppress(BaseException):
            insertion.result()  # the staging table is gone before the error is told
        raise
    hand_over(queue, None, insertion)
    return insertion


def hand_over(
    queue: Queue[pa.RecordBatch | BaseException | None],
    item: pa.RecordBatch | BaseException | None,
    insertion: Future[LedgerEntry],
) -> None:
    """Put an item into the queue once there is room; raises the error of an insertion that has failed."""
    while not insertion.done():
        with suppress(Full):
            queue.put(item, timeout=QUEUE_LOOK_SECONDS)
            return
    if isinstance(item, pa.RecordBatch):
        insertion.result()


def insert_batches(
    queue: Queue[pa.RecordBatch | BaseException | None],
    scored: ScoredPartition,
    job: ScoringJob,
    started_at: datetime,
) -> LedgerEntry:
    """Load the batches of a queue into the partition of a checkpoint, in the inserting thread."""
    with connect(job.address) as client:
        return load_scores(client, scored, iterate_queue(queue.get), job.scoring_run_id, started_at)


def iterate_queue(get: Callable[[], pa.RecordBatch | BaseException | None]) -> Iterator[pa.RecordBatch]:
    """Yield the batches up to the end of the queue; an error among them is raised."""
    while (item := get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
