"""The steps of the pipeline overlap within bounds, and an error ends one checkpoint alone, for both kinds of work."""

import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from subprocess import PIPE

import pytest
import torch
from clickhouse_connect.driver.exceptions import DatabaseError
from prefect.states import exception_to_failed_state
from prefect.utilities.asyncutils import run_coro_as_sync

from tests.flows.pipeline.conftest import TEXT, write_tasks
from trailhouse.errors import BadInputError, RefusedError, UnreachableError, UsageError
from trailhouse.flows.evaluate_tasks import plan_evaluations
from trailhouse.flows.pipeline import work as work_module
from trailhouse.flows.pipeline.claims import claim_work
from trailhouse.flows.pipeline.contexts import choose_contexts
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.evaluation import TaskEvaluation
from trailhouse.flows.pipeline.pipeline import (
    TASK_THREADS,
    Pipeline,
    PipelineSteps,
    PipelineStoppedError,
    make_pipeline,
)
from trailhouse.flows.pipeline.registration import find_checkpoints
from trailhouse.flows.pipeline.run_pipeline import is_worth_retrying
from trailhouse.flows.pipeline.scoring import CorpusScoring
from trailhouse.flows.pipeline.work import CheckpointWork, do_work, plan_work
from trailhouse.flows.score_checkpoints import plan_partitions
from trailhouse.flows.settings import Settings
from trailhouse.models.few_shot.tasks.discovery import find_tasks
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.tokenizer import load_tokenizer, tokenize_corpus
from trailhouse.warehouse.connection import connect

STEPS = (0, 1, 2, 3)
PATIENCE_SECONDS = 60.0


class WatchedKind:
    """A kind of work that notes when it runs and inserts, and that waits or fails where it is told to."""

    def __init__(self, kind, timeline) -> None:
        self.kind, self.timeline = kind, timeline
        self.is_waiting = False
        """Whether a checkpoint runs only once the next is loaded, and is inserted only once the next runs."""
        self.fails_to_run: int | None = None
        self.fails_to_insert: int | None = None

    def __getattr__(self, name):
        return getattr(self.kind, name)

    @contextmanager
    def open_model(self, model, checkpoint):
        with self.kind.open_model(model, checkpoint) as run_unit:

            def run_and_fail(unit, advance):
                yield from run_unit(unit, advance)
                if checkpoint.step == self.fails_to_run:
                    raise BadInputError(f"step-{checkpoint.step} is not finite", "leave it out")

            self.timeline.note(f"step-{checkpoint.step} is run")
            if self.is_waiting:
                self.timeline.wait_for(f"step-{checkpoint.step + 1} loaded")
            yield run_and_fail
            self.timeline.note(f"step-{checkpoint.step} was run")

    def insert(self, client, results, scoring_run_id):
        steps = set()

        def note_steps():
            for result in results:
                steps.add(result.unit.step)
                yield result

        inserted = list(self.kind.insert(client, note_steps(), scoring_run_id))
        if self.fails_to_insert in steps:
            raise ConnectionError(f"step-{self.fails_to_insert}: reset by peer")
        for step in steps:
            if self.is_waiting:
                self.timeline.wait_for(f"step-{step + 1} is run")
            self.timeline.note(f"step-{step} inserted")
        yield from inserted


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

    def wait_for(self, name: str) -> None:
        """Wait until an event was noted. For a step after the last one, which never comes, it does not wait."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while f"step-{STEPS[-1] + 1}" not in name and time.monotonic() < deadline:
            if any(event == name for _, event in self.events):
                return
            time.sleep(0.01)

    def wrap_loading(self, load):
        def load_and_note(directory, settings, **options):
            model = load(directory, settings, **options)
            with self.lock:
                self.alive.add(model)
                self.most_alive = max(self.most_alive, len(self.alive))
            self.note(f"{directory.name} loaded")
            return model

        return load_and_note


@pytest.fixture
def timeline(monkeypatch) -> Timeline:
    timeline = Timeline()

    def note_and_fetch(checkpoint, *arguments, fetch=work_module.fetch_checkpoint):
        timeline.note(f"step-{checkpoint.step} is fetched")
        return fetch(checkpoint, *arguments)

    monkeypatch.setattr(work_module, "fetch_checkpoint", note_and_fetch)
    monkeypatch.setattr(work_module, "load_model", timeline.wrap_loading(work_module.load_model))
    return timeline


@pytest.fixture(params=["scoring", "evaluation"])
def run(request, address, make_tiny_suite, tmp_path, timeline) -> tuple[Pipeline, list[CheckpointWork]]:
    """A pipeline and the work on four checkpoints."""
    settings = Settings(data_directory=tmp_path / "data")
    suite = find_declared_suite(str(make_tiny_suite("tiny", list(STEPS)).declaration), settings)
    found = find_checkpoints(suite, settings)
    scoring = ScoringSettings(device="cpu")
    contexts = choose_contexts(suite, found.checkpoints, scoring)
    if request.param == "scoring":
        corpus = Corpus("few", "", "", tuple(Document(f"{index}", TEXT * (index + 1)) for index in range(3)))
        tokenized = tokenize_corpus(load_tokenizer(found.checkpoints[0].directory), corpus)
        kind = CorpusScoring("few", {tokenized.tokenizer_id: tokenized}, scoring, contexts, 2)
        planned = plan_partitions(found.checkpoints, corpus, contexts)
        works = [plan_work(checkpoint, [unit]) for checkpoint, unit in planned]
    else:
        write_tasks(tmp_path / "tasks")
        tasks = find_tasks([str(tmp_path / "tasks")], repeat_task_prefix=False).tasks
        kind = TaskEvaluation("tiny", {task.task_id: task for task in tasks}, scoring, contexts, 1)
        works = [
            plan_work(checkpoint, list(plan_evaluations(checkpoint, tasks, [0], [0], contexts)))
            for checkpoint in found.checkpoints
        ]
    return make_pipeline(WatchedKind(kind, timeline), address, found.sources, settings, datetime.now(UTC)), works


def do_all(pipeline: Pipeline, works: list[CheckpointWork]) -> list[str]:
    """Do the work on each checkpoint as the flow does, but without Prefect; returns the failures of each as a text."""

    def do_one(work: CheckpointWork) -> str:
        if pipeline.kind.is_waiting and work is not works[0]:  # else a later thread may be the first to load
            pipeline.kind.timeline.wait_for(f"step-{work.checkpoint.step - 1} is fetched")
        try:
            do_work(work, pipeline)
        except Exception as error:
            return str(error)
        return "; ".join(str(failure.error) for failure in work.outcome.failures)

    with pipeline.steps.closing(), ThreadPoolExecutor(TASK_THREADS) as pool:
        return list(pool.map(do_one, works))


def list_done_steps(pipeline: Pipeline, works: list[CheckpointWork]) -> list[int]:
    with connect(pipeline.address) as client:
        return [
            work.checkpoint.step
            for work in works
            if not pipeline.kind.list_missing(client, work.checkpoint, work.units)
        ]


def test_loading_and_inserting_hide_behind_running_and_two_models_are_resident_at_most(run, timeline):
    pipeline, works = run
    pipeline.kind.is_waiting = True
    assert do_all(pipeline, works) == ["", "", "", ""]
    assert [len(work.outcome.inserted) for work in works] == [len(work.units) for work in works]
    assert list_done_steps(pipeline, works) == list(STEPS)
    assert timeline.most_alive == 2
    for present, following in pairwise(STEPS):
        assert timeline.when(f"step-{following} loaded") < timeline.when(f"step-{present} was run")
        assert timeline.when(f"step-{following} is run") < timeline.when(f"step-{present} inserted")
        assert timeline.when(f"step-{present} was run") < timeline.when(f"step-{following} is run")


def test_an_error_in_any_step_is_that_of_its_checkpoint_and_stops_no_other(run, client, monkeypatch):
    pipeline, works = run

    def fail_to_load(directory, settings, load=work_module.load_model, **options):
        if directory.name == "step-0":
            raise BadInputError(f"{directory}: does not load", "copy it again")
        return load(directory, settings, **options)

    monkeypatch.setattr(work_module, "load_model", fail_to_load)
    pipeline.kind.fails_to_run, pipeline.kind.fails_to_insert = 1, 2
    errors = do_all(pipeline, works)
    assert [f"step-{step}" in error for step, error in enumerate(errors)] == [True, True, True, False]
    assert [len(work.outcome.inserted) for work in works] == [0, 0, 0, len(works[3].units)]
    assert 3 in list_done_steps(pipeline, works)
    # The run is recorded as soon as its first model is scored. The test reports no end, as if the run had been killed.
    runs = client.query("select finished_at, checkpoint_count from raw_scoring_run final").result_rows
    assert runs == [(None, 0)]
    assert not {0, 1} & set(list_done_steps(pipeline, works))
    assert client.query("select count() from raw_token_score where step = 1").result_rows == [(0,)]
    assert client.query("select count() from raw_option_score where step = 1").result_rows == [(0,)]
    staging = "select count() from system.tables where name like 'stage_%' and database = currentDatabase()"
    assert client.query(staging).result_rows == [(0,)]


def test_what_another_worker_did_meanwhile_is_not_done_again(run, monkeypatch):
    """A second worker does the work while the first one loads the model, as after a lease that expired."""
    pipeline, works = run
    other = plan_work(works[0].checkpoint, works[0].units)

    def lose_the_race(directory, settings, load=work_module.load_model, **options):
        faster = replace(pipeline, steps=PipelineSteps())
        with monkeypatch.context() as patch, faster.steps.closing():
            patch.setattr(work_module, "load_model", load)
            do_work(other, faster)
        return load(directory, settings, **options)

    monkeypatch.setattr(work_module, "load_model", lose_the_race)
    assert do_all(pipeline, works[:1]) == [""]
    unit_count = len(works[0].units)
    assert (len(works[0].outcome.inserted), works[0].outcome.elsewhere_count) == (0, unit_count)
    assert len(other.outcome.inserted) == unit_count


def test_a_model_that_does_not_fit_beside_another_is_loaded_when_the_memory_is_free(run, timeline, monkeypatch):
    pipeline, works = run

    def refuse_a_second(directory, settings, load=work_module.load_model, **options):
        if timeline.alive:
            raise torch.OutOfMemoryError("the device holds one model")
        return load(directory, settings, **options)

    monkeypatch.setattr(work_module, "load_model", refuse_a_second)
    assert do_all(pipeline, works) == ["", "", "", ""]
    assert list_done_steps(pipeline, works) == list(STEPS)
    assert timeline.most_alive == 1


def test_only_what_may_pass_by_itself_is_tried_again():
    def is_retried(error: BaseException) -> bool:
        state = run_coro_as_sync(exception_to_failed_state(error))
        return is_worth_retrying(None, None, state)

    passing = (UnreachableError("the hub", "wait"), ConnectionError(), OSError())
    assert [is_retried(error) for error in passing] == [True, True, True]
    assert not any(map(is_retried, (BadInputError("a NaN", "mend it"), UsageError("a device", "mend it"))))
    assert not is_retried(PipelineStoppedError())
    refused = (RefusedError("no database", "run init"), DatabaseError("Code: 60. DB::Exception: (UNKNOWN_TABLE)"))
    assert not any(map(is_retried, refused))
    assert not is_retried(DatabaseError("Code: 243. DB::Exception: Cannot reserve 1.00 MiB (NOT_ENOUGH_SPACE)"))
    assert is_retried(DatabaseError("Code: 202. DB::Exception: (TOO_MANY_SIMULTANEOUS_QUERIES)"))


def test_work_is_claimed_once_at_a_time_and_freed_with_the_process_that_held_it(tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from trailhouse.flows.pipeline.claims import claim_on_disk\n"
        "with claim_on_disk(Path(sys.argv[1])) as claim:\n"
        "    print(claim.is_ours, flush=True); time.sleep(600)\n"
    )
    with claim_work("one", tmp_path) as first, claim_work("one", tmp_path) as second:
        assert (first.is_ours, second.is_ours) == (True, False)
    (lock,) = (tmp_path / "claims").iterdir()
    with subprocess.Popen([sys.executable, "-c", program, lock], stdout=PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        with claim_work("one", tmp_path) as claim:
            assert not claim.is_ours
        other.kill()
    with claim_work("one", tmp_path) as claim:
        assert claim.is_ours
        claim.finish()
    assert not lock.exists()
