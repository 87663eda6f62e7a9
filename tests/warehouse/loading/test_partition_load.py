"""Bulk loads: whole or not at all, and the same however often they are repeated."""

import multiprocessing
import os
import random
import signal
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.catalogue import upsert
from trailhouse.warehouse.loading.partition_load import Partition, drop_abandoned_staging_tables, replace_partition
from trailhouse.warehouse.loading.score_ledger import (
    ScoredPartition,
    copy_scores,
    invalidate_scores,
    load_scores,
    read_score_keys,
)


def score_batch(document_id: int, position_count: int, log_prob_nats: float = -1.5) -> pa.RecordBatch:
    """Scores of one document, all with the same log-probability."""
    return pa.record_batch(
        {
            "document_id": pa.array(np.full(position_count, document_id, np.int32)),
            "position": pa.array(np.arange(1, position_count + 1, dtype=np.int32)),
            "log_prob_quanta": pa.array(np.full(position_count, round(log_prob_nats * 10000), np.int32)),
            "quanta_per_nat": pa.array(np.full(position_count, 10000, np.uint16)),
        }
    )


def scored_partition(step: int = 100, weights: str = "a", **settings: object) -> ScoredPartition:
    return ScoredPartition("suite/model", "corpus", step, weights * 64, "c" * 64, "tokenizer", settings)


def read_content(client) -> list[tuple]:
    return client.query(
        "select model_id, corpus_id, step, document_id, position, log_prob_nats from raw_token_score order by all"
    ).result_rows


def stage_count(client) -> int:
    return client.query(
        "select count() from system.tables where database = currentDatabase() and startsWith(name, 'stage_')"
    ).result_rows[0][0]


def load(client, scored: ScoredPartition, batches) -> None:
    load_scores(client, scored, batches, uuid.uuid4(), datetime.now(UTC))


def test_a_loaded_partition_holds_just_the_rows_that_were_sent(client):
    partition = scored_partition().partition
    assert replace_partition(client, partition, [score_batch(0, 3, -0.5), score_batch(1, 2, -2.25)]) == 5
    assert read_content(client) == [
        ("suite/model", "corpus", 100, 0, 1, -0.5),
        ("suite/model", "corpus", 100, 0, 2, -0.5),
        ("suite/model", "corpus", 100, 0, 3, -0.5),
        ("suite/model", "corpus", 100, 1, 1, -2.25),
        ("suite/model", "corpus", 100, 1, 2, -2.25),
    ]
    assert stage_count(client) == 0


def test_a_repeated_load_changes_nothing(client):
    partition = scored_partition().partition
    for _ in range(3):
        replace_partition(client, partition, [score_batch(0, 50)])
    assert client.query("select count() from raw_token_score").result_rows == [(50,)]


def test_equal_batches_of_one_load_all_count(client):
    batches = [score_batch(0, 10)] * 3
    assert replace_partition(client, scored_partition().partition, batches) == 30
    assert client.query("select count() from raw_token_score").result_rows == [(30,)]


def test_other_partitions_stay_as_they_are(client):
    replace_partition(client, scored_partition(step=1).partition, [score_batch(0, 4)])
    replace_partition(client, scored_partition(step=2).partition, [score_batch(0, 6)])
    replace_partition(client, scored_partition(step=1).partition, [score_batch(0, 5)])
    assert client.query("select step, count() from raw_token_score group by step order by step").result_rows == [
        (1, 5),
        (2, 6),
    ]


@pytest.mark.parametrize("name", ["it's", 'a"b', "back\\slash", "tab\there", "naïve/模型", "{x:String}", "a') -- "])
def test_any_name_can_be_a_partition(client, name):
    partition = Partition("raw_token_score", (("model_id", name), ("corpus_id", name), ("step", 5)))
    replace_partition(client, partition, [score_batch(0, 2)])
    replace_partition(client, partition, [score_batch(0, 3)])
    assert client.query("select distinct model_id, count() over () from raw_token_score").result_rows == [(name, 3)]


def test_literals_are_quoted():
    assert [quote_literal(value) for value in (5, "a'b", "a\\")] == ["5", "'a\\'b'", "'a\\\\'"]


def test_loading_nothing_is_refused_and_keeps_what_was_there(client):
    partition = scored_partition().partition
    replace_partition(client, partition, [score_batch(0, 4)])
    with pytest.raises(BadInputError, match="nothing to load"):
        replace_partition(client, partition, [])
    assert len(read_content(client)) == 4


def test_a_load_whose_source_fails_half_way_keeps_what_was_there(client):
    def failing_batches():
        yield score_batch(0, 100)
        raise BadInputError("document 1 is broken", "mend it")

    load(client, scored_partition(), [score_batch(0, 4)])
    before = read_content(client)
    with pytest.raises(BadInputError, match="document 1"):
        load(client, scored_partition(weights="b"), failing_batches())
    assert read_content(client) == before
    assert stage_count(client) == 0


@pytest.mark.parametrize(
    ("steps", "reason"), [([2, 2, 2], "3 were sent"), ([1, 2, 1], "Too many partitions for single INSERT block")]
)
def test_rows_of_another_partition_are_refused(client, steps, reason):
    stray = score_batch(0, 3).append_column("step", pa.array(steps, pa.int64()))
    with pytest.raises((RuntimeError, DatabaseError), match=reason):
        replace_partition(client, scored_partition(step=1).partition, [stray])
    assert read_content(client) == []


def test_the_ledger_vouches_for_a_loaded_partition(client):
    scored = scored_partition()
    load(client, scored, [score_batch(0, 4, -0.25)])
    assert read_score_keys(client, "corpus") == {("suite/model", 100): scored.score_key}
    row = client.query("select score_count, log_prob_sum_nats, is_complete from raw_score_ledger final").result_rows
    assert row == [(4, -1.0, True)]


def test_equal_inputs_have_equal_score_keys_and_any_difference_another():
    base = scored_partition(dtype="float32", stride=None)
    assert base.score_key == scored_partition(stride=None, dtype="float32").score_key
    others = [
        scored_partition(weights="b", dtype="float32", stride=None),
        scored_partition(dtype="bfloat16", stride=None),
        scored_partition(dtype="float32", stride=128),
    ]
    assert len({base.score_key, *(other.score_key for other in others)}) == 4


def test_the_ledger_is_withdrawn_before_scores_of_another_key_replace_the_old(client):
    def batches_that_look():
        assert read_score_keys(client, "corpus") == {}
        yield score_batch(0, 4)

    load(client, scored_partition(weights="a"), [score_batch(0, 4)])
    replacement = scored_partition(weights="b")
    load(client, replacement, batches_that_look())
    assert read_score_keys(client, "corpus") == {("suite/model", 100): replacement.score_key}


def test_copied_scores_are_those_of_the_origin_and_name_the_run_that_computed_them(client):
    run_id = uuid.uuid4()
    origin, copy = scored_partition(step=1), replace(scored_partition(step=2), model_id="it's/other")
    load_scores(client, origin, [score_batch(0, 3, -0.5), score_batch(1, 2)], run_id, datetime.now(UTC))
    entry = copy_scores(client, ("suite/model", 1), copy)
    assert (entry.score_count, entry.log_prob_sum_nats, entry.scoring_run_id) == (5, -4.5, run_id)
    content = read_content(client)
    assert [row[3:] for row in content if row[0] == "it's/other"] == [row[3:] for row in content if row[2] == 1]
    assert len(content) == 10
    assert read_score_keys(client, "corpus")[("it's/other", 2)] == origin.score_key
    assert stage_count(client) == 0


def test_scores_of_other_weights_or_settings_are_never_copied(client):
    load(client, scored_partition(step=1), [score_batch(0, 3)])
    for other in (scored_partition(step=2, weights="b"), scored_partition(step=2, dtype="bfloat16")):
        with pytest.raises(BadInputError, match="suite/model step 1, which was not scored"):
            copy_scores(client, ("suite/model", 1), other)
    assert len(read_content(client)) == 3


def test_retracted_scores_are_vouched_for_no_more_and_may_be_loaded_again(client):
    load(client, scored_partition(), [score_batch(0, 3)])
    assert invalidate_scores(client, [("suite/model", 100, "corpus"), ("suite/model", 7, "corpus")]) == 1
    assert read_score_keys(client, "corpus") == {}
    assert invalidate_scores(client, [("suite/model", 100, "corpus")]) == 0
    load(client, scored_partition(), [score_batch(0, 3)])
    assert len(read_score_keys(client, "corpus")) == 1


def test_stages_of_dead_loads_are_dropped_after_a_day_and_fresh_ones_are_kept(client, monkeypatch):
    client.command("create table stage_raw_token_score_x as raw_token_score")
    assert drop_abandoned_staging_tables(client) == []
    time.sleep(2.1)
    monkeypatch.setattr("trailhouse.warehouse.loading.partition_load.STAGING_LIFETIME_HOURS", 0)
    assert drop_abandoned_staging_tables(client) == ["stage_raw_token_score_x"]


@pytest.mark.parametrize("hours", [2, 24 * 365])
def test_scores_written_after_the_clock_was_turned_back_count(client, monkeypatch, hours):
    class EarlierClock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=hours)

    load(client, scored_partition(weights="a"), [score_batch(0, 4)])
    monkeypatch.setattr("trailhouse.warehouse.loading.row_versions.datetime", EarlierClock)
    replacement = scored_partition(weights="b")
    load(client, replacement, [score_batch(0, 5)])
    assert read_score_keys(client, "corpus") == {("suite/model", 100): replacement.score_key}
    record = {"suite_id": "s", "description": "old", "source": "folder", "declaration": ""}
    upsert(client, "raw_suite", ["suite_id"], [record])
    upsert(client, "raw_suite", ["suite_id"], [{**record, "description": "new"}])
    assert client.query("select description from raw_suite final").result_rows == [("new",)]


def load_slowly(address, delay_seconds: float) -> None:
    """Load 20 batches with pauses; the victim of the kills."""

    def batches():
        for document_id in range(20):
            time.sleep(delay_seconds)
            yield score_batch(document_id, 1000, -0.5)

    with connect(address) as client:
        load(client, scored_partition(), batches())


@pytest.mark.slow
def test_a_load_killed_at_any_moment_leaves_all_or_nothing_and_can_be_repeated(address, client):
    spawn = multiprocessing.get_context("spawn")
    generator = random.Random(7)
    outcomes = set()
    for attempt in range(8):
        process = spawn.Process(target=load_slowly, args=(address, 0.01))
        process.start()
        time.sleep(1.0 + generator.random() * 1.2 if attempt else 0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        count = client.query("select count() from raw_token_score").result_rows[0][0]
        is_vouched = bool(read_score_keys(client, "corpus"))
        outcomes.add((count, is_vouched))
        client.command("truncate table raw_token_score")
        client.command("truncate table raw_score_ledger")
    assert outcomes <= {(0, False), (20000, False), (20000, True)}
    load_slowly(address, 0.0)
    assert client.query("select count(), uniqExact(document_id, position) from raw_token_score").result_rows == [
        (20000, 20000)
    ]
