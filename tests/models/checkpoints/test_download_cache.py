from __future__ import annotations

import os
import threading

import pytest

from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache

SIZE = 1_000


@pytest.fixture
def cache(tmp_path) -> CheckpointCache:
    return CheckpointCache(tmp_path, 3 * SIZE)


def checkpoint_of(tmp_path, letter: str, size_bytes: int = SIZE) -> Checkpoint:
    return Checkpoint("suite", "suite/model", 1, 1, tmp_path, letter * 64, "c" * 64, "t", size_bytes)


def fetch(cache, tmp_path, letter: str, moment: int) -> None:
    """Use a checkpoint at a moment. If the cache does not hold it, it is fetched."""
    with cache.reserve(checkpoint_of(tmp_path, letter)) as directory:
        if not directory.exists():
            directory.mkdir()
            (directory / "model.safetensors").write_bytes(bytes(SIZE))
    os.utime(directory, (moment, moment))


def kept(tmp_path) -> set[str]:
    return {path.name[0] for path in tmp_path.iterdir() if path.is_dir()}


def test_the_least_recently_used_makes_way(cache, tmp_path):
    for moment, letter in enumerate("abc"):
        fetch(cache, tmp_path, letter, moment)
    assert kept(tmp_path) == {"a", "b", "c"}
    fetch(cache, tmp_path, "a", 3)
    fetch(cache, tmp_path, "d", 4)
    assert kept(tmp_path) == {"a", "c", "d"}


@pytest.mark.parametrize(("needed", "expected"), [(SIZE, {"a", "b"}), (SIZE + 1, {"b"}), (2 * SIZE + 1, set())])
def test_no_more_is_removed_than_is_needed(cache, tmp_path, needed, expected):
    for moment, letter in enumerate("ab"):
        fetch(cache, tmp_path, letter, moment)
    with cache.reserve(checkpoint_of(tmp_path, "e", needed)):
        assert kept(tmp_path) == expected


def test_a_checkpoint_that_is_there_needs_no_space_and_counts_as_used_now(cache, tmp_path):
    for moment, letter in enumerate("abc"):
        fetch(cache, tmp_path, letter, moment)
    with cache.reserve(checkpoint_of(tmp_path, "a", 9 * SIZE)) as directory:
        assert kept(tmp_path) == {"a", "b", "c"}
        assert directory.stat().st_mtime == 0
    assert directory.stat().st_mtime > 1_000_000_000


def test_what_is_in_use_stays_even_where_the_limit_is_too_small(cache, tmp_path):
    for moment, letter in enumerate("abc"):
        fetch(cache, tmp_path, letter, moment)
    with cache.reserve(checkpoint_of(tmp_path, "a")), cache.reserve(checkpoint_of(tmp_path, "e", 3 * SIZE)):
        assert kept(tmp_path) == {"a"}


def test_a_checkpoint_in_use_is_passed_over_and_the_next_one_removed(cache, tmp_path):
    for moment, letter in enumerate("abc"):
        fetch(cache, tmp_path, letter, moment)
    with cache.reserve(checkpoint_of(tmp_path, "a")):
        os.utime(tmp_path / f"{'a' * 64}-{'c' * 8}", (0, 0))
        with cache.reserve(checkpoint_of(tmp_path, "e", SIZE)):
            assert kept(tmp_path) == {"a", "c"}


def test_a_second_user_of_a_checkpoint_waits_until_the_first_has_fetched_it(cache, tmp_path):
    order = []
    is_reserved = threading.Event()

    def use():
        is_reserved.wait()
        with cache.reserve(checkpoint_of(tmp_path, "a")) as directory:
            order.append(("second", directory.is_dir()))

    thread = threading.Thread(target=use)
    thread.start()
    with cache.reserve(checkpoint_of(tmp_path, "a")) as directory:
        is_reserved.set()
        thread.join(0.2)
        directory.mkdir()
        order.append(("first", True))
    thread.join()
    assert order == [("first", True), ("second", True)]


def test_a_download_that_was_cut_short_is_kept_for_its_own_checkpoint_and_makes_way_for_others(cache, tmp_path):
    with cache.reserve(checkpoint_of(tmp_path, "a", 3 * SIZE)) as directory:
        partial = directory.with_name(directory.name + ".partial")
        partial.mkdir()
        (partial / "model.safetensors").write_bytes(bytes(2 * SIZE))
    with cache.reserve(checkpoint_of(tmp_path, "a", 3 * SIZE)):
        assert partial.exists()
    with cache.reserve(checkpoint_of(tmp_path, "b", 3 * SIZE)):
        assert not partial.exists()
