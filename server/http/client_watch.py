"""This module notices when the client of a long query closes its connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from trailhouse.server.http.request_body import ClientGoneError, RequestBody

_WATCH_AFTER_SECONDS = 0.1
_CLIENT_GONE = "the client left"


@contextlib.asynccontextmanager
async def watching_client(body: RequestBody) -> AsyncGenerator[None, None]:
    """Cancel the ``with`` block and raise ClientGoneError when the client closes its connection.

    The connection is watched from 0.1 s after the start of the block. The request's body must be complete by then.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    watchers: list[asyncio.Task[None]] = []

    async def watch() -> None:
        await body.wait_for_disconnect()
        if task is not None:
            task.cancel(_CLIENT_GONE)

    timer = loop.call_later(_WATCH_AFTER_SECONDS, lambda: watchers.append(loop.create_task(watch())))
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if cancelled.args == (_CLIENT_GONE,):
            raise ClientGoneError from None
        raise
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()
