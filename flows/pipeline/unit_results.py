"""The queue between the thread that runs a model and the thread that inserts the rows.

The queue holds only a few batches, so the rows of a unit do not have to fit in memory all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Full, Queue
from typing import Generic, TypeVar

import pyarrow as pa

UnitT = TypeVar("UnitT")

QUEUED_BATCHES = 4  # each has at most about 1M rows
QUEUE_POLL_SECONDS = 0.2


class UnitFailedError(Exception):
    """The model did not finish a unit, so all rows of the unit must be dropped."""


@dataclass(frozen=True)
class _UnitEnd:
    """The mark in the queue after the last batch of a unit."""

    run_seconds: float


@dataclass
class UnitResult(Generic[UnitT]):
    """The rows of one unit, which arrive while the model runs."""

    unit: UnitT
    started_at: datetime
    """When the work on the unit began. The loading of the model is part of this work."""
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    """Must be read to the end before the next result. Reading raises UnitFailedError if the unit failed."""
    run_seconds: float = 0.0
    """How long the model ran; known once all batches are read."""


class UnitResults(Generic[UnitT]):
    """The results of a checkpoint's units. The running thread puts them, and the inserting thread reads them."""

    def __init__(self) -> None:
        self._queue: Queue[UnitResult[UnitT] | pa.RecordBatch | _UnitEnd | BaseException | None] = Queue(QUEUED_BATCHES)
        self.insertion: Future[None] | None = None
        """The insertion that reads the results."""

    def begin(self, unit: UnitT, started_at: datetime) -> None:
        """Make this unit the current one. The next batches are its rows."""
        self._put(UnitResult(unit, started_at))

    def put(self, batch: pa.RecordBatch) -> None:
        """Add rows to the current unit, once the queue has room. Raises the error of the insertion if it failed."""
        self._put(batch)
        if self.insertion is not None and self.insertion.done():
            self.insertion.result()

    def end(self, run_seconds: float) -> None:
        """Tell the reader that the current unit has no more rows, and that the model ran for ``run_seconds``."""
        self._put(_UnitEnd(run_seconds))

    def abandon(self) -> None:
        """Give up the current unit, so that its rows are dropped."""
        self._put(UnitFailedError())

    def close(self, error: BaseException | None = None) -> None:
        """End all results. If an error is given, the insertion ends with this error."""
        self._put(error)

    def read(self) -> Iterator[UnitResult[UnitT]]:
        """Yield the results. Raises the error that ``close`` was called with, if there is one."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, UnitResult):
                item.batches = self._read_batches(item)
                yield item
            elif isinstance(item, BaseException) and not isinstance(item, UnitFailedError):
                raise item

    def _read_batches(self, result: UnitResult[UnitT]) -> Iterator[pa.RecordBatch]:
        while not isinstance(item := self._queue.get(), _UnitEnd):
            if isinstance(item, BaseException):
                raise item
            assert isinstance(item, pa.RecordBatch)
            yield item
        result.run_seconds = item.run_seconds

    def _put(self, item: UnitResult[UnitT] | pa.RecordBatch | _UnitEnd | BaseException | None) -> None:
        """Wait for room in the queue, unless the insertion has ended and reads no more."""
        while self.insertion is None or not self.insertion.done():
            with suppress(Full):
                self._queue.put(item, timeout=QUEUE_POLL_SECONDS)
                return
