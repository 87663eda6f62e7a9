"""The limits of multipart forms, with small numbers in their places."""

from __future__ import annotations

import asyncio

import pytest
from starlette.datastructures import Headers, UploadFile

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http import multipart_form
from trailhouse.server.http.multipart_form import BoundedFormParser

# The temporary files of a form that is refused are closed when they are collected
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
# Name and value of the one header of a field whose name is a letter
HEADER_BYTES = len("Content-Disposition") + len('form-data; name="a"')


def parse(fields: dict[str, bytes], files: dict[str, bytes], step: int = 7) -> list[tuple[str, object]]:
    """Parse a form that arrives in pieces of ``step`` bytes; return its fields, and its files as bytes."""
    parts = [PART % (name.encode(), b"", value) for name, value in fields.items()]
    parts += [PART % (name.encode(), b'; filename="f"', value) for name, value in files.items()]
    body = b"".join(parts) + b"--b--\r\n"

    async def stream():
        for start in range(0, len(body), step):
            yield body[start : start + step]
        yield b""

    async def run() -> list[tuple[str, object]]:
        form = await BoundedFormParser(Headers({"content-type": "multipart/form-data; boundary=b"}), stream()).parse()
        items = form.multi_items()
        read = [(name, value.file.read() if isinstance(value, UploadFile) else value) for name, value in items]
        await form.close()
        return read

    return asyncio.run(run())


def refuse(fields: dict[str, bytes], files: dict[str, bytes]) -> str:
    with pytest.raises(ServerError) as caught:
        parse(fields, files)
    assert (caught.value.code, caught.value.status) == (161, 413)
    return caught.value.text


def test_fields_and_files_come_whole_in_their_order():
    assert parse({"a": b"x" * 30, "b": b""}, {"t": b"1\n2\n"}) == [("a", "x" * 30), ("b", ""), ("t", b"1\n2\n")]


def test_a_form_has_as_many_fields_and_files_as_allowed(monkeypatch):
    monkeypatch.setattr(multipart_form, "MAX_FIELDS", 2)
    monkeypatch.setattr(multipart_form, "MAX_FILES", 1)
    assert len(parse({"a": b"", "b": b""}, {"t": b""})) == 3
    assert refuse({"a": b"", "b": b"", "c": b""}, {}) == "The form has more than 2 fields or 1 files"
    assert "more than 2 fields or 1 files" in refuse({}, {"t": b"", "u": b""})


def test_a_field_has_as_many_bytes_as_allowed(monkeypatch):
    monkeypatch.setattr(multipart_form, "MAX_FIELD_BYTES", 1 << 20)
    monkeypatch.setattr(multipart_form, "MAX_FIELDS_BYTES", 1 << 30)
    assert len(parse({"a": b"x" * (1 << 20)}, {}, step=1 << 19)[0][1]) == 1 << 20
    assert "a field of more than 1 MiB" in refuse({"a": b"x" * ((1 << 20) + 1)}, {})


def test_names_and_values_of_all_fields_have_as_many_bytes_as_allowed(monkeypatch):
    monkeypatch.setattr(multipart_form, "MAX_FIELDS_BYTES", 2 * HEADER_BYTES + 10)
    assert len(parse({"a": b"x" * 4, "b": b"x" * 6}, {})) == 2
    assert "fields of more than 0 MiB together" in refuse({"a": b"x" * 4, "b": b"x" * 7}, {})
    assert "fields of more than" in refuse({"a" * 60: b""}, {})


def test_all_files_have_as_many_bytes_as_allowed(monkeypatch):
    monkeypatch.setattr(multipart_form, "MAX_FILES_BYTES", 10)
    assert len(parse({}, {"t": b"x" * 4, "u": b"x" * 6})) == 2
    assert "external tables of more than 0 MiB" in refuse({}, {"t": b"x" * 4, "u": b"x" * 7})


def test_the_limits_are_those_of_the_documentation():
    sizes = (multipart_form.MAX_FIELD_BYTES, multipart_form.MAX_FIELDS_BYTES, multipart_form.MAX_FILES_BYTES)
    assert sizes == (1024**2, 16 * 1024**2, 256 * 1024**2)
    assert (multipart_form.MAX_FIELDS, multipart_form.MAX_FILES) == (1000, 100)
