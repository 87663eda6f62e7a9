"""A long query is cancelled when its client leaves, and only then."""

from __future__ import annotations

import asyncio

import pytest

from trailhouse.server.http import client_watch
from trailhouse.server.http.client_watch import watching_client
from trailhouse.server.http.request_body import ClientGoneError, RequestBody

WATCH_AFTER_SECONDS = 0.02


@pytest.fixture(autouse=True)
def _watch_soon(monkeypatch):
    monkeypatch.setattr(client_watch, "_WATCH_AFTER_SECONDS", WATCH_AFTER_SECONDS)


class Client:
    """A client that stays connected until it leaves, and counts how often the server waits for its next message."""

    def __init__(self) -> None:
        self.has_left = asyncio.Event()
        self.wait_count = 0
        self.body = RequestBody(self.receive)

    async def receive(self) -> dict[str, str]:
        self.wait_count += 1
        await self.has_left.wait()
        return {"type": "http.disconnect"}


def test_a_query_whose_client_leaves_is_cancelled():
    async def run() -> None:
        client = Client()
        asyncio.get_running_loop().call_later(3 * WATCH_AFTER_SECONDS, client.has_left.set)
        with pytest.raises(ClientGoneError):
            async with watching_client(client.body):
                await asyncio.sleep(5)

    asyncio.run(run())


def test_a_query_that_is_cancelled_for_another_reason_ends_as_cancelled():
    async def run() -> None:
        client = Client()

        async def query() -> None:
            async with watching_client(client.body):
                await asyncio.sleep(5)

        task = asyncio.create_task(query())
        await asyncio.sleep(2 * WATCH_AFTER_SECONDS)
        task.cancel("the server stops")
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


@pytest.mark.parametrize(("duration_seconds", "wait_count"), [(0.0, 0), (3 * WATCH_AFTER_SECONDS, 1)])
def test_a_client_is_watched_from_the_beginning_of_a_long_query_to_its_end(duration_seconds, wait_count):
    async def run() -> None:
        client = Client()
        async with watching_client(client.body):
            await asyncio.sleep(duration_seconds)
        await asyncio.sleep(2 * WATCH_AFTER_SECONDS)
        assert client.wait_count == wait_count
        assert asyncio.all_tasks() == {asyncio.current_task()}
        client.has_left.set()
        await asyncio.sleep(0)  # the task is not cancelled

    asyncio.run(run())
