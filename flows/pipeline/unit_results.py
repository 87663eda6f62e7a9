"""The queue between the thread that runs a model and the thread that inserts the rows.

It holds only a few batches, so the rows of a unit do not have to fit in memory all at once.
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

QUEUED_BATCHES = 4  # of at most about 1M rows each
QUEUE_POLL_SECONDS = 0.2


class UnitFailedError(Exception):
    """The model did not get to the end of a unit, so its rows must all be dropped."""


@dataclass(frozen=True)
class _UnitEnd:
    """Marks in the queue that all batches of a unit were put into it."""

    run_seconds: float


@dataclass
class UnitResult(Generic[UnitT]):
    """The rows of one unit, as they come."""

    unit: UnitT
    started_at: datetime
    """When the work on the unit began, loading the model included."""
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    """To be read to the end before the next result. Raises UnitFailedError if the unit failed."""
    run_seconds: float = 0.0
    """How long the model ran; known once all batches were read."""


class UnitResults(Generic[UnitT]):
    """The results of a checkpoint's units, put by the running thread and read by the inserting thread."""

    def __init__(self) -> None:
        self._queue: Queue[UnitResult[UnitT] | pa.RecordBatch | _UnitEnd | BaseException | None] = Queue(QUEUED_BATCHES)
        self.insertion: Future[None] | None = None
        """The insertion that reads the results."""

    def begin(self, unit: UnitT, started_at: datetime) -> None:
        """Begin the rows of a unit."""
        self._put(UnitResult(unit, started_at))

    def put(self, batch: pa.RecordBatch) -> None:
        """Add rows to the unit that was begun; waits until there is room, and raises the insertion's error."""
        self._put(batch)
        if self.insertion is not None and self.insertion.done():
            self.insertion.result()

    def end(self, run_seconds: float) -> None:
        """End the rows of the unit that was begun."""
        self._put(_UnitEnd(run_seconds))

    def abandon(self) -> None:
        """Give up the unit that was begun: its rows are dropped."""
        self._put(UnitFailedError())

    def close(self, error: BaseException | None = None) -> None:
        """End all results; with an error, the insertion ends with that error."""
        self._put(error)

    def read(self) -> Iterator[UnitResult[UnitT]]:
        """Yield the results; raises the error that they were closed with."""
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
