"""How a request's query is run and its result sent; stand-ins replace the engine, the pipe and the responder."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from trailhouse.server.access.credentials import Role
from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.sessions import SessionTable
from trailhouse.server.engine.statistics import Statistics
from trailhouse.server.http import buffered_result, external_tables, query_runner, statement_reader
from trailhouse.server.http.external_tables import ExternalTable
from trailhouse.server.http.query_runner import QueryRunner
from trailhouse.server.http.request import parse_request
from trailhouse.server.http.request_body import RequestBody
from trailhouse.server.sql.guard import ONLY_LITERALS

FAILURE = ServerError(1, "NAME", "failed")


class Handle:
    """Records what is asked of it. Statements that contain ``fails`` fail."""

    def __init__(self, *, is_readonly: bool) -> None:
        self.is_readonly = is_readonly
        self.database = "default"
        self.has_own_state = False
        self.asked: list[str] = []

    def run(self, sql, output_format="TabSeparated", parameters=None) -> tuple[bytes, Statistics]:
        text = sql.decode() if isinstance(sql, bytes) else sql
        self.asked.append(text)
        if "fails" in text:
            raise FAILURE
        return (b"rows" if text.startswith("EXPLAIN") else b""), Statistics(read_rows=1)

    def use_database(self, database: str) -> None:
        self.database = database
        self.asked.append(f"USE {database}")

    def discard_leftovers(self) -> None:
        self.asked.append("discard")

    def close(self) -> None:
        self.asked.append("close")


class Engine:
    """Opens handles, and records how they come back."""

    def __init__(self) -> None:
        self.handles: list[Handle] = []
        self.is_clean: list[bool] = []
        self.retired_count = 0

    def acquire(self, role: Role, *, is_readonly: bool, database: str = "default") -> Handle:
        self.handles.append(Handle(is_readonly=is_readonly))
        return self.handles[-1]

    def release(self, handle: Handle, *, is_clean: bool) -> None:
        assert handle is self.handles[-1]
        self.is_clean.append(is_clean)

    def retire_handles(self) -> None:
        self.retired_count += 1

    def normalize(self, text: bytes) -> bytes:
        return text


class Pipe:
    """A stand-in for a statement that runs. It returns ``pieces`` and then ends, with ``failure`` if there is one."""

    pieces: tuple[bytes, ...] = ()
    failure: ServerError | None = None
    opened: list[Pipe]

    def __init__(self, *_: object) -> None:
        self.error, self.is_finished, self.is_cancelled = None, False, False
        self.statistics = Statistics(read_rows=3)
        self.rest = list(self.pieces)
        self.opened.append(self)

    def start(self, execution, statement, output_format: str) -> None:
        self.execution, self.statement, self.output_format = execution, statement, output_format

    async def read(self) -> bytes:
        if self.rest:
            return self.rest.pop(0)
        self.error, self.is_finished = self.failure, True
        return b""

    async def cancel(self) -> None:
        self.is_cancelled = True


class Responder:
    """Records the answer."""

    def __init__(self) -> None:
        self.begun: list[tuple[str | None, int | None]] = []
        self.written: list[bytes] = []
        self.encodings: list[str] = []
        self.has_finished = False
        self.can_write = True

    def use_compressor(self, compressor, encoding: str) -> None:
        assert not self.begun
        self.encodings.append(encoding)

    async def begin(self, output_format, statistics, *, length) -> None:
        self.begun.append((output_format, length))
        self.statistics = statistics

    async def write(self, data: bytes) -> None:
        if not self.can_write:
            raise FAILURE
        self.written += [data] if data else []

    async def finish(self, data: bytes = b"") -> None:
        self.written += [data] if data else []
        self.has_finished = True


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def responder() -> Responder:
    return Responder()


@pytest.fixture
def pipe(monkeypatch) -> type[Pipe]:
    """The class of the pipes that the runner opens; a test sets what they return."""
    kind = type("TestPipe", (Pipe,), {"opened": []})
    monkeypatch.setattr(query_runner, "ResultPipe", kind)
    return kind


async def run(
    engine, responder, url: bytes, *, body=b"", role=Role.ADMIN, method="POST", tables=(), sessions=None, **headers
):
    """Run one request, whose statement is in the URL, and return the sessions."""
    pieces = [body[:5], body[5:]]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    request = parse_request(method, url, {name.replace("_", "-"): value for name, value in headers.items()})
    sessions = sessions or SessionTable(engine)
    with ThreadPoolExecutor(1) as executor:
        runner = QueryRunner(engine, executor, sessions, request, role, RequestBody(receive), responder)
        runner._tables = list(tables)
        await runner.run()
    return sessions


def answer(*arguments, **options):
    return asyncio.run(run(*arguments, **options))


@pytest.fixture
def small_limit(monkeypatch) -> None:
    monkeypatch.setattr(query_runner, "_STREAM_AFTER_BYTES", 4)


def test_results_of_more_than_a_mebibyte_are_streamed():
    assert query_runner._STREAM_AFTER_BYTES == 1024**2


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(
    ("pieces", "option", "length", "written"),
    [
        ([], b"", 0, []),
        ([b"12", b"34"], b"", 4, [b"1234"]),
        ([b"12", b"345", b"6", b"7"], b"", None, [b"12", b"345", b"6", b"7"]),
        ([b"12", b"345", b"6", b"7"], b"&wait_end_of_query=1", 7, [b"1234567"]),
        ([b"12", b"345", b"6", b"7"], b"&wait_end_of_query=0", None, [b"12", b"345", b"6", b"7"]),
    ],
)
def test_a_result_above_the_limit_is_streamed_unless_the_request_waits_for_its_end(
    engine, responder, pipe, pieces, option, length, written
):
    pipe.pieces = pieces
    answer(engine, responder, b"query=SELECT+1+FORMAT+CSV" + option)
    assert (responder.begun, responder.written) == ([("CSV", length)], written)
    assert responder.has_finished
    assert responder.statistics == Statistics(read_rows=3)
    assert not pipe.opened[0].is_cancelled


@pytest.mark.usefixtures("small_limit")
def test_a_result_that_was_held_back_in_a_file_is_sent_whole_with_its_length(engine, responder, pipe, monkeypatch):
    monkeypatch.setattr(buffered_result, "_MEMORY_BYTES", 6)
    pipe.pieces = (b"12", b"345", b"6789", b"0")
    answer(engine, responder, b"query=SELECT+1&wait_end_of_query=1")
    assert responder.begun == [("TabSeparated", 10)]
    assert b"".join(responder.written) == b"1234567890"
    assert responder.has_finished


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(("pieces", "has_begun"), [([b"1"], False), ([b"12345", b"6"], True)])
def test_an_error_of_the_query_is_raised_before_the_answer_begins_or_after_its_rows(
    engine, responder, pipe, pieces, has_begun
):
    pipe.pieces, pipe.failure = pieces, FAILURE
    with pytest.raises(ServerError, match="failed"):
        answer(engine, responder, b"query=SELECT+1")
    assert bool(responder.begun) is has_begun
    assert responder.written == (pieces if has_begun else [])
    assert not responder.has_finished
    assert not pipe.opened[0].is_cancelled
    assert engine.is_clean == [False]


@pytest.mark.usefixtures("small_limit")
def test_a_query_whose_answer_cannot_be_sent_is_cancelled(engine, responder, pipe):
    pipe.pieces, responder.can_write = (b"12345", b"6"), False
    with pytest.raises(ServerError, match="failed"):
        answer(engine, responder, b"query=SELECT+1")
    assert pipe.opened[0].is_cancelled


@pytest.mark.parametrize("piece", [b"12", b"12345"])
@pytest.mark.parametrize(
    ("option", "accepted", "encodings"),
    [
        (b"&enable_http_compression=1", "gzip", ["gzip"]),
        (b"&enable_http_compression=1", "identity", []),
        (b"", "gzip", []),
    ],
)
@pytest.mark.usefixtures("small_limit")
def test_a_body_is_compressed_if_the_request_switches_it_on_and_accepts_an_encoding(
    engine, responder, pipe, piece, option, accepted, encodings
):
    pipe.pieces = (piece,)
    answer(engine, responder, b"query=SELECT+1" + option, accept_encoding=accepted)
    assert responder.encodings == encodings


def test_an_empty_body_is_not_compressed(engine, responder, pipe):
    answer(engine, responder, b"query=SELECT+1&enable_http_compression=1", accept_encoding="gzip")
    assert responder.encodings == []


@pytest.mark.parametrize(
    ("query", "is_clean", "begun"),
    [
        (b"SELECT+1", True, ("TabSeparated", 0)),
        (b"DROP+TABLE+t", False, (None, 0)),
        (b"EXPLAIN+SELECT+1+FORMAT+TSVRaw", False, ("TSVRaw", 4)),
        (b"TABLE+empty", False, ("TabSeparated", 0)),
    ],
)
def test_a_handle_is_kept_only_if_its_statement_left_it_as_it_was(engine, responder, pipe, query, is_clean, begun):
    answer(engine, responder, b"query=" + query)
    assert (engine.is_clean, responder.begun) == ([is_clean], [begun])
    assert engine.handles[0].is_readonly is False


@pytest.mark.parametrize(("role", "method"), [(Role.READER, "POST"), (Role.ADMIN, "GET")])
def test_the_reader_and_a_get_request_read_only(engine, responder, pipe, role, method):
    answer(engine, responder, b"query=SELECT+1", role=role, method=method)
    assert engine.handles[0].is_readonly
    with pytest.raises(ServerError) as caught:
        answer(engine, responder, b"query=KILL+QUERY+WHERE+1", role=role, method=method)
    assert caught.value.code == 164


@pytest.mark.parametrize(
    ("value", "kept"), [(b"0", {"readonly": "0"}), (b"1", {}), (b"2", {}), (b"3", {"readonly": "3"})]
)
def test_a_readonly_handle_is_not_asked_to_set_readonly_again(engine, responder, pipe, value, kept):
    answer(engine, responder, b"query=SELECT+1&readonly=" + value, role=Role.READER)
    assert pipe.opened[-1].execution.settings == kept
    answer(engine, responder, b"query=SELECT+1&readonly=" + value)
    is_readonly = value == b"2"  # such a request gets a read-only handle, as if the reader had sent it
    assert pipe.opened[-1].execution.settings == ({} if is_readonly else {"readonly": value.decode()})
    assert engine.handles[-1].is_readonly is is_readonly


@pytest.mark.parametrize("name", ["DataFrame", "arrowtable", "C-V"])
def test_a_format_that_clickhouse_does_not_have_is_refused(engine, responder, pipe, name):
    with pytest.raises(ServerError) as caught:
        answer(engine, responder, f"query=SELECT+1&default_format={name}".encode())
    assert caught.value.code == 73


def test_a_role_of_the_request_is_unknown(engine, responder, pipe):
    with pytest.raises(ServerError, match="no role `one`") as caught:
        answer(engine, responder, b"query=SELECT+1&role=one&role=two")
    assert caught.value.code == 511


def test_the_database_of_a_request_is_used_for_its_statement(engine, responder, pipe):
    answer(engine, responder, b"query=SELECT+1")
    answer(engine, responder, b"query=SELECT+1&database=other")
    assert [handle.asked for handle in engine.handles] == [[], ["USE other"]]


def test_a_session_keeps_its_handle_and_gets_its_database_back(engine, responder, pipe):
    async def run_both() -> None:
        sessions = await run(engine, responder, b"query=SELECT+1&session_id=s&database=other")
        await run(engine, responder, b"query=SELECT+1&session_id=s&database=default", sessions=sessions)
        await run(engine, responder, b"query=USE+third&session_id=s&database=other", sessions=sessions)

    asyncio.run(run_both())
    (handle,) = engine.handles
    assert handle.asked == ["USE other", "USE default", "USE other", "USE third", "SELECT currentDatabase()"]
    assert engine.is_clean == []
    assert [one.execution.is_session for one in pipe.opened] == [True, True]


def test_a_session_is_free_again_after_a_statement_that_failed(engine, responder, pipe):
    async def run_both() -> None:
        sessions = SessionTable(engine)
        with pytest.raises(ServerError, match="failed"):
            await run(engine, responder, b"query=DROP+TABLE+fails&session_id=s", sessions=sessions)
        await run(engine, responder, b"query=SELECT+1&session_id=s&session_check=1", sessions=sessions)

    asyncio.run(run_both())
    assert engine.handles[0].asked[-1:] == ["discard"]


class Insert:
    """A stand-in for an INSERT that runs. It fails at rows that contain ``fails``."""

    opened: list[Insert]

    def __init__(self, engine, execution, head, forced_settings) -> None:
        self.text, self.forced_settings = head.text, dict(forced_settings)
        self.rows, self.is_cancelled = b"", False
        self.opened.append(self)

    def start(self) -> None:
        assert not self.rows

    def append(self, data: bytes) -> None:
        if b"fails" in data:
            raise FAILURE
        self.rows += data

    def finish(self) -> Statistics:
        return Statistics(written_rows=2)

    def cancel(self) -> None:
        self.is_cancelled = True


@pytest.fixture
def insert(monkeypatch) -> type[Insert]:
    kind = type("TestInsert", (Insert,), {"opened": []})
    monkeypatch.setattr(query_runner, "InsertStream", kind)
    monkeypatch.setattr(external_tables, "InsertStream", kind)
    return kind


@pytest.mark.parametrize(
    ("option", "dropped"), [(b"", []), (b"&session_id=s", ["DROP TEMPORARY TABLE IF EXISTS `one`"])]
)
def test_an_external_table_is_loaded_before_its_query_and_does_not_stay(
    engine, responder, pipe, insert, option, dropped
):
    table = ExternalTable("one", "a Int8", "CSV", io.BytesIO(b"1\n2\n"))
    answer(engine, responder, b"query=SELECT+1" + option, tables=[table])
    asked = [text for text in engine.handles[0].asked if "TABLE" in text]
    assert asked == ["CREATE TEMPORARY TABLE `one` (a Int8) ENGINE = Memory", *dropped]
    (opened,) = insert.opened
    assert (opened.text, opened.rows, opened.forced_settings) == (b"INSERT INTO `one`", b"1\n2\n", ONLY_LITERALS)
    assert engine.is_clean == ([] if option else [False])


def test_a_table_whose_rows_are_refused_is_dropped_from_its_session(engine, responder, pipe, insert):
    table = ExternalTable("one", "a Int8", "CSV", io.BytesIO(b"fails"))
    with pytest.raises(ServerError, match="failed"):
        answer(engine, responder, b"query=SELECT+1&session_id=s", tables=[table])
    assert insert.opened[0].is_cancelled
    assert engine.handles[0].asked[-2:] == ["discard", "DROP TEMPORARY TABLE IF EXISTS `one`"]


@pytest.mark.parametrize(
    ("query", "count"),
    [(b"DROP+DATABASE+d", 1), (b"DETACH+TABLE+t", 1), (b"RENAME+TABLE+a+TO+b", 1), (b"EXCHANGE+TABLES+a+AND+b", 1),
     (b"SELECT+1", 0), (b"USE+d", 0)],
)  # fmt: skip
@pytest.mark.parametrize("option", [b"", b"&session_id=s"])
def test_handles_are_retired_after_a_statement_that_may_have_removed_a_database(
    engine, responder, pipe, query, count, option
):
    answer(engine, responder, b"query=" + query + option)
    assert engine.retired_count == count


def test_the_definition_of_an_external_table_is_checked(engine, responder, pipe):
    table = ExternalTable("one", "a Int8 DEFAULT file('/etc/passwd')", "CSV", io.BytesIO(b""))
    with pytest.raises(ServerError, match="`file`"):
        answer(engine, responder, b"query=SELECT+1", tables=[table])
    assert engine.handles[0].asked == []


@pytest.mark.parametrize(
    ("output_format", "limit", "forced"),
    [("CSV", 99, ONLY_LITERALS), ("values", 99, {}), ("VALUES", 99, {}), ("Values", 1, ONLY_LITERALS)],
)
def test_rows_may_hold_expressions_only_if_these_were_checked(
    engine, responder, insert, monkeypatch, output_format, limit, forced
):
    monkeypatch.setattr(statement_reader, "_MAX_CHECKED_VALUES_BYTES", limit)
    answer(engine, responder, f"query=INSERT+INTO+t+FORMAT+{output_format}".encode(), body=b"(1), (2)")
    (opened,) = insert.opened
    assert (opened.forced_settings, opened.rows.strip(), opened.is_cancelled) == (dict(forced), b"(1), (2)", False)
    assert responder.begun == [(None, 0)]
    assert responder.statistics == Statistics(written_rows=2)
    assert engine.is_clean == [False]


def test_an_insert_that_fails_is_cancelled(engine, responder, insert):
    with pytest.raises(ServerError, match="failed"):
        answer(engine, responder, b"query=INSERT+INTO+t+FORMAT+CSV", body=b"fails")
    assert insert.opened[0].is_cancelled
    assert engine.is_clean == [False]
    assert responder.begun == []


def test_a_session_that_must_exist_is_not_opened(engine, responder, pipe):
    with pytest.raises(ServerError) as caught:
        answer(engine, responder, b"query=SELECT+1&session_id=s&session_check=1")
    assert caught.value.code == 372
    assert engine.handles == []


@pytest.mark.parametrize(("query", "is_refused"), [(b"SELECT+1", False), (b"DROP+TABLE+t", True)])
def test_a_get_request_does_not_write_in_a_session_that_can(engine, responder, pipe, query, is_refused):
    async def run_both() -> None:
        sessions = await run(engine, responder, b"query=SELECT+1&session_id=s")
        await run(engine, responder, b"query=" + query + b"&session_id=s", sessions=sessions, method="GET")

    if is_refused:
        with pytest.raises(ServerError, match="readonly mode"):
            asyncio.run(run_both())
    else:
        asyncio.run(run_both())
        assert pipe.opened[-1].execution.settings == {"readonly": "2"}
