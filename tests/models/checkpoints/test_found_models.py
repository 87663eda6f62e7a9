"""The models in a folder, and the step patterns of their checkpoints."""

import json
import pickle
import zipfile

import pytest
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.discovery.declaration_text import DescribedModel, write_declaration
from trailhouse.models.checkpoints.discovery.found_models import FoundModel, find_models
from trailhouse.models.checkpoints.discovery.training_facts import Fact, read_pickled_integer
from trailhouse.models.checkpoints.step_pattern import read_training_position
from trailhouse.models.checkpoints.suite import parse_suite


def make(directory, *names, weights="model.safetensors", **config):
    for name in names:
        (directory / name).mkdir(parents=True)
        (directory / name / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 8, **config}))
        (directory / name / weights).touch()


@pytest.mark.parametrize(
    ("names", "pattern", "steps"),
    [
        (["checkpoint-2", "checkpoint-10"], r"checkpoint-(\d+)", [2, 10]),
        (["step0", "step1000", "step20"], r"step(\d+)", [0, 20, 1000]),
        (["step-5"], r"step-(\d+)", [5]),
        (["100", "20"], r"(\d+)", [20, 100]),
        (["iter_0000100", "iter_0000020"], r"iter_(\d+)", [20, 100]),
        (["a.b (1)-hf", "a.b (2)-hf"], r"a\.b \((\d+)\)-hf", [1, 2]),
    ],
)
def test_the_step_pattern_is_that_of_all_names(tmp_path, names, pattern, steps):
    make(tmp_path, *names)
    (model,) = find_models(tmp_path)
    assert (model.directory, model.step_pattern, list(model.checkpoints)) == (tmp_path, pattern, steps)
    for step, path in model.checkpoints.items():
        assert read_training_position(pattern, path.name, 1).step == step


def test_a_folder_of_models_has_each_of_its_models(tmp_path):
    make(tmp_path / "gpt-70m", "step1", "step2")
    make(tmp_path / "gpt-410m", "checkpoint-3", n_embd=16)
    make(tmp_path, "gpt-70m/final")
    # the folder of a model also holds its last weights, and its name holds a number
    (tmp_path / "gpt-70m" / "config.json").write_text("{}")
    (tmp_path / "gpt-70m" / "model.safetensors").touch()
    (tmp_path / "logs").mkdir()
    large, small = find_models(tmp_path)
    assert [(one.directory.name, one.step_pattern, list(one.checkpoints)) for one in (small, large)] == [
        ("gpt-70m", r"step(\d+)", [1, 2]),
        ("gpt-410m", r"checkpoint-(\d+)", [3]),
    ]
    assert small.left_out == ("final",)


def test_folders_without_a_whole_model_are_no_checkpoints(tmp_path):
    make(tmp_path, "step1", ".step2", "step3.tmp")
    (tmp_path / "step4").mkdir()
    (tmp_path / "step5").mkdir()
    (tmp_path / "step5" / "config.json").write_text("{}")
    (model,) = find_models(tmp_path)
    assert list(model.checkpoints) == [1]


def test_weights_in_bin_files_are_found_and_said_to_be_pickles(tmp_path):
    make(tmp_path / "new", "step1")
    make(tmp_path / "old", "step1", weights="pytorch_model.bin")
    assert [(one.directory.name, one.is_pickled) for one in find_models(tmp_path)] == [("new", False), ("old", True)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["step1", "checkpoint-1"], r"follow several patterns: checkpoint-\(\\d\+\) \(1\), step\(\\d\+\) \(1\)"),
        (["step1", "step01"], "are both step 1"),
        (["small", "large"], r"expected are folders such as .*and it has models without a step .* \(large, small\)"),
        (["stage1-step2"], "holds no checkpoints"),
        ([], "holds no checkpoints; expected are folders such as checkpoint-1000, .*and it has no folder"),
    ],
)
def test_a_folder_that_is_not_understood_is_named_with_what_was_expected(tmp_path, names, message):
    make(tmp_path, *names)
    with pytest.raises(BadInputError, match=message) as raised:
        find_models(tmp_path)
    assert str(tmp_path) in raised.value.message


def test_models_of_different_sizes_are_not_taken_for_steps(tmp_path):
    make(tmp_path, "gpt-70m")
    make(tmp_path, "gpt-410m", n_embd=16)
    with pytest.raises(BadInputError, match=r"hold different models \(n_embd 8 and 16\)"):
        find_models(tmp_path)


def test_a_single_model_and_shards_of_other_programs_are_named(tmp_path):
    make(tmp_path, "one")
    with pytest.raises(BadInputError, match="is a single model, without checkpoints"):
        find_models(tmp_path / "one")
    (tmp_path / "run" / "step1").mkdir(parents=True)
    (tmp_path / "run" / "step1" / "__0_0.distcp").touch()
    with pytest.raises(BadInputError, match="holds no checkpoints; step1 has") as raised:
        find_models(tmp_path / "run")
    assert "merge" in raised.value.hint


def test_an_integer_of_a_pickle_is_read_and_no_code_is_run(tmp_path):
    class Runs:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    path = tmp_path / "training_args.bin"
    for value in (0, 7, 300, 70_000):
        torch.save({"data_seed": 9, "seed": value, "other": Runs()}, path)
        assert read_pickled_integer(path, "seed") == value
    assert not (tmp_path / "written").exists()
    assert read_pickled_integer(path, "seeds") is None
    path.write_bytes(pickle.dumps({"seed": 1}))
    assert read_pickled_integer(path, "seed") is None
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\xff")
    assert read_pickled_integer(path, "seed") is None


@pytest.mark.parametrize(
    "name", ["plain", "a 'b' \"c\"", "new\nsuite: x", "next\x85line\u2028end", "é🙂a", "back\\slash"]
)
def test_a_declaration_means_the_folder_whatever_its_name(tmp_path, name):
    directory = tmp_path / name
    pattern = r"step(\d+)"
    found = FoundModel(directory, pattern, {1: directory / "step1"}, is_pickled=True, left_out=())
    origin = f"from {name}"
    model = DescribedModel(found, Fact(512, origin), Fact(9, origin), Fact(32, origin), Fact(7, origin))
    text = write_declaration("s", directory, [model])
    suite = parse_suite(tmp_path / "s.yaml", text)
    (model,) = suite.models
    assert (suite.suite_id, model.location, model.step_pattern) == ("s", str(directory), pattern)
    assert (model.batch_tokens, model.planned_steps, model.context_length, model.seed) == (512, 9, 32, 7)
    assert model.allow_pickle
