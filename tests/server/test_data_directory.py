"""The directory of a server: its path, and who may look into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trailhouse.errors import UsageError
from trailhouse.server import data_directory
from trailhouse.server.data_directory import close_to_other_users, prepare_directory


@pytest.fixture(autouse=True)
def _keep_umask():
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.mark.parametrize("name", ["a?b", "a&b", "a#b"])
def test_a_path_with_a_character_of_urls_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="in its path"):
        prepare_directory(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_directory_is_made_with_those_above_it_and_may_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert prepare_directory(Path("x/../over/warehouse")) == tmp_path.resolve() / "over" / "warehouse"
    assert (tmp_path / "over" / "warehouse").stat().st_mode & 0o777 == 0o700


def test_a_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert prepare_directory(Path("~/warehouse")) == tmp_path.resolve() / "warehouse"


def test_a_directory_that_cannot_be_made_or_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make the warehouse directory .*file/x: Not a directory"):
        prepare_directory(tmp_path / "file" / "x")
    seen = []
    monkeypatch.setattr(data_directory.os, "access", lambda path, mode: seen.append(mode))
    with pytest.raises(UsageError, match="is not writable"):
        prepare_directory(tmp_path)
    assert seen == [os.W_OK | os.X_OK]


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_other_users_lose_access_to_the_directory_and_to_new_files(tmp_path, mode):
    tmp_path.chmod(mode)
    close_to_other_users(tmp_path)
    (tmp_path / "new").write_text("")
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_only_a_directory_that_is_open_must_be_closed(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    os.chmod(tmp_path, 0o700)
    close_to_other_users(tmp_path)
    os.chmod(tmp_path, 0o750)
    with pytest.raises(UsageError, match="other users of this machine can look into"):
        close_to_other_users(tmp_path)
