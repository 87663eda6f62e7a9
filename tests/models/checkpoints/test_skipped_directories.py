"""Directories beside the checkpoints that the step pattern does not match: one line says what they are."""

from __future__ import annotations

import shutil

import pytest

from tests.support.message_listener import Listener
from tests.support.tiny_suite import make_template
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources.local import locate_checkpoints
from trailhouse.models.checkpoints.suite import load_suite
from trailhouse.support.progress import listening

SUITE = """\
suite: ours
description: Our own run
source: folder
models:
  - name: base
    location: run
    batch_tokens: 512
    planned_steps: 100
    context_length: 32
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("template") / "model")


@pytest.fixture
def run(tmp_path, template):
    """A folder as several trainers would leave it."""
    run = tmp_path / "run"
    for name in ("checkpoint-1000", "checkpoint-4000-merged", "epoch_3"):
        shutil.copytree(template, run / name)
    contents = {
        "iter_0002000/mp_rank_00/model_optim_rng.pt": b"",
        "global_step3000/mp_rank_00_model_states.pt": b"",
        "global_step3000/zero_pp_rank_0_mp_rank_00_optim_states.pt": b"",
        "step_1000/pytorch_model_fsdp_0/__0_0.distcp": b"",
        "step_2000/pytorch_model_fsdp_0/__0_0.distcp": b"",
        "adapter-500/adapter_model.safetensors": b"",
        "epoch_1/pytorch_model.bin": b"",
        "epoch_1/config.json": b"{}",
        "runs/Nov29/events.out.tfevents": b"",
        ".cache/model.gguf": b"",
    }
    for name, content in contents.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    return run


def list_run(run, pattern="", **fields):
    lines = [f"    step_pattern: '{pattern}'\n"] if pattern else []
    lines += [f"    {name}: {value}\n" for name, value in fields.items()]
    (run.parent / "suite.yaml").write_text(SUITE + "".join(lines))
    suite = load_suite(run.parent / "suite.yaml")
    listener = Listener()
    with listening(listener):
        listing = locate_checkpoints(suite, suite.models[0], run).list_checkpoints()
    return listing, listener.notes


def test_one_line_says_how_many_are_skipped_and_why_and_what_converts_them(run):
    listing, (note,) = list_run(run)
    assert [checkpoint.step for checkpoint in listing.checkpoints] == [1000]
    assert listing.failures == []
    beginning, _, rest = note.partition(": skipped ")
    assert beginning == str(run)
    assert rest.startswith(r"8 directories that step_pattern '(?:checkpoint|step)-?(\d+)' does not match: ")
    for part in (
        "2 with a model (checkpoint-4000-merged, epoch_3): give the suite a step_pattern that matches the names",
        "1 with the shards of Megatron (iter_0002000): convert them with Megatron-Bridge: AutoBridge",
        "1 with the shards of DeepSpeed (global_step3000): consolidate them: python zero_to_fp32.py",
        "2 with the shards of FSDP (step_1000, step_2000): consolidate them: accelerate merge-weights",
        "1 with an adapter and not the model (adapter-500): merge the adapter into its model",
        "1 with pickled weights (epoch_1): convert them with save_pretrained",
    ):
        assert part in rest
    assert "\n" not in note
    assert "runs" not in rest
    assert ".cache" not in rest


def test_a_pattern_takes_the_models_of_any_trainer(run):
    listing, (note,) = list_run(run, r"(?:checkpoint-|epoch_|iter_|global_step)(\d+)(?:-merged)?")
    assert [checkpoint.step for checkpoint in listing.checkpoints] == [3, 1000, 4000]
    assert note.partition(": skipped ")[2].startswith("3 directories that ")
    messages = {failure.position.step: failure.error.message for failure in listing.failures}
    assert sorted(messages) == [1, 2000, 3000]
    assert messages[2000].startswith(f"{run / 'iter_0002000'}: holds the shards of Megatron (mp_rank_00)")
    assert messages[3000].startswith(f"{run / 'global_step3000'}: holds the shards of DeepSpeed")


def test_pickled_models_are_taken_for_models_where_the_suite_allows_pickles(run):
    _, (note,) = list_run(run, allow_pickle="true")
    assert "3 with a model (checkpoint-4000-merged, epoch_1, epoch_3)" in note
    assert "with pickled weights" not in note


def test_more_directories_than_three_are_counted_and_not_all_named(run, template):
    for epoch in (4, 5):
        shutil.copytree(template, run / f"epoch_{epoch}")
    _, (note,) = list_run(run)
    assert "4 with a model (checkpoint-4000-merged, epoch_3, epoch_4, ...)" in note


def test_a_folder_in_which_all_are_skipped_says_so(run):
    shutil.rmtree(run / "checkpoint-1000")
    with pytest.raises(BadInputError, match=r"holds no checkpoint directories that match .*, and 8 directories that"):
        list_run(run)


def test_directories_without_weights_are_no_matter(tmp_path, template):
    shutil.copytree(template, tmp_path / "run" / "checkpoint-1")
    for name in ("logs/events", "only_config/config.json", "no_config/pytorch_model.bin"):
        (tmp_path / "run" / name).parent.mkdir()
        (tmp_path / "run" / name).write_text("{}")
    assert list_run(tmp_path / "run")[1] == []
