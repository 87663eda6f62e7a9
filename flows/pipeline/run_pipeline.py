"""This module works on the checkpoints of a run. Each checkpoint is one Prefect task.

If another worker holds the claim of a checkpoint, the run waits until that worker releases the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task
from prefect.utilities.annotations import quote

from trailhouse.errors import TrailhouseError
from trailhouse.flows.pipeline.claims import wait_for_free
from trailhouse.flows.pipeline.concurrency_limits import RELEASE_SECONDS
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, Failure
from trailhouse.flows.pipeline.pipeline import TASK_THREADS, Pipeline, PipelineStoppedError
from trailhouse.flows.pipeline.work import CheckpointWork, do_claimed_work, find_claim
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.support.progress import report_note, report_progress
from trailhouse.support.wording import count_of
from trailhouse.warehouse.failures import is_permanent

UnitT = TypeVar("UnitT")

# The task runner of every flow that runs models.
PIPELINE_THREADS = cast(TaskRunner[PrefectFuture[object]], ThreadPoolTaskRunner(max_workers=TASK_THREADS))


def is_worth_retrying(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    """Return whether Prefect retries a failed task.

    A task is not retried if the run was interrupted, if a person must correct the error (exit codes 2 and 3), or if the
    warehouse would refuse it again, for example because a table does not exist.
    """
    error = state.result(raise_on_failure=False)
    if isinstance(error, PipelineStoppedError) or is_permanent(error):
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
def work_on_checkpoint(
    checkpoint: Checkpoint,  # noqa: ARG001  # task_run_name uses it
    work: CheckpointWork[UnitT],
    pipeline: Pipeline[UnitT],
) -> bool:
    """Do the work on one checkpoint, as a Prefect task. Returns False if another worker holds its claim.

    If the embedded server was killed, the attempt that it ended fails, and the next one starts the server again.
    """
    pipeline.restore_warehouse()
    return do_claimed_work(work, pipeline)


def run_pipeline(works: Sequence[CheckpointWork[UnitT]], pipeline: Pipeline[UnitT]) -> list[CheckpointOutcome]:
    """Work on every checkpoint of ``works``, and return the outcomes in the order of ``works``.

    A failed checkpoint does not stop the work on other checkpoints. If another worker holds the claim of a checkpoint,
    this function waits until that worker releases the claim, and then tries again. If the other worker failed or died,
    this run does the work. Every checkpoint therefore has an outcome at the end.
    """
    if not works:
        return []
    wording = pipeline.kind.wording
    description = f"{wording.bar} {count_of(len(works), 'checkpoint')}"
    artifact_id = cast(UUID, create_progress_artifact(0.0, key=f"{wording.run_kind}-progress", description=description))
    report_progress(wording.bar, 0, len(works))
    waiting = {find_claim(work, pipeline): work for work in works}
    has_told = False
    with pipeline.steps.closing():
        free = list(waiting)
        while waiting:
            for name in run_tasks(free, waiting, pipeline):
                finished = waiting.pop(name)
                done_count = len(works) - len(waiting)
                report_progress(wording.bar, done_count, len(works), finished.outcome.model_id)
                update_progress_artifact(artifact_id, 100.0 * done_count / len(works))
            if waiting and not has_told:
                tell_about_waiting(len(waiting), wording.participle)
                has_told = True
            if waiting:
                free = wait_for_free(list(waiting), pipeline.data_directory)
    return [work.outcome for work in works]


def run_tasks(
    names: Sequence[str], waiting: dict[str, CheckpointWork[UnitT]], pipeline: Pipeline[UnitT]
) -> Iterator[str]:
    """Run one task for each claim in ``names``, and yield the name of each claim whose task did its work or failed.

    ``waiting`` maps the name of a claim to the work on its checkpoint. If another worker holds a claim, the task does
    nothing, and the name of this claim is not yielded.
    """
    works = [(name, waiting[name]) for name in names]
    futures = [
        work_on_checkpoint.submit(
            work.checkpoint,
            cast(CheckpointWork[UnitT], quote(work)),
            cast(Pipeline[UnitT], quote(pipeline)),
        )
        for _, work in works
    ]
    for (name, work), future in zip(works, futures, strict=True):
        future.wait()
        result = future.state.result(raise_on_failure=False)
        if isinstance(result, BaseException):
            work.outcome.failures.append(Failure(result))
        if result is not False:
            yield name


def tell_about_waiting(held_count: int, participle: str) -> None:
    """Report to the user and to the run's log that other workers have claimed ``held_count`` checkpoints.

    ``participle`` says what those workers do with a checkpoint, such as ``scored``.
    """
    message = (
        f"waiting for {count_of(held_count, 'checkpoint')} that other workers hold; claims of crashed workers expire"
        f" within {RELEASE_SECONDS:.0f} s, and their checkpoints are then {participle} here"
    )
    report_note(message)
    get_run_logger().info(message)
