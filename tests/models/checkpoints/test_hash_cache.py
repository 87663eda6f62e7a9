"""The hash cache: a file is read again exactly when it may have changed."""

from __future__ import annotations

import hashlib
import os

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints import hash_cache as module
from trailhouse.models.checkpoints.hash_cache import HashCache


@pytest.fixture
def reads(monkeypatch):
    """Names of the files whose content was read."""
    read = []
    original = module._hash_content

    def hash_content(path, progress):
        read.append(path.name)
        return original(path, progress)

    monkeypatch.setattr(module, "_hash_content", hash_content)
    return read


def test_an_unchanged_file_is_read_once_also_by_a_later_process(tmp_path, reads):
    path = tmp_path / "weights"
    path.write_bytes(b"a" * (2 << 20) + b"b")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    cache = HashCache(tmp_path / "cache" / "hashes.json")
    for _ in range(2):
        blocks = []
        assert cache.hash_file(path, blocks.append) == expected
        assert sum(blocks) == path.stat().st_size
    cache.save()
    assert HashCache(tmp_path / "cache" / "hashes.json").hash_file(path) == expected
    assert reads == ["weights"]
    assert HashCache().hash_file(path) == expected
    assert reads == ["weights"] * 2


def test_a_file_rewritten_with_its_old_size_and_time_is_read_again(tmp_path, reads):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    status = path.stat()
    cache = HashCache()
    old = cache.hash_file(path)
    path.write_bytes(b"new")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert cache.hash_file(path) == hashlib.sha256(b"new").hexdigest() != old
    assert len(reads) == 2


def test_a_file_that_changes_while_it_is_read_is_named_and_not_cached(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"a")
    cache = HashCache()
    with pytest.raises(BadInputError, match="is still being written"):
        cache.hash_file(path, lambda _: path.write_bytes(b"longer"))
    assert cache.entries == {}
    assert cache.hash_file(path) == hashlib.sha256(b"longer").hexdigest()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match="gone: cannot be read"):
        HashCache().hash_file(tmp_path / "gone")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b'{"a": [["x"], "y"]}', b"\xff"])
def test_a_damaged_cache_counts_as_empty(tmp_path, content):
    (tmp_path / "hashes.json").write_bytes(content)
    assert HashCache(tmp_path / "hashes.json").entries == {}


def test_nothing_is_written_where_nothing_is_new(tmp_path):
    cache = HashCache(tmp_path / "hashes.json")
    cache.save()
    assert not (tmp_path / "hashes.json").exists()
    (tmp_path / "weights").write_bytes(b"a")
    cache.hash_file(tmp_path / "weights")
    cache.save()
    (tmp_path / "hashes.json").unlink()
    cache.hash_file(tmp_path / "weights")
    cache.save()
    assert not (tmp_path / "hashes.json").exists()
    HashCache().save()


def test_content_is_read_in_blocks_and_a_known_hash_counts_its_size_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HASH_BLOCK_BYTES", 4)
    path = tmp_path / "weights"
    path.write_bytes(b"123456789")
    cache = HashCache()
    blocks = []
    for _ in range(2):
        cache.hash_file(path, blocks.append)
    assert blocks == [4, 4, 1, 9]
    assert module.sign_file(path)[1] == 9


def test_a_link_and_its_target_are_one_file(tmp_path, reads):
    (tmp_path / "weights").write_bytes(b"a")
    (tmp_path / "link").symlink_to("weights")
    cache = HashCache()
    assert cache.hash_file(tmp_path / "link") == cache.hash_file(tmp_path / "weights")
    assert reads == ["link"]
