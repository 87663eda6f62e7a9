"""The demonstration twice, and all of its marts derived anew: nothing changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.reliability.rows import Row
from tests.support.database_content import describe_difference, read_content
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.server.process import stop


@pytest.mark.timeout(1800)
@pytest.mark.reliability(table="Reliability", row="the demonstration twice, its marts anew", ci=2, release=2, smoke=2)
def test_a_second_demonstration_changes_nothing(row: Row, tmp_path_factory: pytest.TempPathFactory):
    place = Workplace(tmp_path_factory.mktemp("twice"))
    try:
        first, _ = must_run(place, "demo", "--size", "reduced", "--json")
        made = read_content(resolve_address(place.settings))
        again, messages = must_run(place, "demo", "--size", "reduced", "--json")
        row.require(
            again["scoring"]["scored_count"] == again["evaluation"]["evaluated_count"] == 0, "work was repeated"
        )
        row.require(again["scoring"]["already_scored_count"] == first["scoring"]["scored_count"], "scores are missing")
        row.require(again["validation_perplexity"] == first["validation_perplexity"], "perplexities changed")
        (page,) = [file for file in again["figures"] if file.endswith("index.html")]
        row.require(messages.splitlines()[-1] == f"figures: {page}; report: {again['report']}", messages)
        difference = describe_difference(read_content(resolve_address(place.settings)), made)
        row.require(not difference, f"the second demonstration: {difference}")
        row.done_count += 1
        must_run(place, "transform", "--full-refresh", "--json")
        difference = describe_difference(read_content(resolve_address(place.settings)), made)
        row.require(not difference, f"deriving everything anew: {difference}")
        row.done_count += 1
        row.detail = f"{len(made)} tables, {sum(digest.row_count for digest in made.values())} rows"
    finally:
        stop(place.settings.warehouse_directory)


def must_run(place: Workplace, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run a command that must succeed, and return the JSON object and the messages that it prints."""
    result = place.run(*arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr
