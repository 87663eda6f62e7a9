"""Every command twice: the second time changes nothing."""

from __future__ import annotations

import pytest

from tests.reliability.rows import Row
from tests.reliability.scored_workplace import COMMANDS, ScoredWorkplace


@pytest.mark.reliability(table="Reliability", row="every command twice", ci=5, release=5, smoke=5)
def test_a_command_that_is_repeated_changes_nothing(row: Row, scored_workplace: ScoredWorkplace):
    expected = scored_workplace.read_content()
    for command in COMMANDS:
        scored_workplace.must_run(*command)
        difference = scored_workplace.describe_difference(expected)
        row.require(not difference, f"{' '.join(command)}: {difference}")
        row.done_count += 1
    row.detail = f"{len(expected)} tables, {sum(digest.row_count for digest in expected.values())} rows"
