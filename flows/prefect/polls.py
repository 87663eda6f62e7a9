"""What the polls of the standing service did, as the Prefect server at ``url`` knows it, and lines that tell it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from trailhouse.flows.settings import POLL_ARTIFACT
from trailhouse.support.wording import count_of

HEARTBEAT_SECONDS = 600.0
_LOOK_SECONDS = 2.0
_ENDED = ["COMPLETED", "FAILED", "CRASHED"]

Tell = Callable[[str, Mapping[str, object]], None]
"""What is told: a line for people, and the same as a record for programs."""


@dataclass(frozen=True)
class Poll:
    """One finished run of the flow ``watch_checkpoints``."""

    run_id: str = field(repr=False)
    ended_at: datetime
    duration_seconds: float
    works: list[dict[str, Any]]
    """Rows of ``list_poll_rows``. The list is empty if the run died before it was done."""
    error: str = ""

    @property
    def has_work(self) -> bool:
        """Return whether anything was scored, evaluated, generated or derived."""
        return any(row["done_count"] for row in self.works)


def describe_poll(poll: Poll) -> str:
    """Return one line that says what came, how long the poll took and what it changed."""
    parts = [
        f"{row['suite']} on {row['subject']}: {row['done_count']} new"
        if row["suite"]
        else count_of(row["done_count"], row["subject"])
        for row in poll.works
        if row["done_count"]
    ]
    if poll.error:
        parts.append(f"failed: {poll.error}")
    return f"{format_time(poll.ended_at)} {'; '.join(parts) or 'nothing new'} ({poll.duration_seconds:.0f} s)"


def read_polls(url: str, since: datetime) -> list[Poll]:
    """Return the polls that started after ``since`` and have ended, the first to end first.

    Raises httpx.HTTPError if the Prefect server does not answer.
    """
    chosen = {"state": {"type": {"any_": _ENDED}}, "start_time": {"after_": since.isoformat()}}
    flow = {"name": {"any_": ["watch_checkpoints"]}}
    runs = _ask(f"{url}/flow_runs/filter", flow_runs=chosen, flows=flow, sort="END_TIME_DESC", limit=50)
    return [_read_poll(url, run) for run in reversed(runs)]


def _read_poll(url: str, run: Mapping[str, Any]) -> Poll:
    chosen = {"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": [POLL_ARTIFACT]}}
    artifacts = _ask(f"{url}/artifacts/filter", artifacts=chosen)
    data = artifacts[0]["data"] if artifacts else "[]"
    works = json.loads(data) if isinstance(data, str) else data
    has_failed = run["state"]["type"] != "COMPLETED"
    message = " ".join(str(run["state"]["message"] or run["state"]["name"]).split()) if has_failed else ""
    seconds = float(run["total_run_time"])
    return Poll(run["id"], datetime.fromisoformat(run["end_time"]), seconds, works, message.removeprefix(_RAISED))


_RAISED = "Flow run encountered an exception: "


def _ask(url: str, **conditions: object) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = httpx.post(url, json=conditions, timeout=30).raise_for_status().json()
    return answer


def format_time(moment: datetime) -> str:
    """Return the local time of day."""
    return moment.astimezone().strftime("%H:%M:%S")


class PollTeller:
    """Tells of every poll that had work or failed, and gives a sign of life when there was none for ten minutes."""

    def __init__(self, url: str, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.tell = tell
        self.clock = clock
        self.since = datetime.now(UTC)
        self.told_at = clock()
        self.seen: set[str] = set()
        self.quiet_count = 0
        self.last_error = ""

    def start(self) -> None:
        """Look for finished polls every two seconds, in a thread that ends with this process."""
        threading.Thread(target=self._run, name="polls", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            try:
                polls = read_polls(self.url, self.since)
            except httpx.HTTPError:
                continue  # the server is busy or ends; the next look finds what this one missed
            self.hear(polls)

    def hear(self, polls: list[Poll]) -> None:
        """Tell of the polls that were not told of yet. An error that a poll repeats is told of once."""
        for poll in polls:
            if poll.run_id in self.seen:
                continue
            self.seen.add(poll.run_id)
            if poll.has_work or poll.error != self.last_error:
                self._say(describe_poll(poll), {"event": "poll", **_as_record(poll)})
            else:
                self.quiet_count += 1
            self.last_error = poll.error
        if self.clock() - self.told_at >= HEARTBEAT_SECONDS:
            state = f"still failing: {self.last_error}" if self.last_error else "nothing new"
            now = datetime.now(UTC)
            line = f"{format_time(now)} {state} in {count_of(self.quiet_count, 'poll')}"
            record = {"ended_at": now.isoformat(), "poll_count": self.quiet_count, "error": self.last_error}
            self._say(line, {"event": "heartbeat", **record})

    def _say(self, line: str, record: Mapping[str, object]) -> None:
        self.told_at, self.quiet_count = self.clock(), 0
        self.tell(line, record)


def _as_record(poll: Poll) -> dict[str, object]:
    record = asdict(poll)
    del record["run_id"]
    return {**record, "ended_at": poll.ended_at.isoformat()}
