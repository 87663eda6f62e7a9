"""Every command twice: the second time changes nothing."""

from __future__ import annotations

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from tests.reliability.content import describe_difference


def repeat_commands(bench: Bench, count: int) -> Outcome:
    """Run again what the workplace was made with; ``count`` commands at least."""
    outcome = Outcome()
    place = bench.workplace
    expected = place.read_content()
    for command in place.commands:
        place.must_run(*command)
        difference = describe_difference(place.read_content(), expected)
        outcome.require(not difference, f"{' '.join(command)}: {difference}")
        outcome.done_count += 1
    rows = sum(digest.row_count for digest in expected.values())
    outcome.detail = f"{len(expected)} tables, {rows} rows; {count} asked"
    return outcome
