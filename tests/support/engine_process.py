"""A chDB engine in a process of its own, whose answers are the reference for the answers of the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Self

_PROGRAM = """
import json, sys, chdb
connection = chdb.connect(sys.argv[1])
for line in sys.stdin:
    query, output_format, parameters = json.loads(line)
    try:
        output = connection.query(bytes.fromhex(query), output_format, params=parameters).bytes().hex()
    except (RuntimeError, UnicodeDecodeError) as error:  # the second if the message quotes bytes that are not UTF-8
        output = "error " + json.dumps(str(getattr(error, "object", error)))
        for _ in range(2):
            try:
                connection.query("SELECT 1", "Null")  # it takes the rows that the failed query has left
            except (RuntimeError, UnicodeDecodeError):
                pass
    print(output, flush=True)
"""


class EngineError(Exception):
    """The engine refused a query."""


class EngineProcess:
    """The engine, with its data in ``directory``. It runs one query at a time, on one connection."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", _PROGRAM, str(self._directory)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, query: bytes | str, output_format: str = "TabSeparated", **parameters: str) -> bytes:
        """Return the answer to a query. Raises EngineError if the query fails."""
        text = query.encode() if isinstance(query, str) else query
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([text.hex(), output_format, parameters]) + "\n")
        stdin.flush()
        line = stdout.readline().rstrip("\n")
        if line.startswith("error "):
            raise EngineError(json.loads(line.removeprefix("error ")))
        return bytes.fromhex(line)
