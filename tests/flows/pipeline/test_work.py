"""The stages of a sweep overlap within bounds; workers that share a sweep never do the same work."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from subprocess import PIPE

import numpy as np
import pytest
import torch
from prefect.states import exception_to_failed_state
from prefect.utilities.asyncutils import run_coro_as_sync
from transformers import AutoModelForCausalLM, GPTNeoXConfig

from tests.support.nudged_weights import nudge_weights
from trailhouse.errors import BadInputError, UnreachableError, UsageError
from trailhouse.flows.pipeline import work as sweep
from trailhouse.flows.pipeline.claims import claim_partition
from trailhouse.flows.pipeline.work import (
    PassedOver,
    ScoredCheckpoint,
    ScoringJob,
    SweepStages,
    SweepStoppedError,
    closing_stages,
    is_worth_retrying,
    process_checkpoint,
)
from trailhouse.flows.score_checkpoints import record_run, summarise
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, read_score_keys

STEPS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> list[Checkpoint]:
    """Four random checkpoints of one tiny model."""
    directory = tmp_path_factory.mktemp("checkpoints")
    config = GPTNeoXConfig(
        vocab_size=61,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    found = []
    for step in STEPS:
        torch.manual_seed(step)
        AutoModelForCausalLM.from_config(config).save_pretrained(directory / f"step-{step}")
        found.append(
            Checkpoint(
                "tiny", "tiny/model", step, step * 10, directory / f"step-{step}", f"{step}" * 64, "c" * 64, "t", 1
            )
        )
    return found


def partition_of(checkpoint: Checkpoint) -> ScoredPartition:
    return ScoredPartition("tiny/model", "random", checkpoint.step, checkpoint.weights_sha256, "d" * 64, "t", {})


@pytest.fixture
def job(address, tmp_path) -> ScoringJob:
    generator = np.random.default_rng(0)
    documents = tuple(generator.integers(0, 61, 60).astype(np.int32) for _ in range(20))
    tokenized = TokenizedCorpus("random", "t", documents)
    cache = CheckpointCache(tmp_path / "cache", 0)
    return ScoringJob(
        address, tokenized, ScoringSettings(device="cpu"), uuid.uuid4(), tmp_path, cache, {}, SweepStages()
    )


def run_sweep(checkpoints: list[Checkpoint], job: ScoringJob) -> list[object]:
    """Take the checkpoints through the stages as the flow does, without a Prefect server."""

    def run(checkpoint: Checkpoint) -> object:
        try:
            return process_checkpoint(checkpoint, partition_of(checkpoint), job)
        except Exception as error:
            return error

    with closing_stages(job.stages), ThreadPoolExecutor(sweep.TASK_THREADS) as pool:
        return list(pool.map(run, checkpoints))


class Timeline:
    """Notes when something begins and ends, and how many models are alive at most."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str]] = []
        self.alive: weakref.WeakSet = weakref.WeakSet()
        self.most_alive = 0
        self.lock = threading.Lock()

    def note(self, name: str) -> None:
        with self.lock:
            self.events.append((time.monotonic(), name))

    def when(self, name: str) -> float:
        (moment,) = (moment for moment, event in self.events if event == name)
        return moment

    def wrap_loading(self, load):
        def load_and_note(directory, settings, **options):
            self.note(f"{directory.name} loads")
            model = load(directory, settings, **options)
            with self.lock:
                self.alive.add(model)
                self.most_alive = max(self.most_alive, len(self.alive))
            self.note(f"{directory.name} loaded")
            return model

        return load_and_note

    def wrap_loading_of_scores(self, load):
        def load_and_note(client, scored, batches, run_id, started_at):
            entry = load(client, scored, batches, run_id, started_at)
            time.sleep(0.3)  # an insertion that takes as long as the scoring of the next checkpoint
            self.note(f"step-{scored.step} inserted")
            return entry

        return load_and_note

    def wrap_scoring(self, score):
        def score_and_note(model, *arguments, **options):
            step = model.config._name_or_path.rpartition("/")[2]
            self.note(f"{step} is scored")
            time.sleep(0.3)
            yield from score(model, *arguments, **options)
            self.note(f"{step} was scored")

        return score_and_note


@pytest.fixture
def timeline(monkeypatch) -> Timeline:
    timeline = Timeline()
    monkeypatch.setattr(sweep, "load_model", timeline.wrap_loading(sweep.load_model))
    monkeypatch.setattr(sweep, "score_corpus", timeline.wrap_scoring(sweep.score_corpus))
    monkeypatch.setattr(sweep, "load_scores", timeline.wrap_loading_of_scores(sweep.load_scores))
    return timeline


def test_loading_and_inserting_hide_behind_scoring_and_two_models_are_resident_at_most(checkpoints, job, timeline):
    outcomes = run_sweep(checkpoints, job)
    assert [outcome.entry.score_count for outcome in outcomes] == [20 * 59] * 4
    assert timeline.most_alive == 2
    for present, following in pairwise(STEPS):
        assert timeline.when(f"step-{following} loaded") < timeline.when(f"step-{present} was scored")
        assert timeline.when(f"step-{following} is scored") < timeline.when(f"step-{present} inserted")
        assert timeline.when(f"step-{present} was scored") < timeline.when(f"step-{following} is scored")


def test_an_error_in_any_stage_is_that_of_its_checkpoint_and_stops_no_other(checkpoints, job, client, monkeypatch):
    def fail_to_load(directory, settings, load=sweep.load_model, **options):
        if directory.name == "step-0":
            raise BadInputError(f"{directory}: does not load", "copy it again")
        return load(directory, settings, **options)

    def fail_to_score(model, *arguments, score=sweep.score_corpus, **options):
        yield from score(model, *arguments, **options)
        if model.config._name_or_path.endswith("step-1"):
            raise BadInputError("step-1 is not finite", "leave it out")

    def fail_to_insert(client, scored, batches, *arguments, load=sweep.load_scores):
        if scored.step == 2:
            raise ConnectionError("step-2: reset by peer")
        return load(client, scored, batches, *arguments)

    monkeypatch.setattr(sweep, "load_model", fail_to_load)
    monkeypatch.setattr(sweep, "score_corpus", fail_to_score)
    monkeypatch.setattr(sweep, "load_scores", fail_to_insert)
    outcomes = run_sweep(checkpoints, job)
    assert [f"step-{step}" in str(outcome) for step, outcome in enumerate(outcomes)] == [True, True, True, False]
    assert outcomes[3].entry.score_count == 20 * 59
    assert set(read_score_keys(client, "random")) == {("tiny/model", 3)}
    assert client.query("select count() from system.tables where name like 'stage_%'").result_rows == [(0,)]


def test_what_another_worker_scored_meanwhile_is_not_scored_again(checkpoints, job, monkeypatch):
    """As where a lease ran out while a checkpoint was fetched and loaded."""

    def lose_the_race(directory, settings, load=sweep.load_model, **options):
        other = replace(job, stages=SweepStages())
        with monkeypatch.context() as patch, closing_stages(other.stages):
            patch.setattr(sweep, "load_model", load)
            entries.append(process_checkpoint(checkpoints[0], partition_of(checkpoints[0]), other).entry)
        return load(directory, settings, **options)

    entries: list[LedgerEntry] = []
    monkeypatch.setattr(sweep, "load_model", lose_the_race)
    with closing_stages(job.stages):
        outcome = process_checkpoint(checkpoints[0], partition_of(checkpoints[0]), job)
    assert outcome == PassedOver(is_scored=True)
    assert [entry.score_count for entry in entries] == [20 * 59]


def test_a_model_that_does_not_fit_beside_another_is_loaded_when_the_memory_is_free(
    checkpoints, job, timeline, monkeypatch
):
    def refuse_a_second(directory, settings, load=sweep.load_model, **options):
        if timeline.alive:
            raise torch.OutOfMemoryError("the device holds one model")
        return load(directory, settings, **options)

    monkeypatch.setattr(sweep, "load_model", refuse_a_second)
    outcomes = run_sweep(checkpoints, job)
    assert [outcome.entry.score_count for outcome in outcomes] == [20 * 59] * 4
    assert timeline.most_alive == 1


def test_a_run_is_recorded_with_all_that_its_models_ran_on(job, client):
    """Models of one suite may differ in it: an attention-free one names none."""
    scored = ScoredPartition("tiny/model", "random", 0, "0" * 64, "d" * 64, "t", {})
    entry = LedgerEntry(scored, job.scoring_run_id, score_count=10)
    implementations = ("sdpa", "", "eager", "sdpa")
    finished = [ScoredCheckpoint(entry, "cpu", implementation, 1.0) for implementation in implementations]
    started_at = datetime.now(UTC)
    report = summarise("tiny", "random", len(finished), list(finished), started_at)
    record_run(job.address, job.scoring_run_id, job.settings, report, finished, started_at)
    rows = client.query("select device, attention_implementation from raw_scoring_run").result_rows
    assert rows == [("cpu", "eager, sdpa")]


def test_only_what_may_pass_by_itself_is_tried_again():
    def is_retried(error: BaseException) -> bool:
        state = run_coro_as_sync(exception_to_failed_state(error))
        return is_worth_retrying(None, None, state)

    assert [is_retried(error) for error in (UnreachableError("the hub", "wait"), ConnectionError(), OSError())] == [
        True,
        True,
        True,
    ]
    assert not any(map(is_retried, (BadInputError("a NaN", "mend it"), UsageError("a device", "mend it"))))
    assert not is_retried(SweepStoppedError())


def test_a_partition_is_claimed_once_at_a_time_and_freed_with_the_process_that_held_it(checkpoints, tmp_path):
    partition = partition_of(checkpoints[0]).partition
    program = (
        "import sys, time; from pathlib import Path\n"
        "from trailhouse.flows.pipeline.claims import claim_on_disk\n"
        "with claim_on_disk(Path(sys.argv[1])) as claim:\n"
        "    print(claim.is_ours, flush=True); time.sleep(60)\n"
    )
    with claim_partition(partition, tmp_path) as first, claim_partition(partition, tmp_path) as second:
        assert (first.is_ours, second.is_ours) == (True, False)
    (lock,) = (tmp_path / "claims").iterdir()
    with subprocess.Popen([sys.executable, "-c", program, lock], stdout=PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        with claim_partition(partition, tmp_path) as claim:
            assert not claim.is_ours
        other.kill()
    with claim_partition(partition, tmp_path) as claim:
        assert claim.is_ours
        claim.finish()
    assert not lock.exists()


@pytest.mark.slow
def test_ctrl_c_leaves_whole_checkpoints_and_the_next_run_goes_on(make_suite, corpus, workplace):
    declaration, _ = make_suite("interrupted", [0, 8, 30, 60])
    process = workplace.start("score", declaration, "--corpus", corpus)
    count = "select uniqExact(step) from raw_token_score where model_id = 'interrupted/copied'"
    while workplace.query(count) == [(0,)] and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) in (130, 0)
    rows = workplace.query("select count() from raw_token_score where model_id = 'interrupted/copied' group by step")
    assert len(set(rows)) == 1
    assert workplace.query("select count() from system.tables where name like 'stage_%'") == [(0,)]
    assert workplace.run("score", declaration, "--corpus", corpus).returncode == 0
    assert workplace.query(count) == [(4,)]


@pytest.mark.slow
def test_two_workers_of_one_prefect_server_share_a_sweep(make_suite, corpus, workplace, prefect_server):
    declaration, directory = make_suite("shared", [0, 8, 30])
    for copy in range(31, 34):
        shutil.copytree(directory / "step-30", directory / f"step-{copy}")
        nudge_weights(directory / f"step-{copy}", copy * 1e-4)
    variables = workplace.environment(PREFECT_API_URL=prefect_server)
    command = [sys.executable, "-m", "trailhouse.cli.main", "score", declaration, "--corpus", corpus, "--json"]
    workers = [
        subprocess.Popen(command, cwd=workplace.directory, env=variables, stdout=PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    results = [worker.communicate(timeout=200) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], results
    reports = [json.loads(output) for output, _ in results]
    # a lease that runs out on a busy machine may let a checkpoint be scored twice, never stored twice
    assert sum(report["scored_count"] for report in reports) >= 6
    for report in reports:  # success means that all is scored, by whom ever
        assert sum(report[f"{how}_count"] for how in ("scored", "elsewhere", "already_scored")) == 6
    ledger = "select count(), uniqExact(step), uniqExact(score_count) from raw_score_ledger final"
    assert workplace.query(f"{ledger} where model_id = 'shared/copied' and is_complete") == [(6, 6, 1)]
    rows = "select step, count() from raw_token_score where model_id = 'shared/copied' group by step"
    assert len({count for _, count in workplace.query(rows)}) == 1
