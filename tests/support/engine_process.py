"""A chDB engine in a process of its own, whose answers are the reference for the answers of the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Self

_PROGRAM = """
import json, sys, chdb

connections = {}

def answer(query, output_format, parameters, name):
    if name not in connections:
        connections[name] = chdb.connect(sys.argv[1] + "?implicit_select=0")
    try:
        return connections[name].query(query, output_format, params=parameters).bytes().hex()
    except (RuntimeError, UnicodeDecodeError) as error:  # the second if the message quotes bytes that are not UTF-8
        for _ in range(2):  # they take the rows that the failed query has left
            try:
                connections[name].query("SELECT 1", "Null")
            except (RuntimeError, UnicodeDecodeError):
                pass
        return "error " + json.dumps(str(getattr(error, "object", error)))

for line in sys.stdin:
    query, output_format, parameters, name = json.loads(line)
    print(answer(bytes.fromhex(query), output_format, parameters, name), flush=True)
"""


class EngineError(Exception):
    """The engine refused a query."""


class EngineProcess:
    """The engine, with its data in ``directory``. It runs one query at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", _PROGRAM, str(self._directory)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self, query: bytes | str, output_format: str = "TabSeparated", *, connection: str = "", **parameters: str
    ) -> bytes:
        """Return the answer to a query. Raises EngineError if the query fails.

        A connection is opened when its name is used for the first time. Connections share tables, but no settings.
        """
        text = query.encode() if isinstance(query, str) else query
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([text.hex(), output_format, parameters, connection]) + "\n")
        stdin.flush()
        line = stdout.readline().rstrip("\n")
        if line.startswith("error "):
            raise EngineError(json.loads(line.removeprefix("error ")))
        return bytes.fromhex(line)
