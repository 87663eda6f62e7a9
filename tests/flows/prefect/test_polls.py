"""The lines that tell of the polls of the standing service: work, failures and signs of life."""

from datetime import UTC, datetime

import pytest

from trailhouse.flows.build_marts import BuildReport
from trailhouse.flows.prefect.polls import HEARTBEAT_SECONDS, Poll, PollTeller, describe_poll, format_time
from trailhouse.flows.watch_checkpoints import Derivation, WatchedWork, WatchReport, list_poll_rows

ENDED_AT = datetime(2026, 11, 30, 14, 3, 22, tzinfo=UTC)
AT = format_time(ENDED_AT)


def make_poll(run_id: str, scored_count: int = 0, model_count: int = 0, error: str = "") -> Poll:
    works = [WatchedWork("ours", "wiki", 0, 9, scored_count), WatchedWork("ours", "tasks", 0, 9)]
    marts = BuildReport(model_count, 0, 0, 1.0) if model_count else None
    rows = list_poll_rows(WatchReport(works, Derivation(marts)))
    return Poll(run_id, ENDED_AT, 40.4, [] if error else rows, error)


@pytest.fixture
def told() -> list[tuple[str, dict]]:
    return []


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def teller(told, clock) -> PollTeller:
    return PollTeller("http://nowhere/api", lambda line, record: told.append((line, record)), lambda: clock[0])


@pytest.mark.parametrize(
    ("poll", "line"),
    [
        (make_poll("a", 2, 12), f"{AT} ours on wiki: 2 new; 12 derived models (40 s)"),
        (make_poll("a"), f"{AT} nothing new (40 s)"),
        (make_poll("a", error="the hub does not answer"), f"{AT} failed: the hub does not answer (40 s)"),
    ],
)
def test_a_line_says_what_came_how_long_the_poll_took_and_what_it_changed(poll, line):
    assert describe_poll(poll) == line


def test_only_polls_with_work_and_new_errors_are_told_of_each_of_them_once(teller, told):
    first, quiet = make_poll("1", 2), make_poll("2")
    broken, again, mended = make_poll("3", error="broken"), make_poll("4", error="broken"), make_poll("5")
    teller.hear([first])
    teller.hear([first, quiet, broken, again])
    teller.hear([broken, again, mended])
    assert [line for line, _ in told] == [describe_poll(poll) for poll in (first, broken, mended)]
    assert {record["event"] for _, record in told} == {"poll"}
    assert told[0][1]["works"][0]["done_count"] == 2


def test_after_ten_minutes_without_a_line_a_sign_of_life_counts_the_polls(teller, told, clock):
    teller.hear([make_poll("1"), make_poll("2")])
    clock[0] = HEARTBEAT_SECONDS - 1
    teller.hear([])
    assert told == []
    clock[0] = HEARTBEAT_SECONDS
    teller.hear([])
    ((line, record),) = told
    assert line.endswith("nothing new in 2 polls")
    assert (record["event"], record["poll_count"]) == ("heartbeat", 2)
    teller.hear([])
    assert len(told) == 1
