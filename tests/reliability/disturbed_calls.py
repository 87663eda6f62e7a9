"""Runs work through a proxy that disturbs one of its calls to the server.

The work may fail only with a named error, which is an error with a message and a hint for the user.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

from tests.reliability.rows import Row
from tests.reliability.running_server import RunningServer
from tests.support.faulty_proxy import FaultyProxy
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse import connection
from trailhouse.warehouse.connection import PROMPT_TIMEOUT_SECONDS, WarehouseAddress
from trailhouse.warehouse.failures import explain_failure

MAX_SECONDS = 30.0
# replaces PROMPT_TIMEOUT_SECONDS, which is longer, so that a test with many hanging calls ends sooner
_PROMPT_SECONDS = 3


def is_named(error: Exception) -> bool:
    """Return whether a user gets a message and a hint for an error, rather than a traceback."""
    return isinstance(error, TrailhouseError) or explain_failure(error) is not None


@contextlib.contextmanager
def short_answer_timeout() -> Iterator[None]:
    """Shorten how long a load waits for one answer."""
    with patch.object(connection, "PROMPT_TIMEOUT_SECONDS", _PROMPT_SECONDS):
        yield


def meet_fault(
    server: RunningServer,
    address: WarehouseAddress,
    fault: str,
    number: int,
    work: Callable[[WarehouseAddress], object],
    row: Row,
) -> bool:
    """Do ``work``, and disturb its call number ``number`` by ``fault``; return whether the work made so many calls.

    Calls are counted from 1. The work has to succeed or to fail with a named error, within ``MAX_SECONDS``.
    """
    row.require(PROMPT_TIMEOUT_SECONDS < MAX_SECONDS, "a load waits too long for one answer")
    with FaultyProxy(server.host_and_port, lambda n, _: fault * (n == number)) as proxy, short_answer_timeout():
        started = time.monotonic()
        try:
            work(server.address(address.database, proxy.port))
        except Exception as error:
            row.require(is_named(error), f"{fault} at call {number}: {type(error).__name__}: {error}")
        seconds = time.monotonic() - started
        row.require(seconds < MAX_SECONDS, f"{fault} at call {number}: took over {MAX_SECONDS:.0f} s")
        return proxy.fault_count > 0
