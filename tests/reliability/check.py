"""A check: what is asked of it, what it did, and whether that was good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.reliability.bench import Bench

Size = Literal["ci", "release"]


@dataclass
class Outcome:
    """What a check did; every failure in a line."""

    done_count: int = 0
    failures: list[str] = field(default_factory=list)
    detail: str = ""

    def require(self, is_good: bool, failure: str) -> None:
        """Note a failure unless all is good."""
        if not is_good:
            self.failures.append(" ".join(failure.split())[:400])


@dataclass(frozen=True)
class Check:
    """One row of the tables: a name, how much is asked at each size, and what does it."""

    table: str
    name: str
    asked: dict[Size, int]
    run: Callable[[Bench, int], Outcome]
