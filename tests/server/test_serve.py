"""How a server ends: when it is idle, on a signal, and with queries that still run."""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn

from trailhouse.server import serve as module
from trailhouse.server.serve import _allow_many_files, _Server


def make_server(idle_timeout_seconds: float | None = None, directory: Path = Path(), **application: object) -> _Server:
    killed: list[int] = []
    engine = SimpleNamespace(kill_all=lambda: killed.append(1), killed=killed)
    return _Server(SimpleNamespace(**application), engine, directory, idle_timeout_seconds)


@pytest.mark.parametrize(("timeout", "idle", "stops"), [(5.0, 5.1, True), (5.0, 5.0, False), (None, 1e9, False)])
def test_a_server_stops_after_its_idle_timeout(monkeypatch, timeout, idle, stops):
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.001)
    server = make_server(timeout, idle_seconds=idle)

    async def run() -> None:
        watching = asyncio.create_task(server._stop_when_unneeded())
        done, _ = await asyncio.wait([watching], timeout=0.05)
        assert bool(done) is stops
        watching.cancel()

    asyncio.run(run())
    assert server.should_exit is stops


def test_the_idle_time_is_watched_while_the_server_serves(monkeypatch):
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.001)
    server = make_server(1.0, idle_seconds=2.0)

    async def serve_until_exit(self) -> None:
        while not self.should_exit:
            await asyncio.sleep(0.001)

    monkeypatch.setattr(uvicorn.Server, "main_loop", serve_until_exit)
    asyncio.run(asyncio.wait_for(server.main_loop(), 10))
    assert server.should_exit


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_server_stops_when_its_directory_is_gone_or_another_has_its_name(tmp_path, monkeypatch, is_replaced):
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.001)
    directory = tmp_path / "warehouse"
    directory.mkdir()
    server = make_server(directory=directory)

    async def run() -> None:
        watching = asyncio.create_task(server._stop_when_unneeded())
        await asyncio.sleep(0.02)
        assert not server.should_exit
        directory.rename(tmp_path / "gone")
        if is_replaced:
            directory.mkdir()
        await asyncio.wait_for(watching, 10)

    asyncio.run(run())
    assert server.should_exit
    assert not server.has_directory()


@pytest.mark.parametrize(("shutdown_seconds", "kills"), [(0.0, 0), (0.1, 1)])
def test_queries_that_still_run_some_seconds_after_the_stop_are_killed(monkeypatch, shutdown_seconds, kills):
    monkeypatch.setattr(module, "_KILL_AFTER_SECONDS", 0.02)
    server = make_server()

    async def shut_down(self, sockets=None) -> None:
        await asyncio.sleep(shutdown_seconds)

    async def run() -> None:
        await server.shutdown()
        await asyncio.sleep(0.05)

    monkeypatch.setattr(uvicorn.Server, "shutdown", shut_down)
    asyncio.run(run())
    assert len(server._engine.killed) == kills


def test_signals_stop_the_server_and_their_handlers_come_back():
    server = make_server()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        server.should_exit = False
        with server.capture_signals():
            signal.raise_signal(number)
            assert server.should_exit
    assert {number: signal.getsignal(number) for number in before} == before


def test_the_server_has_no_websockets_and_says_nothing_about_itself():
    config = make_server().config
    assert (config.ws, config.lifespan, config.access_log, config.server_header) == ("none", "on", False, False)
    assert (config.proxy_headers, config.log_config) == (False, None)
    assert (config.timeout_keep_alive, config.timeout_graceful_shutdown) == (30, 8)
    assert (config.backlog, config.limit_concurrency) == (512, 2000)


@pytest.mark.parametrize(
    ("most", "expected"), [(100_000, 65_536), (65_536, 65_536), (4_096, 4_096), (resource.RLIM_INFINITY, 65_536)]
)
def test_many_files_may_be_open_if_the_system_allows_it(monkeypatch, most, expected):
    given = []
    monkeypatch.setattr(module.resource, "getrlimit", lambda _: (1_024, most))
    monkeypatch.setattr(module.resource, "setrlimit", lambda _, limits: given.append(limits))
    _allow_many_files()
    assert given == [(expected, most)]


def test_a_limit_that_cannot_be_raised_stays(monkeypatch):
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(module.resource, "setrlimit", refuse)
    _allow_many_files()
