"""Requests that are never answered: a load fails after seconds with an error that says so, and can be repeated."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.support.faulty_proxy import Chooser, FaultyProxy
from tests.support.sample_load import ROW_COUNT, find_partial_checkpoints, load_step
from trailhouse.errors import TrailhouseError
from trailhouse.warehouse import connection
from trailhouse.warehouse.connection import answering_patiently, answering_promptly, connect
from trailhouse.warehouse.failures import explain_failure

PROMPT_SECONDS = 2
# For each part of a load, the request that gets no answer: a text, and how many requests later than the first request
# with this text it is sent.
_UNANSWERED_REQUESTS = {
    "connecting": (b"version()", 0),
    "inserting rows": (b"insert into `stage_", 0),
    "replacing the partition": (b"replace partition", 0),
    "writing the ledger": (b"max(scored_at)", 2),
}


def test_a_load_fails_soon_if_a_request_is_not_answered_and_can_be_repeated(address, monkeypatch):
    monkeypatch.setattr(connection, "PROMPT_TIMEOUT_SECONDS", PROMPT_SECONDS)
    for step, (moment, (words, later)) in enumerate(_UNANSWERED_REQUESTS.items()):
        with FaultyProxy((address.host, address.port), hang_at(words, later)) as proxy:
            started = time.monotonic()
            with (
                pytest.raises((TrailhouseError, ClickHouseError)) as failure,
                connect(replace(address, port=proxy.port)) as client,
            ):
                load_step(client, step)
            assert time.monotonic() - started < PROMPT_SECONDS + 10, moment
            assert proxy.fault_count == 1, moment
        assert isinstance(failure.value, TrailhouseError) or explain_failure(failure.value) is not None, moment
        with connect(address) as client:
            load_step(client, step)
            assert find_partial_checkpoints(client) == [], moment
            stored = "select count() from raw_token_score where step = {step:Int64}"
            assert client.query(stored, parameters={"step": step}).result_rows == [(ROW_COUNT,)], moment


def hang_at(words: bytes, later: int) -> Chooser:
    """Choose the request that is never answered: number ``later`` after the first that contains ``words``, from 0."""
    met: list[int] = []

    def choose(number: int, text: bytes) -> str:
        if not met and words in unquote_to_bytes(text.replace(b"+", b" ")).lower():
            met.append(number + later)
        return "hang" * (met == [number])

    return choose


def test_only_prompt_statements_are_given_seconds(empty_address):
    assert connection.PROMPT_TIMEOUT_SECONDS < 30
    with connect(empty_address, needs_database=False) as client:
        waits = [client.timeout.read_timeout]
        with answering_promptly(client):
            waits.append(client.timeout.read_timeout)
            with answering_patiently(client):
                waits.append(client.timeout.read_timeout)
            waits.append(client.timeout.read_timeout)
        waits.append(client.timeout.read_timeout)
    long, short = connection.QUERY_TIMEOUT_SECONDS, connection.PROMPT_TIMEOUT_SECONDS
    assert waits == [long, short, long, short, long]
