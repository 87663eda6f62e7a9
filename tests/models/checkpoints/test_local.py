"""Checkpoints in the directories of one folder: which directories count, and which are still being written."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources import local
from trailhouse.models.checkpoints.sources.local import UNFINISHED_NAME, locate_checkpoints, looks_unfinished
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite

NOW = 1_000_000_000.0


def age(path: Path, seconds: float) -> Path:
    os.utime(path, (NOW - seconds,) * 2)
    return path


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch):
    monkeypatch.setattr(local, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.parametrize(
    ("directory_age", "file_age", "expected"), [(61, 61, False), (60, 61, False), (59, 61, True), (61, 59, True)]
)
def test_a_directory_is_unfinished_if_it_or_a_file_changed_within_a_minute(tmp_path, directory_age, file_age, expected):
    directory = tmp_path / "step-1"
    directory.mkdir()
    for name in ("config.json", "model.safetensors"):
        (directory / name).write_text("")
        age(directory / name, 100)
    age(directory / "config.json", file_age)
    age(directory, directory_age)
    assert looks_unfinished(directory) is expected


def test_a_directory_with_a_temporary_file_is_unfinished_however_old_it_is(tmp_path):
    (tmp_path / "model.safetensors.tmp").write_text("")
    age(tmp_path / "model.safetensors.tmp", 900)
    assert looks_unfinished(age(tmp_path, 900))
    (tmp_path / "model.safetensors.tmp").unlink()
    (tmp_path / "x.tmp").mkdir()  # only files count
    assert not looks_unfinished(age(tmp_path, 900))


def test_a_directory_that_is_not_there_is_not_unfinished(tmp_path):
    assert looks_unfinished(tmp_path / "gone") is False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tmp-step-1", True), ("step-1.tmp", True), ("step-1-partial", True), ("step_1_WRITING", True),
        ("a.part.b", True), ("step-1.incomplete", True), ("tmpstep-1", False), ("step-1", False),
        ("departed", False), ("step-1.partly", False),
    ],
)  # fmt: skip
def test_names_that_trainers_give_to_unfinished_files_are_known(name, expected):
    assert bool(UNFINISHED_NAME.search(name)) is expected


def locate(folder: Path, step_pattern: str = r"step-(\d+)"):
    model = ModelDeclaration("m", str(folder), step_pattern, 10, 100, 8, None)
    return locate_checkpoints(Suite("s", "", "folder", (model,), ""), model, folder)


def test_directories_are_located_in_order_of_their_steps_and_unfinished_ones_are_told_apart(tmp_path):
    for name in ("step-20", "step-3", "step-7.tmp", "tmp-step-9", "tmp-x", ".step-5", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-4").write_text("a file")
    source = locate(tmp_path)
    assert [(one.position.step, one.position.tokens_seen) for one in source.located] == [(3, 30), (20, 200)]
    assert [(one.position.step, one.directory.name) for one in source.unfinished] == [
        (7, "step-7.tmp"),
        (9, "tmp-step-9"),
    ]
    assert source.skipped is None
    listing = source.list_checkpoints()
    assert [failure.position.step for failure in listing.failures] == [3, 20]
    assert [(one.position.step, one.is_unfinished) for one in listing.unfinished] == [(7, True), (9, True)]


def test_a_failure_says_whether_its_directory_is_still_being_written(tmp_path):
    for name, seconds in (("step-1", 900), ("step-2", 5)):
        (tmp_path / name).mkdir()
        age(tmp_path / name, seconds)
    failures = locate(tmp_path).list_checkpoints().failures
    assert [failure.is_unfinished for failure in failures] == [False, True]


def test_a_mark_whose_name_has_no_number_is_left_out(tmp_path):
    (tmp_path / "step-1").mkdir()
    (tmp_path / "step-x.tmp").mkdir()
    assert locate(tmp_path, r"step-(\w+)").unfinished == []


def test_a_folder_with_two_directories_of_one_step_or_none_is_refused(tmp_path):
    (tmp_path / "step-x.tmp").mkdir()
    with pytest.raises(BadInputError, match=r"holds no checkpoint directories that match 'step-\(\\\\d\+\)'"):
        locate(tmp_path)
    for name in ("step-1", "step-01"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadInputError, match="are both step 1"):
        locate(tmp_path)
