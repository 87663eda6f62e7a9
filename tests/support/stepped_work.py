"""Work that is done one statement at a time, so that a test can do something else between any two statements."""

from __future__ import annotations

import threading
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import WarehouseAddress, connect

_METHODS = ("command", "query", "query_arrow", "insert", "insert_arrow")


class SteppedWork:
    """Runs ``work`` in a thread. Its client waits before every statement until ``step`` is called."""

    def __init__(self, address: WarehouseAddress, work: Callable[[Client], object]) -> None:
        self.has_ended = False
        self.error: BaseException | None = None
        self._may_go = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self._is_inside = False
        self._thread = threading.Thread(target=self._run, args=(address, work), daemon=True)
        self._thread.start()
        self._has_stopped.acquire()

    def step(self) -> None:
        """Run one statement, unless the work has ended."""
        if not self.has_ended:
            self._may_go.release()
            self._has_stopped.acquire()

    def finish(self) -> None:
        """Run all statements that are left, and raise the error of the work if it failed."""
        while not self.has_ended:
            self.step()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self, address: WarehouseAddress, work: Callable[[Client], object]) -> None:
        try:
            with connect(address) as client:
                for name in _METHODS:
                    setattr(client, name, self._stop_before(getattr(client, name)))
                work(client)
        except BaseException as error:
            self.error = error
        finally:
            self.has_ended = True
            self._has_stopped.release()

    def _stop_before(self, method: Callable[..., object]) -> Callable[..., object]:
        def stop_and_run(*arguments: object, **options: object) -> object:
            if self._is_inside:  # an insert asks for the columns of its table first
                return method(*arguments, **options)
            self._has_stopped.release()
            self._may_go.acquire()
            self._is_inside = True
            try:
                return method(*arguments, **options)
            finally:
                self._is_inside = False

        return stop_and_run
