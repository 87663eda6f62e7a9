"""This module parses multipart forms of limited size. It keeps fields in memory, and files in temporary files."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from trailhouse.server.clickhouse_errors import ServerError

MAX_FIELDS = 1000
MAX_FILES = 100
MAX_FIELD_BYTES = 1 << 20
MAX_FIELDS_BYTES = 16 << 20
MAX_FILES_BYTES = 256 << 20


class BoundedFormParser(MultiPartParser):
    """starlette's parser with limits on the number of fields and files and on their sizes.

    Raises ServerError 161 (status 413) as soon as a limit is exceeded.
    """

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers, stream, max_files=math.inf, max_fields=math.inf)
        self._fields_bytes = 0
        self._files_bytes = 0

    def on_headers_finished(self) -> None:
        """Raise ServerError if the form has too many fields or files."""
        super().on_headers_finished()
        if self._current_fields > MAX_FIELDS or self._current_files > MAX_FILES:
            raise _too_large(f"more than {MAX_FIELDS} fields or {MAX_FILES} files")

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Collect a piece of the value of a part's header. The size of the piece counts towards the limit on fields."""
        self._count_field_bytes(end - start)
        super().on_header_value(data, start, end)

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Collect a piece of the name of a part's header. The size of the piece counts towards the limit on fields."""
        self._count_field_bytes(end - start)
        super().on_header_field(data, start, end)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Collect a piece of a field or file, or raise ServerError if the field or the files become too large."""
        if self._current_part.file is None:
            self._count_field_bytes(end - start)
            if len(self._current_part.data) + end - start > MAX_FIELD_BYTES:
                raise _too_large(f"a field of more than {MAX_FIELD_BYTES >> 20} MiB")
        else:
            self._files_bytes += end - start
            if self._files_bytes > MAX_FILES_BYTES:
                raise _too_large(f"external tables of more than {MAX_FILES_BYTES >> 20} MiB")
        super().on_part_data(data, start, end)

    def _count_field_bytes(self, length: int) -> None:
        self._fields_bytes += length
        if self._fields_bytes > MAX_FIELDS_BYTES:
            raise _too_large(f"fields of more than {MAX_FIELDS_BYTES >> 20} MiB together")


def _too_large(what: str) -> ServerError:
    return ServerError(161, "QUERY_IS_TOO_LARGE", f"The form has {what}")
