"""This module does the work on one checkpoint.

It claims the checkpoint, reads the ledger, fetches the checkpoint, loads the model, runs the model on a device, and
inserts the rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.claims import claim_work, name_claim
from trailhouse.flows.pipeline.device_slots import hold_device_slots
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, Failure, release_frames
from trailhouse.flows.pipeline.pipeline import Pipeline, PipelineSteps, StepProgress
from trailhouse.flows.pipeline.run_record import record_begin
from trailhouse.flows.pipeline.unit_results import UnitResults
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.scoring.devices import device_name, list_devices
from trailhouse.models.scoring.load_model import attention_implementation, load_model
from trailhouse.models.scoring.out_of_memory import is_out_of_memory
from trailhouse.warehouse.connection import connect

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

UnitT = TypeVar("UnitT")


@dataclass(frozen=True)
class CheckpointWork(Generic[UnitT]):
    """A checkpoint, the units of work that the ledger lacked when the run began, and the outcome of the work."""

    checkpoint: Checkpoint
    units: Sequence[UnitT]
    outcome: CheckpointOutcome


def plan_work(checkpoint: Checkpoint, units: Sequence[UnitT]) -> CheckpointWork[UnitT]:
    """Return the CheckpointWork for these units of work. Its outcome is empty, because no unit is done yet."""
    return CheckpointWork(checkpoint, units, CheckpointOutcome(checkpoint.model_id, checkpoint.step, len(units)))


def find_claim(work: CheckpointWork[UnitT], pipeline: Pipeline[UnitT]) -> str:
    """Return the name of the claim that a worker must hold to do the work."""
    return name_claim(pipeline.kind.find_partition(work.checkpoint))


def do_claimed_work(work: CheckpointWork[UnitT], pipeline: Pipeline[UnitT]) -> bool:
    """Do the work and fill its outcome. If another worker holds the checkpoint's claim, return False and do nothing.

    An error of the checkpoint is raised. An error of a single unit of work is stored in the outcome. Raises
    UsageError if the memory is too small.
    """
    with claim_work(find_claim(work, pipeline), pipeline.data_directory) as claim:
        if not claim.is_ours:
            return False
        try:
            do_work(work, pipeline)
        except BaseException as error:
            release_frames([error])
            if is_out_of_memory(error):
                raise UsageError(
                    f"the memory does not hold it: {' '.join(str(error).split())[:200]}",
                    "free some memory, or use a device that has more, and run the same command again",
                ) from error
            raise
        claim.finish()
        return True


def do_work(work: CheckpointWork[UnitT], pipeline: Pipeline[UnitT]) -> None:
    """Fetch, load, run and insert one checkpoint.

    The ledger is read before the checkpoint is fetched, and again just before the model runs. The second reading is
    needed because the lease of the claim may expire on a very busy host, and another worker may then do the work.
    """
    steps, checkpoint = pipeline.steps, work.checkpoint
    work.outcome.failures.clear()  # drops the failures of an earlier attempt
    if not list_missing(work, pipeline):
        return
    with steps.resident, ExitStack() as files:
        with steps.loading:
            steps.refuse_if_stopped()
            load_started = time.monotonic()
            source = pipeline.sources[checkpoint.model_id]
            directory = fetch_checkpoint(checkpoint, source, pipeline.cache, steps, files)
            model = load_beside(directory, checkpoint, pipeline)
            load_time = timedelta(seconds=time.monotonic() - load_started)
        with steps.running:
            steps.refuse_if_stopped()
            model = model or load(directory, checkpoint, pipeline)
            with hold_device_slots(list_devices(model), pipeline.data_directory):
                missing = list_missing(work, pipeline)
                insertion = run_units(model, missing, work, pipeline, datetime.now(UTC) - load_time)
            del model
            release_frames([failure.error for failure in work.outcome.failures])
    if insertion is not None:
        insertion.result()


def list_missing(work: CheckpointWork[UnitT], pipeline: Pipeline[UnitT]) -> list[UnitT]:
    """Return the units that the ledger lacks now, and store in the outcome how many units other workers have done."""
    with connect(pipeline.address) as client:
        missing = pipeline.kind.list_missing(client, work.checkpoint, work.units)
    work.outcome.elsewhere_count = len(work.units) - len(missing) - len(work.outcome.inserted)
    return missing


def fetch_checkpoint(
    checkpoint: Checkpoint, source: CheckpointSource, cache: CheckpointCache, steps: PipelineSteps, files: ExitStack
) -> Path:
    """Return a directory with the complete checkpoint.

    For a local checkpoint, the result is its own directory. A remote checkpoint is fetched and verified, unless the
    download cache holds it already. The cache keeps the directory of a remote checkpoint until ``files`` is closed.
    """
    if not checkpoint.is_remote:
        return checkpoint.directory
    name = f"{checkpoint.model_id} step {checkpoint.step}"
    progress = StepProgress("Fetching", name, checkpoint.size_bytes, steps)
    directory = files.enter_context(cache.reserve(checkpoint))
    if directory.is_dir():
        return directory
    return source.fetch(checkpoint, directory, progress.advance)


def load_beside(directory: Path, checkpoint: Checkpoint, pipeline: Pipeline[UnitT]) -> PreTrainedModel | None:
    """Load a model while another model runs. Returns None if the memory is too small for both models."""
    if not pipeline.steps.holds_two_models:
        return None
    try:
        return load(directory, checkpoint, pipeline)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    pipeline.steps.holds_two_models = False
    return None


def load(directory: Path, checkpoint: Checkpoint, pipeline: Pipeline[UnitT]) -> PreTrainedModel:
    """Load the model of a checkpoint from ``directory``, which holds the complete checkpoint."""
    return load_model(directory, pipeline.kind.settings, allow_pickle=checkpoint.is_pickled)


def run_units(
    model: PreTrainedModel,
    units: Sequence[UnitT],
    work: CheckpointWork[UnitT],
    pipeline: Pipeline[UnitT],
    started_at: datetime,
) -> Future[None] | None:
    """Run a model on units of work while another thread inserts the rows.

    Returns the Future of the insertion, which may not be finished. Returns None if ``units`` is empty.
    """
    if not units:
        return None
    kind, outcome = pipeline.kind, work.outcome
    outcome.device, outcome.attention_implementation = device_name(model), attention_implementation(model)
    record_begin(pipeline, outcome)
    step_count = sum(kind.count_steps(unit) for unit in units)
    progress = StepProgress(kind.wording.step_bar, outcome.name, step_count, pipeline.steps)
    results: UnitResults[UnitT] = UnitResults()
    insertion = results.insertion = pipeline.steps.inserter.submit(insert_units, results, work, pipeline)
    try:
        with kind.open_model(model, work.checkpoint) as run_unit:
            for unit in units:
                run_started = time.monotonic()
                results.begin(unit, started_at)
                try:
                    for batch in run_unit(unit, progress.advance):
                        results.put(batch)
                except (BadInputError, UsageError) as error:
                    results.abandon()
                    outcome.failures.append(Failure(error, kind.name_unit(unit)))
                run_seconds = time.monotonic() - run_started
                outcome.run_seconds += run_seconds
                results.end(run_seconds)
                started_at = datetime.now(UTC)
    except BaseException as error:
        results.close(error)
        with suppress(BaseException):
            insertion.result()  # waits until the inserting thread has dropped its staging table
        raise
    results.close()
    return insertion


def insert_units(results: UnitResults[UnitT], work: CheckpointWork[UnitT], pipeline: Pipeline[UnitT]) -> None:
    """Write the rows of a checkpoint's units of work to the warehouse. This function runs in the inserting thread."""
    with connect(pipeline.address) as client:
        for inserted in pipeline.kind.insert(client, results.read(), pipeline.scoring_run_id):
            work.outcome.inserted.append(inserted)
