"""kill -9 of `trailhouse score` between its checkpoints, and of `trailhouse transform` between its tables."""

from __future__ import annotations

import random
import time

import pytest

from tests.reliability.process_tree import kill_all, list_descendants, wait_for_end
from tests.reliability.rows import Row
from tests.reliability.scored_workplace import CHECKPOINT_COUNT, SCORE, TRANSFORM, ScoredWorkplace
from trailhouse.server.data_directory import SERVER_FILE
from trailhouse.support.processes import read_record

ORPHAN_SECONDS = 10.0
MAX_SECONDS = 300.0
# the worker must have checkpoints left to score when it is killed
KILLS_OF_ONE_SUITE = CHECKPOINT_COUNT - 2


@pytest.mark.reliability(table="Reliability", row="kill -9 of a scoring worker", ci=3, release=30)
def test_a_killed_scoring_worker_leaves_whole_checkpoints_and_no_processes(row: Row, scored_workplace: ScoredWorkplace):
    place, generator = scored_workplace, random.Random(row.seed)
    expected = place.read_content()
    score_count = expected["raw_token_score"].row_count // CHECKPOINT_COUNT
    for index in range(row.asked):
        stored_count = index % KILLS_OF_ONE_SUITE
        if stored_count == 0:
            place.forget_scores()
        process = place.start(*SCORE)
        place.wait_for_scores(process, stored_count + 1)
        time.sleep(generator.random() * 0.1)
        descendants = list_descendants(process.pid)
        row.require(process.poll() is None, "the scoring worker ended before it was killed")
        process.kill()
        process.wait()
        row.require(bool(descendants), "the worker started no Prefect server of its own")
        if not wait_for_end(descendants, ORPHAN_SECONDS):
            row.require(False, "a killed worker left processes behind")
            kill_all(descendants)
        rows = place.query("select step, count() from raw_token_score group by step")
        is_whole = all(count == score_count for _, count in rows)
        row.require(is_whole, f"a checkpoint has not {score_count} scores: {rows}")
        row.done_count += 1
    place.must_run(*SCORE)
    difference = place.describe_difference(expected)
    row.require(not difference, f"scored again after the kills, {difference} differ")


@pytest.mark.reliability(table="Reliability", row="kill -9 of the server under score", ci=1, release=10)
def test_scoring_starts_a_killed_embedded_server_again_and_goes_on(row: Row, scored_workplace: ScoredWorkplace):
    place = scored_workplace
    expected = place.read_content()
    for _ in range(row.asked):
        place.forget_scores()
        process = place.start(*SCORE)
        place.wait_for_scores(process, 1)
        row.require(process.poll() is None, "the scoring worker ended before the server was killed")
        record = read_record(place.settings.warehouse_directory / SERVER_FILE)
        assert record is not None
        kill_all([record.pid])
        row.require(process.wait(MAX_SECONDS) == 0, f"the worker ended with exit code {process.returncode}")
        difference = place.describe_difference(expected)
        row.require(not difference, f"after the kill of the server, {difference} differ")
        row.done_count += 1


@pytest.mark.reliability(table="Reliability", row="kill -9 of dbt", ci=3, release=30)
def test_marts_are_complete_after_dbt_was_killed_and_run_again(row: Row, scored_workplace: ScoredWorkplace):
    place, generator = scored_workplace, random.Random(row.seed)
    expected = place.read_content()
    for _ in range(row.asked):
        process = place.start(*TRANSFORM, "--full-refresh", **place.variables)
        place.wait_for_marts(process, generator.randint(1, 10))
        row.require(process.poll() is None, "dbt ended before it was killed")
        process.kill()
        process.wait()
        row.done_count += 1
    place.must_run(*TRANSFORM)
    difference = place.describe_difference(expected)
    row.require(not difference, f"derived again after the kills, {difference} differ")
