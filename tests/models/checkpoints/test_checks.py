"""Checks of an audit that read weights, and which of its checks an audit applies."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit import checks
from trailhouse.models.checkpoints.audit.checks import check_deviants, check_shards, check_values, check_writing
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.weight_files import WeightFile


def make(directory, *names: str, step: int = 1) -> Checkpoint:
    files = tuple(WeightFile(name, 1, f"{step}{name}") for name in names)
    return Checkpoint("s", "s/m", step, 1, directory, "a" * 64, "c" * 64, "t", 1, weight_files=files)


def test_all_files_are_searched_for_values_that_are_not_finite(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "one")
    save_file({"y": torch.ones(3)}, tmp_path / "two")
    read: list[int] = []
    assert check_values(make(tmp_path, "one", "two"), read.append) is None
    assert read == [8, 12]
    save_file({"y": torch.full((3,), torch.nan)}, tmp_path / "two")
    message, hint = check_values(make(tmp_path, "one", "two"), None)
    assert message == f"{tmp_path / 'two'}: the tensor y holds NaN or infinity"
    assert hint


def test_a_file_that_cannot_be_read_is_a_problem_of_the_checkpoint(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise BadInputError("damaged", "copy it again")

    monkeypatch.setattr(checks, "find_non_finite_tensor", refuse)
    assert check_values(make(tmp_path, "one"), None) == ("damaged", "copy it again")


def test_each_file_is_compared_with_its_size_and_the_start_of_the_audit(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x")
    checkpoint = make(tmp_path, "one", "two")
    later = (tmp_path / "two").stat().st_mtime + 1
    assert check_writing(checkpoint, later) is None
    (tmp_path / "two").write_bytes(b"xx")
    assert check_writing(checkpoint, later + 99)[0] == "two is still being written"
    assert check_writing(replace(checkpoint, commit_hash="x"), later) is None


def test_a_shard_of_a_later_checkpoint_and_a_value_of_its_own_are_named(tmp_path):
    one, two = make(tmp_path, "a", "b"), make(tmp_path, "a", "b", step=2)
    mixed = replace(one, weight_files=(one.weight_files[0], two.weight_files[1]))
    two = replace(two, weights_sha256="b" * 64)
    assert {key: problem[0] for key, problem in check_shards([mixed, two]).items()} == {
        ("s/m", 1): "b is that of step 2"
    }
    others = [replace(one, step=step) for step in (3, 4)]
    odd = replace(one, step=5, config_sha256="d" * 64)
    problems = check_deviants([*others, odd], "config.json differs from", lambda checkpoint: checkpoint.config_sha256)
    assert problems == {
        ("s/m", 5): ("config.json differs from that of most checkpoints of this model", checks.CHECK_RUN_HINT)
    }


@pytest.mark.parametrize("count", [1, 5, 6, 7])
def test_at_most_five_duplicates_are_named(count):
    others = [("s/m", step) for step in range(2, 2 + count)]
    ((message, _),) = checks.explain_duplicates({("s/m", 1): others}, "s/m").values()
    assert message.count("step") == min(count, 5)
    assert message.endswith(f" and {count - 5} more") is (count > 5)
