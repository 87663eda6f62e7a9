"""Secrets in files: generated once, read by their owner alone."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from trailhouse.errors import UsageError
from trailhouse.support.secrets import ensure_secret, read_secret

HOW = "start the server once"


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "admin.password"
    ensure_secret(path)
    secret = read_secret(path, HOW)
    assert len(secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ensure_secret(path)
    assert read_secret(path, HOW) == secret
    assert [file.name for file in tmp_path.iterdir()] == ["admin.password"]


def test_all_who_make_a_secret_at_once_read_the_same_one(tmp_path):
    def make_and_read(index: int) -> str:
        path = tmp_path / f"{index % 20}.password"
        ensure_secret(path)
        return f"{path.name} {read_secret(path, HOW)}"

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(make_and_read, range(400)))
    assert len(secrets) == 20


def test_a_missing_an_empty_and_an_open_file_are_refused_by_name(tmp_path):
    path = tmp_path / "reader.password"
    with pytest.raises(UsageError, match=r"reader\.password") as missing:
        read_secret(path, HOW)
    assert missing.value.hint == HOW
    path.touch(0o600)
    with pytest.raises(UsageError, match="is empty"):
        read_secret(path, HOW)
    path.write_text("secret\n")
    path.chmod(0o640)
    with pytest.raises(UsageError, match="open to other users"):
        read_secret(path, HOW)
