"""Files that are written whole or not at all."""

import stat

import pytest

from trailhouse.support.files import replacing, write_whole


def test_a_file_is_replaced_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_whole(path, "first ä")
    with replacing(path) as temporary:
        temporary.write_text("second")
        assert path.read_bytes() == "first ä".encode()
        assert temporary.parent == path.parent
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_whole(path, b"old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_never_readable_by_others(tmp_path):
    path = tmp_path / "private"
    write_whole(path, "x", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
