"""The time zones of DateTime columns in results in the Native format.

The engine writes the Native format at protocol revision 0, in which the type of a column ``DateTime('Asia/Tokyo')`` is
written as ``DateTime``, so that a client would show its times in the zone of the server. A result with such columns
therefore begins with an additional block that has no rows and states the types with their zones. Clients take the types
from the first block. Types that contain DateTime, such as ``Nullable(DateTime('Asia/Tokyo'))``, keep their zone anyway.
"""

from __future__ import annotations

import re

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.engine.engine import Engine
from trailhouse.server.engine.execution import Execution
from trailhouse.server.engine.handle import Handle
from trailhouse.server.sql.settings_clause import format_settings
from trailhouse.server.sql.statement import Statement

_BARE_TYPE = b"\x08DateTime"  # as the engine writes the type, with its length
_ZONED_TYPE = re.compile(rb"DateTime\('([^']+)'\)")
_UTC = frozenset({b"UTC", b"Etc/UTC"})
_QUERY_WORDS = frozenset({"SELECT", "WITH", "FROM"})
# these settings give a description of two columns, the name and the type, and one row for each column of the result
_SETTINGS = {
    "describe_compact_output": "1",
    "describe_include_subcolumns": "0",
    "limit": "0",
    "offset": "0",
    "max_result_rows": "0",
    "max_result_bytes": "0",
}


def may_lack_zones(statement: Statement, output_format: str) -> bool:
    """Return whether the statement's result may have types whose zones the engine leaves out."""
    return output_format.lower() == "native" and statement.first_word in _QUERY_WORDS


class NativeHeader:
    """The additional first block of one result. Its methods block, so call them in a thread."""

    def __init__(self, engine: Engine, execution: Execution, statement: Statement) -> None:
        self._engine = engine
        self._execution = execution
        self._statement = statement
        self._block: bytes | None = None

    def describe_on_own_handle(self) -> None:
        """Describe the result on the handle that will run the statement.

        This is necessary if the types may depend on the handle's temporary tables or settings.
        """
        self._block = self._describe(self._execution.handle)

    def is_needless(self, beginning: bytes, *, is_whole: bool) -> bool:
        """Return whether the result needs no additional block. ``beginning`` holds its first bytes, or all of them."""
        return self._block == b"" or not beginning or (is_whole and _BARE_TYPE not in beginning)

    def read(self, beginning: bytes) -> bytes:
        """Return the additional block, or no bytes if the types of the result are complete without it."""
        if self._block is None:
            own = self._execution.handle
            handle = self._engine.acquire(own.role, is_readonly=own.is_readonly, database=own.database)
            handle.use_database(own.database)
            self._block = self._describe(handle)
            self._engine.release(handle, is_clean=bool(self._block))
        return self._block if self._block and _begins_alike(self._block, beginning) else b""

    def _describe(self, handle: Handle) -> bytes:
        """Return the additional block; no bytes if no type has a zone or if the engine cannot describe the result."""
        sql = b"DESCRIBE TABLE (" + self._statement.body + b"\n) SETTINGS "
        if self._statement.settings:
            sql += self._statement.settings + b", "
        sql += format_settings({**self._execution.settings, **_SETTINGS}).encode(errors="surrogateescape")
        try:
            types, statistics = handle.run(sql, "RowBinary", self._execution.parameters)
        except ServerError:
            handle.discard_leftovers()
            return b""
        if not _has_other_zone(types, self._engine.timezone.encode()):
            return b""
        # a name or type is written in the same way in RowBinary and in the header of a block
        return _encode_number(statistics.result_rows) + b"\0" + types


def _begins_alike(block: bytes, beginning: bytes) -> bool:
    """Return whether a result has as many columns as the block, and the same name of the first column."""
    (count, start), (result_count, position) = _decode_number(block, 0), _decode_number(beginning, 0)
    _, result_start = _decode_number(beginning, position)  # the number of rows
    start += 1  # the block has no rows
    length, name_start = _decode_number(block, start)
    name = block[start : name_start + length]
    return count == result_count and beginning[result_start : result_start + len(name)] == name


def _has_other_zone(types: bytes, server_zone: bytes) -> bool:
    """Return whether a type is DateTime with a zone that a client would not assume."""
    same = _UTC if server_zone in _UTC else frozenset()
    return any(
        types[match.start() - 1] == len(match[0]) and match[1] not in same
        for match in _ZONED_TYPE.finditer(types)
        if match.start()
    )


def _encode_number(number: int) -> bytes:
    """Encode a number as LEB128, as the Native format does."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _decode_number(data: bytes, position: int) -> tuple[int, int]:
    """Return the LEB128 number at ``position`` and the position after it."""
    number = shift = 0
    while True:
        number |= (data[position] & 0x7F) << shift
        shift += 7
        position += 1
        if data[position - 1] < 0x80:
            return number, position
