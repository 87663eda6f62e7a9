"""A snapshot is consistent, whatever is scored, evaluated, added or removed while its tables are frozen."""

import contextlib
import json
import multiprocessing
import os
import random
import socket
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.support.database_content import read_content
from tests.support.faulty_proxy import FaultyProxy
from tests.support.stepped_work import SteppedWork
from trailhouse.errors import UsageError
from trailhouse.models.texts.corpus import Corpus, Document, corpus_record, document_table
from trailhouse.support.processes import identify_process
from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.catalogue import load_corpus
from trailhouse.warehouse.loading.evaluation_ledger import Evaluation, EvaluationScores, load_evaluations, load_task
from trailhouse.warehouse.loading.score_ledger import ScoredPartition, load_scores
from trailhouse.warehouse.upkeep import snapshot as snapshot_module
from trailhouse.warehouse.upkeep.backup import back_up
from trailhouse.warehouse.upkeep.lost_rows import find_lost_rows
from trailhouse.warehouse.upkeep.restore import restore
from trailhouse.warehouse.upkeep.snapshot import find_abandoned_snapshots, is_abandoned, open_snapshot

# The tables whose rows are compared with what states them. The tests write no rows to the other tables.
COMPARED = {"raw_token_score", "raw_option_score", "raw_document", "raw_task_item"}


# Every version of the weights has the same number of scores and options, so that only values tell versions apart.
SCORE_COUNT = 40
OPTION_COUNT = 3


def score(step: int, weights: str):
    """Return the work of scoring a checkpoint, as the commands do it."""

    def work(client):
        batch = pa.record_batch({
            "document_id": pa.array(np.zeros(SCORE_COUNT, np.int32)),
            "position": pa.array(np.arange(SCORE_COUNT, dtype=np.int32)),
            "log_prob_quanta": pa.array(np.full(SCORE_COUNT, -1000 * (1 + int(weights, 16)), np.int32)),
            "quanta_per_nat": pa.array(np.full(SCORE_COUNT, 10000, np.uint16)),
        })  # fmt: skip
        scored = ScoredPartition("s/m", "few", step, weights * 64, "c" * 64, "tokenizer", {})
        load_scores(client, scored, [batch], uuid.uuid4(), datetime.now(UTC))

    return work


def evaluate(step: int, task_id: str, weights: str):
    """Return the work of evaluating a checkpoint on a task."""

    def work(client):
        evaluation = Evaluation("s/m", step, task_id, 2, 7, weights * 64, "b" * 64, "tokenizer", {})
        rows = [
            {"task_id": task_id, "shot_count": 2, "seed": 7, "item_id": 0, "option_index": index,
             "log_prob_nats": -1.0 - int(weights, 16), "token_count": 1}
            for index in range(OPTION_COUNT)
        ]  # fmt: skip
        load_evaluations(client, [EvaluationScores(evaluation, pa.RecordBatch.from_pylist(rows), 0.5)], uuid.uuid4())

    return work


def remove(step: int):
    """Return the work of removing a checkpoint: first what the ledgers state, then the scores."""

    def work(client):
        for ledger, scores, key in (
            ("raw_score_ledger", "raw_token_score", f"tuple('s/m', 'few', {step})"),
            ("raw_evaluation_ledger", "raw_option_score", f"tuple('s/m', {step})"),
        ):
            client.command(f"alter table {ledger} delete where step = {step} settings mutations_sync = 2")
            client.command(f"alter table {scores} drop partition {key}")

    return work


def add_corpus(document_count: int):
    def work(client):
        corpus = Corpus("few", "", "", tuple(Document(f"{index}.txt", str(index)) for index in range(document_count)))
        load_corpus(client, corpus_record(corpus), document_table(corpus))

    return work


def add_task(item_count: int):
    def work(client):
        items = pa.table({"item_id": pa.array(range(item_count), pa.int32())})
        digest = f"{item_count:064d}"
        items = items.append_column("task_sha256", pa.array([digest] * item_count))
        record = {"task_id": "t", "description": "", "task_sha256": digest, "option_count": item_count}
        load_task(client, record, items)

    return work


def choose_work(generator: random.Random):
    """Return a random piece of work and its name."""
    step, weights = generator.randrange(4), generator.choice("123")
    return generator.choice(
        [
            (f"score {step} {weights}", score(step, weights)),
            (f"score {step} {weights}", score(step, weights)),
            (f"evaluate {step} {weights}", evaluate(step, generator.choice("tu"), weights)),
            (f"remove {step}", remove(step)),
            (f"corpus {step}", add_corpus(1 + step)),
            (f"task {step}", add_task(1 + step)),
        ]
    )


def fill(address) -> None:
    with connect(address) as client:
        for work in (add_corpus(2), add_task(2), score(0, "1"), score(1, "1"), evaluate(0, "t", "1")):
            work(client)


def find_disagreements(client) -> list[str]:
    """Describe where the ledgers and the rows of a database disagree, from the content of every row."""
    ledger = {
        step: (count, -1000 * (1 + int(weights[:1], 16)))
        for step, count, weights in client.query(
            "select step, score_count, toString(weights_sha256) from raw_score_ledger final where is_complete"
        ).result_rows
    }
    stored = {
        step: (count, value)
        for step, count, value in client.query(
            "select step, count(), if(min(log_prob_quanta) = max(log_prob_quanta), min(log_prob_quanta), 1)"
            " from raw_token_score group by step"
        ).result_rows
    }
    evaluated = set(
        client.query(
            "select step, task_id, option_count, -1.0 - toInt64(substring(toString(weights_sha256), 1, 1))"
            " from raw_evaluation_ledger final where is_complete"
        ).result_rows
    )
    options = set(
        client.query(
            "select step, task_id, count(), toFloat64(min(log_prob_nats)) from raw_option_score"
            " group by step, task_id having min(log_prob_nats) = max(log_prob_nats)"
        ).result_rows
    )
    problems = [f"scores {stored}, ledger {ledger}"] if stored != ledger else []
    problems += [f"options {options}, ledger {evaluated}"] if options != evaluated else []
    return problems + [f"{one.table}: {one.found}" for one in find_lost_rows(client) if one.table in COMPARED]


@pytest.mark.parametrize("seed", range(6))
def test_a_snapshot_is_consistent_at_every_interleaving_of_its_statements(address, seed, monkeypatch):
    monkeypatch.setattr(snapshot_module, "_SECONDS_BETWEEN_ATTEMPTS", 0)
    fill(address)
    generator = random.Random(seed)
    works, names = [], []

    def freeze_and_step(*arguments):
        if generator.random() < 0.2 and sum(not work.has_ended for work in works) < 2:
            name, work = choose_work(generator)
            names.append(name)
            works.append(SteppedWork(address, work))
        for work in works:
            for _ in range(generator.choice((0, 1, 2, 5))):
                work.step()
        freeze_table(*arguments)

    freeze_table = snapshot_module.freeze_table
    monkeypatch.setattr(snapshot_module, "freeze_table", freeze_and_step)
    with open_snapshot(address) as snapshot, connect(snapshot.address) as frozen:
        assert find_disagreements(frozen) == [], names
    for work in works:
        work.finish()
    with connect(address) as client:
        assert not client.query(
            "select name from system.databases where startsWith(name, concat('snapshot_', currentDatabase()))"
        ).result_rows


@pytest.mark.parametrize("work", [score(1, "2"), score(3, "1"), evaluate(0, "t", "2"), remove(1)])
@pytest.mark.parametrize("moment", ["raw_score_ledger", "raw_token_score", "raw_score_ledger_afterwards"])
def test_what_changes_while_tables_are_frozen_is_whole_or_left_out(address, work, moment, monkeypatch):
    fill(address)
    freeze_table = snapshot_module.freeze_table

    def work_and_freeze(frozen, source, table, copy=""):
        if (copy or table) == moment:
            with connect(address) as client:
                work(client)
        freeze_table(frozen, source, table, copy)

    monkeypatch.setattr(snapshot_module, "freeze_table", work_and_freeze)
    with open_snapshot(address) as snapshot, connect(snapshot.address) as frozen:
        assert find_disagreements(frozen) == []
        steps = {row[0] for row in frozen.query("select distinct step from raw_token_score").result_rows}
    assert 0 in steps, "a checkpoint that does not change is in every snapshot"


def test_scores_that_the_ledger_does_not_state_are_left_out_and_counted(address):
    fill(address)
    with connect(address) as client:
        client.command("insert into raw_token_score (model_id, corpus_id, step) values ('s/m', 'few', 8)")
        client.command("insert into raw_option_score (model_id, step, task_id) values ('s/m', 0, 'half')")
    before = read_content(address)
    with open_snapshot(address) as snapshot, connect(snapshot.address) as frozen:
        assert snapshot.left_out_count == 2
        assert find_disagreements(frozen) == []
        assert frozen.query("select distinct step from raw_token_score order by step").result_rows == [(0,), (1,)]
    assert read_content(address) == before, "the warehouse itself keeps them"


def test_corpora_that_always_change_end_the_backup(address, monkeypatch):
    monkeypatch.setattr(snapshot_module, "_SECONDS_BETWEEN_ATTEMPTS", 0)
    monkeypatch.setattr(snapshot_module, "_ATTEMPTS", 2)
    fill(address)
    freeze_table = snapshot_module.freeze_table

    def change_and_freeze(frozen, source, table, copy=""):
        if table == "raw_document":
            with connect(address) as client:
                client.command("insert into raw_corpus (corpus_id, updated_at) values (generateUUIDv4(), now())")
        freeze_table(frozen, source, table, copy)

    monkeypatch.setattr(snapshot_module, "freeze_table", change_and_freeze)
    with pytest.raises(UsageError, match="corpora, tasks or counts of n-grams changed"), open_snapshot(address):
        pass


@pytest.mark.parametrize("seed", range(2))
def test_a_backup_beside_running_work_restores_to_a_consistent_warehouse(address, restored, seed, tmp_path):
    fill(address)
    end = threading.Event()
    errors = []

    def keep_working() -> None:
        generator = random.Random(seed)
        try:
            with connect(address) as client:
                while not end.is_set():
                    choose_work(generator)[1](client)
        except Exception as error:
            errors.append(error)

    worker = threading.Thread(target=keep_working)
    worker.start()
    try:
        earlier = None
        for number in range(2):
            directory = tmp_path / str(number)
            back_up(address, directory, since=earlier)
            earlier = directory
            restore(restored, directory, replaces=True)
            with connect(restored) as client:
                assert find_disagreements(client) == []
    finally:
        end.set()
        worker.join()
    assert errors == []


def test_a_mart_that_vanishes_or_is_being_built_is_not_in_the_snapshot(address, monkeypatch):
    with connect(address) as client:
        for name in ("fct_a", "fct_b", "fct_b__dbt_tmp"):
            client.command(f"create table {name} (a Int64) engine = MergeTree order by a as select 1")
    freeze_table = snapshot_module.freeze_table

    def drop_and_freeze(frozen, source, table, copy=""):
        if table == "fct_a":
            with connect(address) as client:
                client.command("drop table fct_a sync")
        freeze_table(frozen, source, table, copy)

    monkeypatch.setattr(snapshot_module, "freeze_table", drop_and_freeze)
    with open_snapshot(address) as snapshot:
        assert [name for name in snapshot.engines if name.startswith("fct_")] == ["fct_b"]
        assert [name for name in snapshot.definitions if name.startswith("fct_")] == ["fct_b"]


@pytest.mark.parametrize("fault", ["lose_reply", "duplicate"])
@pytest.mark.parametrize("word", [b"replace partition", b"create or replace", b"insert into"])
def test_a_statement_that_is_sent_twice_leaves_the_rows_as_they_are(address, fault, word):
    fill(address)
    with connect(address) as client:
        client.command("create table fct_a (a Int64) engine = MergeTree order by a as select 1")
    expected = read_content(address)
    with FaultyProxy((address.host, address.port), lambda _, body: fault * (word in body)) as proxy:
        disturbed = replace(address, port=proxy.port)
        with contextlib.suppress(ClickHouseError), open_snapshot(disturbed) as snapshot:
            assert read_content(snapshot.address) == expected
        assert proxy.fault_count > 0
    with open_snapshot(address) as snapshot:
        assert read_content(snapshot.address) == expected


def list_snapshots(address) -> list[str]:
    with connect(address) as client:
        rows = client.query(
            "select name from system.databases where startsWith(name, concat('snapshot_', currentDatabase(), '_'))"
        ).result_rows
    return [name for (name,) in rows]


@pytest.mark.parametrize("delay_seconds", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_a_backup_killed_at_any_point_does_not_stop_the_next(address, delay_seconds, tmp_path):
    fill(address)
    process = multiprocessing.get_context("spawn").Process(target=back_up, args=(address, tmp_path / "killed"))
    process.start()
    while not list_snapshots(address) and process.is_alive():
        time.sleep(0.002)
    time.sleep(delay_seconds)
    process.kill()
    process.join()
    back_up(address, tmp_path / "next")
    assert list_snapshots(address) == []


def test_a_snapshot_is_abandoned_when_its_backup_has_ended():
    running = {"host": socket.gethostname(), "process": identify_process(os.getpid()), "at": time.time()}
    assert not is_abandoned(json.dumps(running))
    assert is_abandoned(json.dumps(running | {"process": f"{os.getpid()}:1"})), "another process had the number"
    elsewhere = running | {"host": "elsewhere"}
    assert not is_abandoned(json.dumps(elsewhere))
    assert is_abandoned(json.dumps(elsewhere | {"at": time.time() - 49 * 3600}))


@pytest.mark.parametrize("comment", ["", "mine", "{}", '["host"]', '{"host": "here", "process": "", "at": 1}'])
def test_a_database_that_no_backup_made_is_never_dropped(address, comment):
    assert not is_abandoned(comment)
    name = f"snapshot_{address.database}_20260101"
    with connect(address) as client:
        client.command(f"create database {name} comment {quote_literal(comment)}")
        found = find_abandoned_snapshots(client)
        client.command(f"drop database {name} sync")
    assert found == []
