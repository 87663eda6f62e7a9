"""SQL whose answer must be the same bytes through the server as in-process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FORMATS = [
    "TabSeparated",
    "TabSeparatedWithNamesAndTypes",
    "CSV",
    "CSVWithNames",
    "JSONCompactEachRow",
    "JSONEachRow",
    "Native",
    "RowBinary",
    "Values",
    "Pretty",
    "Vertical",
    "Markdown",
    "MsgPack",
    "ArrowStream",
    "Parquet",
]
_SCALARS = [
    "number",
    "toInt8(number - 3)",
    "toUInt64(number) * 1000000007",
    "number / 7",
    "toFloat32(number) / 3",
    "-number",
    "toString(number)",
    "concat('a\\tb', toString(number))",
    "'it''s \\\\ \"quoted\"'",
    "NULL",
    "toNullable(number)",
    "nullIf(number, 2)",
    "toDecimal64(number, 4)",
    "toDate('2020-01-01') + number",
    "toDateTime('2020-01-01 00:00:00', 'UTC') + number",
    "toDateTime64('2020-01-01 00:00:00.123', 3, 'UTC')",
    "[number, number + 1]",
    "(number, 'x')",
    "map('k', number)",
    "toLowCardinality(toString(number % 2))",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "toFixedString('ab', 3)",
    "toIPv4('127.0.0.1')",
    "CAST('a', 'Enum8(\\'a\\' = 1)')",
    "number > 2",
    "inf",
    "nan",
    "[]",
    "[[], [1]]",
    "'日本語 ∆ 🙂'",
    "bitAnd(number, 3)",
    "sipHash64(number)",
    "formatReadableSize(number * 1000)",
    "arrayMap(x -> x * 2, range(number))",
]
_SHAPES = [
    "SELECT {0} AS x FROM numbers(5)",
    "SELECT {0} AS x, {1} AS y FROM numbers(5) WHERE number % 2 = 0 ORDER BY number DESC",
    "SELECT count(), any({0}) AS x FROM numbers(100)",
    "SELECT {0} AS x FROM numbers(3) UNION ALL SELECT {0} FROM numbers(2) SETTINGS max_threads = 1",
    "WITH t AS (SELECT {0} AS x, number FROM numbers(4)) SELECT x FROM t ORDER BY number LIMIT 2",
    "SELECT {0} AS x FROM numbers(0)",
    "SELECT groupArray({0}) FROM (SELECT number FROM numbers(4) ORDER BY number)",
    "SELECT number % 3 AS k, count() FROM numbers(10) GROUP BY k ORDER BY k WITH FILL",
    "SELECT DISTINCT {0} AS x FROM numbers(1)",
    "SELECT toTypeName({0}), {1} FROM numbers(1)",
    "SELECT row_number() OVER (ORDER BY number) AS r, {0} AS x FROM numbers(3) ORDER BY r",
    "SELECT * FROM (SELECT {0} AS x, number FROM numbers(3)) ORDER BY number LIMIT 1 BY number",
    "SELECT {0} AS x, {1} AS y FROM numbers(2) ORDER BY number SETTINGS max_block_size = 1",
    "SELECT number % 2 AS k, any({0}) AS x FROM numbers(1) GROUP BY k",
    "SELECT {0} AS x FROM numbers(2500) ORDER BY number",
]
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


def generate_queries() -> list[str]:
    """Every scalar in every shape."""
    queries = []
    for number, scalar in enumerate(_SCALARS):
        other = _SCALARS[(number * 7 + 3) % len(_SCALARS)]
        queries += [shape.format(scalar, other) for shape in _SHAPES]
    return list(dict.fromkeys(queries))


def answer_in_process(directory: Path) -> list[tuple[str, str, str]]:
    """Query, format and the engine's answer in hexadecimal, or ``error``; every query in four formats.

    The four differ from query to query, so that all formats are met. The engine runs in a process of its own.
    """
    asked = [
        (query, FORMATS[(number + step * 4) % len(FORMATS)])
        for number, query in enumerate(generate_queries())
        for step in range(4)
    ]
    lines = "".join(json.dumps(pair) + "\n" for pair in asked)
    run = subprocess.run(
        [sys.executable, "-c", _IN_PROCESS, str(directory)], input=lines, capture_output=True, text=True, timeout=120
    )
    outputs = run.stdout.split("\n")[:-1]
    assert len(outputs) == len(asked), run.stderr[-2000:]
    return [(*pair, output) for pair, output in zip(asked, outputs, strict=True)]
