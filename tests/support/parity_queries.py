"""Answers of the engine without the server, with which the server's answers are compared byte by byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_IN_PROCESS = """
import json, sys, chdb
connection = chdb.connect(sys.argv[1])
for line in sys.stdin:
    query, output_format = json.loads(line)
    try:
        output = connection.query(query, output_format).bytes().hex()
    except RuntimeError:
        output = "error"
    sys.stdout.write(output + "\\n")
"""


# formats that cannot represent NULL, an empty array or an interval
_NARROW_FORMATS = frozenset({"Parquet", "MsgPack"})
_MAX_ERROR_SHARE = 0.02


def require_answers(answers: list[tuple[str, str, str]]) -> None:
    """Require that nearly all queries succeed: an engine and a server that both refuse all would compare as equal."""
    refused = [(query, output_format) for query, output_format, answer in answers if answer == "error"]
    assert {output_format for _, output_format in refused} <= _NARROW_FORMATS, refused[:5]
    assert len(refused) <= _MAX_ERROR_SHARE * len(answers), refused[:5]


def answer_in_process(directory: Path, asked: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return (query, format, the engine's answer in hexadecimal or ``error``) for each (query, format).

    The engine runs in a new process, with its data in ``directory``.
    """
    lines = "".join(json.dumps(pair) + "\n" for pair in asked)
    run = subprocess.run(
        [sys.executable, "-c", _IN_PROCESS, str(directory)], input=lines, capture_output=True, text=True, timeout=1800
    )
    outputs = run.stdout.split("\n")[:-1]
    assert len(outputs) == len(asked), run.stderr[-2000:]
    return [(*pair, output) for pair, output in zip(asked, outputs, strict=True)]
