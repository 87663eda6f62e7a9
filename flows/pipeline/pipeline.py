"""The pipeline of one command: what all of its checkpoints share, and the locks of the three stages of the work.

time ──▶   load 1 │ run 1 ────────── │ run 2 ────────── │ run 3 ──────────
                  │ load 2           │ load 3, insert 1 │ load 4, insert 2

The three stages of a checkpoint are: load its model, run the model, and insert the results. Every checkpoint is one
Prefect task in its own thread. At any time, at most one checkpoint is in each stage, and at most two models are in
memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from trailhouse.flows.pipeline.kind_of_work import KindOfWork
from trailhouse.flows.services.warehouse import locate_warehouse
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.scoring.devices import choose_device_map
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import WarehouseAddress

UnitT = TypeVar("UnitT")

RESIDENT_MODELS = 2
TASK_THREADS = 3  # one thread loads a model, one runs a model, and one waits until its last rows are inserted


class PipelineStoppedError(Exception):
    """Raised in the work on a checkpoint when the run was interrupted."""


class PipelineSteps:
    """Locks by which, at any time, at most one checkpoint is loaded, one is run and one is inserted."""

    def __init__(self) -> None:
        self.resident = threading.Semaphore(RESIDENT_MODELS)
        self.loading = threading.Lock()
        self.running = threading.Lock()
        self.inserter = ThreadPoolExecutor(1, "inserting")
        self.is_stopped = threading.Event()
        self.holds_two_models = True
        """Becomes False when the memory turns out to be too small for two models."""
        self.is_run_recorded = False
        """Becomes True when the first model of the run begins to run; see ``run_record``."""

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Wait at the end of the block until all rows are inserted.

        If the block ends by an error or Ctrl-C, the run is marked as interrupted, and the method does not
        wait for the rows.
        """
        try:
            yield
        except BaseException:
            self.is_stopped.set()
            raise
        finally:
            self.inserter.shutdown(wait=not self.is_stopped.is_set())

    def refuse_if_stopped(self) -> None:
        """Raise PipelineStoppedError if the run was interrupted."""
        if self.is_stopped.is_set():
            raise PipelineStoppedError


@dataclass(frozen=True)
class Pipeline(Generic[UnitT]):
    """One run of a kind of work over the checkpoints of a suite."""

    kind: KindOfWork[UnitT]
    address: WarehouseAddress
    data_directory: Path
    cache: CheckpointCache
    sources: Mapping[str, CheckpointSource]
    """The source of each model's checkpoints, by model_id."""
    started_at: datetime
    scoring_run_id: UUID = field(default_factory=uuid4)
    steps: PipelineSteps = field(default_factory=PipelineSteps)
    restore_warehouse: Callable[[], object] = lambda: None
    """Start the embedded server again if it was killed. It comes back at ``address``."""


def make_pipeline(
    kind: KindOfWork[UnitT],
    address: WarehouseAddress,
    sources: Mapping[str, CheckpointSource],
    settings: Settings,
    started_at: datetime,
) -> Pipeline[UnitT]:
    """Return the pipeline of a run, with the data directory and the checkpoint cache that ``settings`` name.

    Raises UsageError if the device is not known or not available. Without this check, every checkpoint would fail.
    """
    choose_device_map(settings.device)
    cache = CheckpointCache(settings.checkpoint_cache_directory, settings.checkpoint_cache_bytes)
    return Pipeline(
        kind,
        address,
        settings.data_directory,
        cache,
        sources,
        started_at,
        restore_warehouse=partial(locate_warehouse, settings),
    )


@dataclass
class StepProgress:
    """Counts the bytes, positions or options that a piece of work has finished.

    It reports the progress, and stops the work if the run was interrupted.
    """

    title: str
    detail: str
    total_count: int
    steps: PipelineSteps
    done_count: int = 0

    def advance(self, count: int) -> None:
        """Report that ``count`` more bytes, positions or options are finished.

        Raises PipelineStoppedError if the run was interrupted.
        """
        self.steps.refuse_if_stopped()
        self.done_count += count
        report_progress(self.title, self.done_count, self.total_count, self.detail)
