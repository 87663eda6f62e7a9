"""This module defines a queue between two threads: one thread runs a model, the other thread inserts the model's rows.

The queue holds only a few batches, so that the rows of a unit of work do not have to fit in memory all at once.
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
    """Raised in the thread that reads the rows of a unit of work if the model failed. The thread must drop the rows."""


@dataclass(frozen=True)
class _UnitEnd:
    """Entry of the queue that follows the last batch of a unit of work."""

    run_seconds: float


@dataclass
class UnitResult(Generic[UnitT]):
    """The rows of one unit of work, for example of one task. They arrive while the model runs."""

    unit: UnitT
    started_at: datetime
    """Time at which the work on the unit began. The work includes loading the model."""
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    """The rows. All batches must be read before the next result. Reading raises UnitFailedError if the unit failed."""
    run_seconds: float = 0.0
    """Seconds for which the model ran on the unit. The value is known once all batches are read."""


class UnitResults(Generic[UnitT]):
    """The rows of a checkpoint's units of work. One thread runs the model and adds rows; another inserts them."""

    def __init__(self) -> None:
        self._queue: Queue[UnitResult[UnitT] | pa.RecordBatch | _UnitEnd | BaseException | None] = Queue(QUEUED_BATCHES)
        self.insertion: Future[None] | None = None
        """The Future of the thread that reads and inserts the results; None before that thread is started."""

    def begin(self, unit: UnitT, started_at: datetime) -> None:
        """Start the result of a unit of work. Batches that are added from now on are the rows of this unit."""
        self._put(UnitResult(unit, started_at))

    def put(self, batch: pa.RecordBatch) -> None:
        """Add rows to the current unit; wait if the queue is full. If the insertion has failed, its error is raised."""
        self._put(batch)
        if self.insertion is not None and self.insertion.done():
            self.insertion.result()

    def end(self, run_seconds: float) -> None:
        """Tell the reader that the current unit has no more rows, and that the model ran for ``run_seconds``."""
        self._put(_UnitEnd(run_seconds))

    def abandon(self) -> None:
        """Tell the reader that the current unit failed, so that the reader drops the unit's rows."""
        self._put(UnitFailedError())

    def close(self, error: BaseException | None = None) -> None:
        """Tell the reader that no more units follow. If an error is given, it is raised in the reader's thread."""
        self._put(error)

    def read(self) -> Iterator[UnitResult[UnitT]]:
        """Yield the result of each unit of work. If ``close`` was called with an error, this error is raised."""
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
        """Wait until the queue has room, and add an item. If the inserting thread has ended, drop the item."""
        while self.insertion is None or not self.insertion.done():
            with suppress(Full):
                self._queue.put(item, timeout=QUEUE_POLL_SECONDS)
                return
