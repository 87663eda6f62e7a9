"""Bulk loads: readers see a partition with all of its rows or not at all, and a repeated load changes nothing."""

import multiprocessing
import os
import random
import signal
import time
from dataclasses import dataclass

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.score_batches import count_staging_tables, load, read_content, score_batch, scored_partition
from trailhouse.errors import BadInputError
from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.partition_load import (
    Partition,
    copy_partition,
    drop_abandoned_staging_tables,
    replace_partition,
)
from trailhouse.warehouse.loading.score_ledger import read_score_keys


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
    assert count_staging_tables(client) == 0


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


@pytest.mark.parametrize(
    ("steps", "reason"), [([2, 2, 2], "3 were sent"), ([1, 2, 1], "Too many partitions for single INSERT block")]
)
def test_rows_of_another_partition_are_refused(client, steps, reason):
    stray = score_batch(0, 3).append_column("step", pa.array(steps, pa.int64()))
    with pytest.raises((RuntimeError, DatabaseError), match=reason):
        replace_partition(client, scored_partition(step=1).partition, [stray])
    assert read_content(client) == []


def test_staging_tables_of_killed_loads_are_dropped_after_a_day_and_fresh_ones_are_kept(client, monkeypatch):
    client.command("create table stage_raw_token_score_x as raw_token_score")
    assert drop_abandoned_staging_tables(client) == []
    time.sleep(2.1)
    monkeypatch.setattr("trailhouse.warehouse.loading.partition_load.STAGING_LIFETIME_HOURS", 0)
    assert drop_abandoned_staging_tables(client) == ["stage_raw_token_score_x"]


def test_a_copied_partition_replaces_what_was_there_and_leaves_the_others(client):
    key = {"model_id": "m", "corpus_id": "c", "step": 1}
    source, target, other = (
        Partition("raw_token_score", tuple({**key, **changed}.items()))
        for changed in ({}, {"model_id": "it's"}, {"corpus_id": "d"})
    )
    replace_partition(client, source, [score_batch(0, 3, -0.5)])
    replace_partition(client, target, [score_batch(0, 7, -2.0)])
    replace_partition(client, other, [score_batch(0, 5, -4.0)])
    assert copy_partition(client, source, target) == 3
    assert client.query(
        "select model_id, corpus_id, count(), min(log_prob_nats) from raw_token_score group by all order by all"
    ).result_rows == [("it's", "c", 3, -0.5), ("m", "c", 3, -0.5), ("m", "d", 5, -4.0)]
    assert count_staging_tables(client) == 0


def test_copying_an_empty_partition_is_refused_and_keeps_what_was_there(client):
    empty, full = (Partition("raw_token_score", (("model_id", name), ("corpus_id", "c"), ("step", 1))) for name in "ef")
    replace_partition(client, full, [score_batch(0, 3)])
    with pytest.raises(BadInputError, match="nothing to copy"):
        copy_partition(client, empty, full)
    assert len(read_content(client)) == 3


BATCH_COUNT = 20
ROWS_PER_BATCH = 1000
LOAD_FINISHED = BATCH_COUNT + 1


def load_slowly(address, progress, delay_seconds: float) -> None:
    """Load BATCH_COUNT batches with pauses, count them in ``progress``, and wait to be killed."""

    def batches():
        for document_id in range(BATCH_COUNT):
            time.sleep(delay_seconds)
            yield score_batch(document_id, ROWS_PER_BATCH, -0.5)
            progress.value = document_id + 1

    with connect(address) as client:
        load(client, scored_partition(), batches())
    progress.value = LOAD_FINISHED
    time.sleep(60)


@dataclass(frozen=True)
class KilledLoad:
    """How far a load was when it was killed, and what it left."""

    inserted_batch_count: int
    staging_table_count: int
    row_count: int
    is_in_ledger: bool


def kill_load(address, client, moment: int, delay_seconds: float) -> KilledLoad:
    """Start a load, and kill it ``delay_seconds`` after it has inserted ``moment`` batches.

    Return what it left, and remove that.
    """
    spawn = multiprocessing.get_context("spawn")
    progress = spawn.Value("i", 0)
    process = spawn.Process(target=load_slowly, args=(address, progress, 0.01))
    process.start()
    while progress.value < moment:
        assert process.is_alive()
        time.sleep(0.001)
    time.sleep(delay_seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    names = "select name from system.tables where database = currentDatabase() and startsWith(name, 'stage_')"
    staging_tables = [name for (name,) in client.query(names).result_rows]
    for name in staging_tables:
        client.command(f"drop table if exists {name} sync")  # waits while a partition is replaced from it
    row_count = client.query("select count() from raw_token_score").result_rows[0][0]
    is_in_ledger = bool(read_score_keys(client, "corpus"))
    client.command("truncate table raw_token_score")
    client.command("truncate table raw_score_ledger")
    return KilledLoad(progress.value, len(staging_tables), row_count, is_in_ledger)


@pytest.mark.slow
def test_a_load_killed_at_any_moment_leaves_all_or_nothing_and_can_be_repeated(address, client):
    generator = random.Random(7)
    killed = [
        kill_load(address, client, moment, generator.random() * 0.02)
        for moment in (0, 1, 5, 10, 15, BATCH_COUNT, BATCH_COUNT, LOAD_FINISHED)
    ]
    row_count = BATCH_COUNT * ROWS_PER_BATCH
    interrupted = [one for one in killed if 1 <= one.inserted_batch_count < BATCH_COUNT]
    assert len(interrupted) >= 2, killed
    for one in interrupted:
        assert (one.row_count, one.is_in_ledger, one.staging_table_count) == (0, False, 1), one
    outcomes = {(one.row_count, one.is_in_ledger) for one in killed}
    assert outcomes <= {(0, False), (row_count, False), (row_count, True)}
    assert (killed[-1].row_count, killed[-1].is_in_ledger) == (row_count, True)
    for _ in range(2):
        load(client, scored_partition(), [score_batch(index, ROWS_PER_BATCH) for index in range(BATCH_COUNT)])
    assert client.query("select count(), uniqExact(document_id, position) from raw_token_score").result_rows == [
        (row_count, row_count)
    ]
