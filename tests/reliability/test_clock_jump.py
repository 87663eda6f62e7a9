"""If the clock is turned back between two loads, the second load still replaces the scores of the first."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from tests.reliability.rows import Row
from tests.support.sample_load import find_partial_checkpoints, load_everything, make_batches, scored_partition
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading import row_versions
from trailhouse.warehouse.loading.score_ledger import load_scores, read_score_keys


class EarlierClock(datetime):
    """A clock that is two hours late."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        """Return the time two hours ago."""
        return datetime.now(UTC) - timedelta(hours=2)


@pytest.mark.reliability(table="Reliability", row="clock jump", ci=1, release=10)
def test_scores_written_after_the_clock_was_turned_back_replace_the_old_ones(row: Row, shared_server):
    for _ in range(row.asked):
        address = shared_server.new_database()
        load_everything(address)
        replacement = scored_partition(1, weights="b")
        with connect(address) as client:
            with patch.object(row_versions, "datetime", EarlierClock):
                load_scores(client, replacement, make_batches(1, -1), uuid.uuid4(), datetime.now(UTC))
            key = read_score_keys(client, replacement.corpus_id).get(("s/m", 1))
            row.require(key == replacement.score_key, "the ledger has the key of the replaced scores")
            for problem in find_partial_checkpoints(client):
                row.require(False, problem)
        shared_server.drop(address)
        row.done_count += 1
    row.detail = "two hours, on the machine of the loader"
