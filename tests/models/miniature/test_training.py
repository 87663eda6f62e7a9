"""The order of the training of a miniature suite, and which models are trained; stand-ins replace the training."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite, TrainingRecipe
from trailhouse.models.miniature import training
from trailhouse.models.miniature.optimisation import TrainingProgress
from trailhouse.models.miniature.training import is_model_trained, is_suite_trained, train_suite


def declare(name: str, width: int = 8, seed: int | None = 3, architecture: str = "gpt_neox") -> ModelDeclaration:
    recipe = TrainingRecipe(width, 2, 2, (0, 9), architecture)
    return ModelDeclaration(name, f"s/{name}", r"step-(\d+)", 64, 9, 16, seed, recipe=recipe)


def suite_of(*models: ModelDeclaration) -> Suite:
    return Suite("s", "", "miniature", models, "")


@pytest.fixture
def material(monkeypatch) -> None:
    """Replace the text and the tokenizer by stand-ins."""
    monkeypatch.setattr(training, "split_documentation", lambda: SimpleNamespace(training=[SimpleNamespace(text="a")]))
    monkeypatch.setattr(training, "train_tokenizer", lambda texts: ("tokenizer", texts))
    monkeypatch.setattr(training, "encode_texts", lambda tokenizer, texts: ("ids", texts))


def test_a_recipe_is_what_decides_the_weights_and_leaves_out_the_default_architecture():
    recipe = training._describe_recipe(declare("a"))
    assert recipe == {
        "model_name": "a", "location": "s/a", "step_pattern": r"step-(\d+)", "batch_tokens": 64, "planned_steps": 9,
        "context_length": 16, "seed": 3,
        "recipe": {"hidden_size": 8, "layer_count": 2, "head_count": 2, "checkpoint_steps": [0, 9]},
    }  # fmt: skip
    assert training._describe_recipe(declare("a", architecture="rwkv"))["recipe"]["architecture"] == "rwkv"


@pytest.mark.parametrize("content", ["", "[]", "3", "{}", '{"recipe": {}}', "\xff"])
def test_a_directory_without_the_record_of_the_recipe_is_not_trained(tmp_path, content):
    (tmp_path / "training.json").write_bytes(content.encode("latin-1"))
    assert not is_model_trained(tmp_path, declare("a"))
    assert not is_model_trained(tmp_path / "gone", declare("a"))


def test_a_model_is_trained_if_its_record_has_its_recipe_and_a_suite_if_all_are(tmp_path):
    one, two = declare("one"), declare("two")
    (tmp_path / "one").mkdir()
    training._write_record(tmp_path / "one", one)
    assert is_model_trained(tmp_path / "one", one)
    assert not is_model_trained(tmp_path / "one", dataclasses.replace(one, seed=4))
    assert is_suite_trained(suite_of(one), tmp_path)
    assert not is_suite_trained(suite_of(one, two), tmp_path)
    record = json.loads((tmp_path / "one" / "training.json").read_text())
    assert record["libraries"]["torch"] == torch.__version__


@pytest.mark.parametrize(("seed", "seeds"), [(None, [3, 5]), (7, [7, 7])])
def test_only_models_that_are_not_trained_are_and_a_seed_replaces_those_declared(tmp_path, monkeypatch, seed, seeds):
    trained = []
    monkeypatch.setattr(training, "_train_models", lambda directory, models, progress: trained.append(models))
    models = [declare("one", seed=3), declare("two", seed=5)]
    train_suite(suite_of(*models), tmp_path / "deep" / "down", seed=seed)
    assert [model.seed for model in trained[0]] == seeds
    for model in trained[0]:
        (tmp_path / "deep" / "down" / model.model_name).mkdir()
        training._write_record(tmp_path / "deep" / "down" / model.model_name, model)
    train_suite(suite_of(*models), tmp_path / "deep" / "down", seed=seed)
    assert len(trained) == 1
    train_suite(suite_of(*models, declare("three")), tmp_path / "deep" / "down", seed=seed)
    assert [model.model_name for model in trained[1]] == ["three"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="file/x: cannot be written: Not a directory"):
        train_suite(suite_of(declare("a")), tmp_path / "file" / "x")


@pytest.mark.usefixtures("material")
@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (8, 3)])
def test_as_many_models_train_at_once_as_there_are_cores_and_models(tmp_path, monkeypatch, cores, expected):
    running, most, lock = 0, 0, threading.Lock()
    everyone = threading.Barrier(expected)

    def train(*_: object) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if len(waited) < expected:
            waited.append(1)
            everyone.wait(5)
        with lock:
            running -= 1

    waited: list[int] = []
    monkeypatch.setattr(training, "_count_cores", lambda: cores)
    monkeypatch.setattr(training, "_train_model", train)
    training._train_models(tmp_path, [declare(name) for name in "abc"], lambda _: None)
    assert most == expected


@pytest.mark.usefixtures("material")
def test_the_largest_model_begins_and_each_gets_the_text_on_one_thread(tmp_path, monkeypatch):
    begun, threads = [], []

    def train(model, material, report) -> None:
        begun.append(model.model_name)
        threads.append(torch.get_num_threads())
        assert (material.directory, material.tokenizer, material.token_ids) == (
            tmp_path,
            ("tokenizer", ["a"]),
            ("ids", ["a"]),
        )
        report(TrainingProgress(model.model_name, 1, 9, 2.5))

    monkeypatch.setattr(training, "_count_cores", lambda: 1)
    monkeypatch.setattr(training, "_train_model", train)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    reported = []
    try:
        models = [declare("small", 8), declare("large", 32), declare("middle", 16)]
        training._train_models(tmp_path, models, reported.append)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert begun == ["large", "middle", "small"]
    assert threads == [1, 1, 1]
    assert [event.model_name for event in reported] == begun


@pytest.mark.usefixtures("material")
def test_a_failure_stops_the_other_models_and_is_raised(tmp_path, monkeypatch):
    stopped = []

    def train(model, material, report) -> None:
        if model.model_name == "a":
            raise ZeroDivisionError("broken")
        stopped.append(material.stop.wait(5))

    monkeypatch.setattr(training, "_count_cores", lambda: 2)
    monkeypatch.setattr(training, "_train_model", train)
    with pytest.raises(ZeroDivisionError, match="broken"):
        training._train_models(tmp_path, [declare("a", 32), declare("b")], lambda _: None)
    assert stopped == [True]


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_model_starts_with_an_empty_directory_and_has_a_record_only_when_it_is_finished(
    tmp_path, monkeypatch, is_finished
):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "step-9").write_text("of an earlier training")

    def save(directory: Path) -> None:
        (directory / "saved").write_text("")

    network = SimpleNamespace(save_pretrained=save)
    material = SimpleNamespace(
        directory=tmp_path, tokenizer=SimpleNamespace(save_pretrained=lambda _: None), token_ids="ids", stop="stop"
    )

    def optimise(given, token_ids, model, keep_checkpoint, report, stop) -> bool:
        assert (given, token_ids, report, stop) == (network, "ids", "report", "stop")
        keep_checkpoint(4)
        return is_finished

    monkeypatch.setattr(training, "build_model", lambda model, tokenizer: network)
    monkeypatch.setattr(training, "optimise_model", optimise)
    training._train_model(declare("a"), material, "report")
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert names == ["a/step-4/saved", *(["a/training.json"] if is_finished else [])]
    assert is_model_trained(tmp_path / "a", declare("a")) is is_finished


def test_the_cores_that_this_process_may_use_are_counted(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7})
        assert training._count_cores() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert training._count_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert training._count_cores() == 1
