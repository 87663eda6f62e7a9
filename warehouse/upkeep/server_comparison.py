"""This module compares two ClickHouse servers by queries that need no tables. Both must return the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from trailhouse.warehouse.failures import explain_failure

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
    "toDate32('1950-01-01') + number",
    "toInt128(number) * toInt128('170141183460469231731')",
    "toIntervalDay(number)",
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
    "SELECT ({0}, {1}) AS x FROM numbers(3)",
    "SELECT {0} AS x FROM numbers(5) WHERE toString({1}) != '2' ORDER BY number",
]


@dataclass(frozen=True)
class Difference:
    """A query that two servers answer differently, with the beginnings of both answers."""

    query: str
    format: str
    answer: str
    other_answer: str


def generate_queries(companion_count: int = 1) -> list[str]:
    """Return queries for a comparison of servers: every template of _SHAPES, filled with every expression of _SCALARS.

    The placeholder {0} of a template gets every expression of _SCALARS in turn. If the template also has the
    placeholder {1}, each expression in {0} is combined with ``companion_count`` different expressions in {1}.
    """
    queries = []
    for number, scalar in enumerate(_SCALARS):
        for companion in range(companion_count):
            other = _SCALARS[(number * 7 + 3 + companion) % len(_SCALARS)]
            queries += [shape.format(scalar, other) for shape in _SHAPES]
    return list(dict.fromkeys(queries))


def choose_formats(queries: list[str], count: int = 4) -> list[tuple[str, str]]:
    """Return ``count`` pairs (query, output format) for every query.

    Neighbouring queries have different output formats, so that all formats are used.
    """
    return [
        (query, FORMATS[(number + step * 4) % len(FORMATS)])
        for number, query in enumerate(queries)
        for step in range(count)
    ]


def compare_answers(client: Client, other: Client, asked: list[tuple[str, str]]) -> Iterator[Difference | None]:
    """Send each query to both servers, and yield a Difference, or None if both answers are equal.

    ``asked`` has (query, output format) pairs. Two errors count as equal if they have the same error code. Raises
    UnreachableError if a server stops answering.
    """
    for query, output_format in asked:
        answer, other_answer = ask(client, query, output_format), ask(other, query, output_format)
        differs = answer != other_answer
        yield Difference(query, output_format, shorten(answer), shorten(other_answer)) if differs else None


def ask(client: Client, query: str, output_format: str) -> bytes:
    """Send a query to a server and return the answer. If the server refuses the query, return the error code."""
    try:
        return client.raw_query(query, fmt=output_format)
    except ClickHouseError as error:
        if (failure := explain_failure(error)) is not None:
            raise failure from error
        return str(error).partition("code: ")[2].partition(",")[0].encode()


def shorten(answer: bytes) -> str:
    """Return the beginning of an answer as printable text."""
    return repr(answer[:120])[2:-1]
