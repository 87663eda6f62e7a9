"""Runs that the Hugging Face Trainer really made: what is read from them, with no declaration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.architectures import build_random_model
from tests.support.trainer_runs import BATCH_TOKENS, train
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints import trainer_run
from trailhouse.models.checkpoints.sources.local import locate_checkpoints
from trailhouse.models.checkpoints.trainer_run import declare_trainer_run, find_origin, read_trainer_run
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.texts.tokenizer import identify_tokenizer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(build_random_model("gpt_neox"), tmp_path_factory.mktemp("trainer") / "my run")


@pytest.fixture
def run(trained, tmp_path):
    """A run with its tokenizer at its root only."""
    directory = tmp_path / "my run"
    shutil.copytree(trained, directory)
    train_tokenizer(["the cat sat on the mat"]).save_pretrained(directory)
    return directory


def list_run(suite):
    return locate_checkpoints(suite, suite.models[0], Path(suite.models[0].location)).list_checkpoints()


def test_tokens_per_step_and_planned_steps_are_those_of_the_training(run):
    found = read_trainer_run(run)
    assert (found.batch_tokens, found.planned_steps) == (BATCH_TOKENS, 4)
    suite = declare_trainer_run(found, 32)
    model = suite.models[0]
    assert (suite.suite_id, suite.source, model.model_name) == ("my-run", "trainer", "my-run")
    assert (model.location, model.batch_tokens, model.planned_steps, model.context_length) == (
        str(run),
        BATCH_TOKENS,
        4,
        32,
    )
    assert find_origin(suite.declaration) == f'# Read from the directory "{run}"'


@pytest.mark.parametrize(("name", "options"), [("gpt2", {}), ("gpt_neox", {"include_num_input_tokens_seen": "all"})])
def test_tokens_are_right_for_tied_embeddings_and_where_the_trainer_counts_them(tmp_path, name, options):
    train(build_random_model(name), tmp_path / "run", steps=2, **options)
    assert read_trainer_run(tmp_path / "run").batch_tokens == BATCH_TOKENS


def test_the_tokenizer_at_the_root_of_a_run_is_that_of_its_checkpoints(run):
    names = {path.name for path in (run / "checkpoint-4").iterdir()}
    assert {"optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "model.safetensors"} <= names
    assert not names & {"tokenizer.json", "tokenizer_config.json"}
    listing = list_run(declare_trainer_run(read_trainer_run(run), 32))
    assert listing.failures == []
    assert [(one.step, one.tokens_seen) for one in listing.checkpoints] == [
        (2, 2 * BATCH_TOKENS),
        (4, 4 * BATCH_TOKENS),
    ]
    for checkpoint in listing.checkpoints:
        assert checkpoint.tokenizer.directory == run
        assert checkpoint.tokenizer_id == identify_tokenizer(checkpoint.tokenizer.load())


def test_a_tokenizer_beside_the_weights_goes_before_that_of_the_root(run):
    other = train_tokenizer(["another text altogether"])
    other.save_pretrained(run / "checkpoint-2")
    checkpoints = list_run(declare_trainer_run(read_trainer_run(run), 32)).checkpoints
    assert checkpoints[0].tokenizer_id == identify_tokenizer(other)
    assert checkpoints[0].tokenizer.directory == run / "checkpoint-2"
    assert checkpoints[1].tokenizer_id != checkpoints[0].tokenizer_id


def test_the_training_state_of_a_checkpoint_is_not_taken_for_weights(run):
    (run / "checkpoint-4" / "model.safetensors").unlink()
    (failure,) = list_run(declare_trainer_run(read_trainer_run(run), 32)).failures
    assert failure.error.message == f"{run / 'checkpoint-4'}: holds no model.safetensors"


def edit_state(run, **changes):
    path = run / "checkpoint-4" / "trainer_state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"total_flos": 0}, "does not say how many tokens"),
        ({"total_flos": 1e9 + 1}, "does not say how many tokens"),
        ({"total_flos": float("inf")}, "is no state of the Trainer"),
        ({"total_flos": "many"}, "is no state of the Trainer"),
        ({"global_step": 0}, "is no state of the Trainer"),
        ({"max_steps": None}, "is no state of the Trainer"),
    ],
)
def test_a_state_without_the_number_of_tokens_is_refused(run, changes, problem):
    edit_state(run, **changes)
    with pytest.raises(BadInputError, match=f"checkpoint-4/trainer_state.json: {problem}") as caught:
        read_trainer_run(run)
    assert caught.value.hint == "declare the run in a suite, see docs/reference/suites.md"


def test_flops_that_were_rounded_still_give_the_number_of_tokens(run):
    flops = json.loads((run / "checkpoint-4" / "trainer_state.json").read_text())["total_flos"]
    for factor in (1 - 9e-7, 1 + 9e-7):
        edit_state(run, total_flos=flops * factor)
        assert read_trainer_run(run).batch_tokens == BATCH_TOKENS
    edit_state(run, total_flos=flops * (1 + 1.1e-6))
    with pytest.raises(BadInputError, match="does not say how many tokens"):
        read_trainer_run(run)


def test_flops_of_parameters_that_were_sharded_are_refused(run):
    (run / "checkpoint-4" / "global_step4").mkdir()
    with pytest.raises(BadInputError, match="does not say how many tokens"):
        read_trainer_run(run)


def test_a_directory_without_a_run_is_refused(tmp_path):
    (tmp_path / "checkpoint-3").mkdir()
    with pytest.raises(BadInputError, match=f"^{tmp_path}: is no run of the Hugging Face Trainer"):
        read_trainer_run(tmp_path)


def test_a_directory_whose_name_is_no_name_is_refused(run):
    nameless = run.rename(run.parent / "___")
    with pytest.raises(BadInputError, match="its name has no letter or digit"):
        declare_trainer_run(read_trainer_run(nameless), 32)


def test_a_state_of_256_mib_is_read_and_no_larger_one(run, monkeypatch):
    assert trainer_run.MAXIMUM_STATE_BYTES == 256 * 1024**2
    size = (run / "checkpoint-4" / "trainer_state.json").stat().st_size
    monkeypatch.setattr(trainer_run, "MAXIMUM_STATE_BYTES", size)
    assert read_trainer_run(run).batch_tokens == BATCH_TOKENS
    monkeypatch.setattr(trainer_run, "MAXIMUM_STATE_BYTES", size - 1)
    with pytest.raises(BadInputError, match="is no state of the Trainer"):
        read_trainer_run(run)


def test_tokens_that_the_trainer_counted_go_before_those_of_the_flops(run):
    edit_state(run, num_input_tokens_seen=10, total_flos=0)
    assert read_trainer_run(run).batch_tokens == 2  # 10 tokens in 4 steps, rounded
    edit_state(run, num_input_tokens_seen=1, total_flos=0)
    assert read_trainer_run(run).batch_tokens == 1
    edit_state(run, num_input_tokens_seen=-1)
    with pytest.raises(BadInputError, match="is no state of the Trainer"):
        read_trainer_run(run)
