"""Reading a statement from URL and body, and checking it for forbidden SQL.

The checks read the text as it was sent, and the text as the engine's parser writes it. A stand-in replaces that parser.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.http import statement_reader
from trailhouse.server.http.statement_reader import MAX_STATEMENT_BYTES, StatementReader
from trailhouse.server.sql.insert_head import InsertHead
from trailhouse.server.sql.statement import Statement


class Parser:
    """A stand-in for the engine's parser: records what it was given, and always returns ``answer``."""

    def __init__(self, answer: bytes = b"SELECT 1") -> None:
        self.asked: list[bytes] = []
        self.answer = answer

    def normalize(self, text: bytes) -> bytes:
        self.asked.append(text)
        return self.answer


async def stream(*pieces: bytes):
    for piece in pieces:
        yield piece


def read(query: bytes, *pieces: bytes, parser: Parser | None = None) -> tuple[Statement | InsertHead, bytes]:
    """Return the statement and the rows that follow it."""

    async def run() -> tuple[Statement | InsertHead, bytes]:
        with ThreadPoolExecutor(1) as executor:
            reader = StatementReader(parser or Parser(), executor, query, stream(*pieces))
            statement = await reader.read()
            return statement, b"".join([piece async for piece in reader.stream_rows()])

    return asyncio.run(run())


def test_a_statement_is_the_url_a_line_end_and_the_body():
    assert read(b"SELECT", b" 1", b" + 1")[0].text == b"SELECT\n 1 + 1"
    assert read(b"", b"SEL", b"ECT 1")[0].text == b"SELECT 1"
    assert read(b"SELECT 1")[0].text == b"SELECT 1"
    assert read(b"SELECT 1 --", b"+ 1")[0].text == b"SELECT 1 --\n+ 1"
    assert read(b"  ", b"SELECT 1")[0].text == b"  \nSELECT 1"


@pytest.mark.parametrize(
    ("query", "pieces", "rows"),
    [
        (b"INSERT INTO t FORMAT CSV", [b"1\n", b"2\n"], b"1\n2\n"),
        (b"", [b"INSERT INTO t FORMAT CSV\n1\n", b"2\n"], b"1\n2\n"),
        (b"", [b"INSERT INTO t FORMAT C", b"SV\r", b"\n1\n", b"2\n"], b"1\n2\n"),
        (b"", [b"INSERT INTO t FORMAT CSV\n", b"1\n"], b"1\n"),
        (b"INSERT INTO t", [b"FORMAT CSV\n1\n"], b"1\n"),
        (b"INSERT INTO t FORMAT CSV", [], b""),
        (b"", [b"INS", b"ERT INTO t VALUES (1)", b", (2)"], b" (1), (2)"),
        (b"", [b"INSERT INTO t FORMAT CSV\n", b"1\n" * 50, b"2\n" * 100], b"1\n" * 50 + b"2\n" * 100),
    ],
)
def test_the_rows_of_an_insert_are_read_wherever_the_pieces_end(query, pieces, rows):
    head, seen = read(query, *pieces)
    assert isinstance(head, InsertHead)
    assert (head.text, seen) == (b"INSERT INTO t", rows)


def test_rows_after_an_explained_insert_are_read_to_their_end_and_left_out():
    statement, rows = read(b"", b"EXPLAIN SYNTAX INSERT INTO t FORMAT CSV\n1;", b"'\n" * 100)
    assert (statement.text, rows) == (b"EXPLAIN SYNTAX INSERT INTO t FORMAT CSV", b"")


def test_an_insert_of_an_unknown_form_is_refused_even_if_the_engine_can_parse_it():
    parser = Parser()
    with pytest.raises(ServerError, match="cannot tell where the rows"):
        read(b"INSERT INTO t WATCH v", parser=parser)
    assert parser.asked == [b"INSERT INTO t WATCH v\n"]


def test_rows_are_passed_on_in_large_pieces(monkeypatch):
    monkeypatch.setattr(statement_reader, "_INSERT_PIECE_BYTES", 4)

    async def run() -> list[bytes]:
        with ThreadPoolExecutor(1) as executor:
            pieces = stream(b"1\n", b"2\n", b"3\n", b"4\n", b"5\n")
            reader = StatementReader(Parser(), executor, b"INSERT INTO t FORMAT CSV", pieces)
            await reader.read()
            return [piece async for piece in reader.stream_rows()]

    assert asyncio.run(run()) == [b"1\n2\n", b"3\n4\n", b"5\n"]


def test_a_statement_may_be_a_mebibyte_long_and_its_rows_longer():
    longest = b"SELECT '" + b"x" * (MAX_STATEMENT_BYTES - 9) + b"'"
    assert len(read(b"", longest)[0].text) == MAX_STATEMENT_BYTES
    unfinished = b"INSERT INTO t /*" + b"x" * MAX_STATEMENT_BYTES
    for pieces in ([longest + b" "], [b"SELECT 1", b" " * MAX_STATEMENT_BYTES], [unfinished]):
        with pytest.raises(ServerError) as caught:
            read(b"", *pieces)
        assert caught.value.status == 413
    in_two_parts = b"'" + b"x" * (MAX_STATEMENT_BYTES - 9) + b"'"
    assert len(read(b"SELECT", in_two_parts)[0].text) == MAX_STATEMENT_BYTES
    with pytest.raises(ServerError) as caught:
        read(b"SELECT", in_two_parts + b" ")
    assert caught.value.status == 413
    rows = b"x" * (MAX_STATEMENT_BYTES + 1)
    assert read(b"INSERT INTO t FORMAT CSV", rows)[1] == rows


def test_a_statement_with_a_forbidden_word_is_read_by_the_engines_parser_too():
    parser = Parser()
    read(b"SELECT 1", parser=parser)
    assert parser.asked == []
    read(b"SELECT 'file'", parser=parser)
    read(b"INSERT INTO `file x` (a) SETTINGS b = 1 FORMAT CSV", b"file", parser=parser)
    assert parser.asked == [b"SELECT 'file'", b"INSERT INTO `file x` (a)  SETTINGS  b = 1 FORMAT Null"]
    for query in (b"SELECT 'file'", b"INSERT INTO `file x` FORMAT CSV"):
        with pytest.raises(ServerError, match="`file`"):
            read(query, parser=Parser(b"SELECT file('x')"))


@pytest.mark.parametrize(("limit", "expected"), [(100, True), (18, True), (17, False)])
def test_rows_of_values_are_checked_up_to_a_size(monkeypatch, limit, expected):
    monkeypatch.setattr(statement_reader, "_MAX_CHECKED_VALUES_BYTES", limit)

    async def run(rows: bytes) -> tuple[bool, bytes]:
        with ThreadPoolExecutor(1) as executor:
            reader = StatementReader(Parser(), executor, b"INSERT INTO t VALUES", stream(rows[:5], rows[5:]))
            await reader.read()
            is_checked = await reader.check_values()
            return is_checked, b"".join([piece async for piece in reader.stream_rows()])

    allowed = b"(1, upper('file'))"[:17]
    assert len(allowed) == 17
    assert asyncio.run(run(allowed)) == (expected, b"\n" + allowed)
    if expected:
        with pytest.raises(ServerError, match="`file`"):
            asyncio.run(run(b"(file('/x/y/zz'))"))


def test_the_limits_are_those_of_the_documentation():
    assert MAX_STATEMENT_BYTES == statement_reader._INSERT_PIECE_BYTES == 1024**2
    assert statement_reader._MAX_CHECKED_VALUES_BYTES == 4 * 1024**2


@pytest.mark.parametrize(("size", "is_inline"), [((1 << 13) - 1, True), (1 << 13, False)])
def test_a_long_statement_is_parsed_in_another_thread(monkeypatch, size, is_inline):
    seen = []
    parse = statement_reader.parse_statement

    def note_thread(text: bytes) -> Statement:
        seen.append(threading.get_ident() == threading.main_thread().ident)
        return parse(text)

    monkeypatch.setattr(statement_reader, "parse_statement", note_thread)
    read(b"SELECT 1".ljust(size - 1))  # the reader adds a line end
    assert seen == [is_inline]
