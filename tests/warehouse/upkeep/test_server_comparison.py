"""The queries by which two servers are compared, their formats, and what counts as a difference."""

from types import SimpleNamespace

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from trailhouse.errors import UnreachableError
from trailhouse.warehouse.upkeep import server_comparison
from trailhouse.warehouse.upkeep.server_comparison import (
    FORMATS,
    Difference,
    choose_formats,
    compare_answers,
    generate_queries,
)

SHAPE_COUNT = len(server_comparison._SHAPES)
SCALAR_COUNT = len(server_comparison._SCALARS)


def test_every_template_is_filled_with_every_expression(monkeypatch):
    monkeypatch.setattr(server_comparison, "_SCALARS", ["a", "b", "c", "d"])
    monkeypatch.setattr(server_comparison, "_SHAPES", ["select {0}", "select {0}, {1}"])
    queries = generate_queries()
    assert [query for query in queries if "," not in query] == [f"select {name}" for name in "abcd"]
    pairs = [tuple(query.removeprefix("select ").split(", ")) for query in queries if "," in query]
    assert [first for first, _ in pairs] == list("abcd")
    assert pairs == [("a", "d"), ("b", "c"), ("c", "b"), ("d", "a")]
    more = generate_queries(companion_count=3)
    assert len(more) == len(set(more)) == 4 + 3 * 4
    assert len({second for query in more if query.startswith("select a,") for second in [query[-1]]}) == 3


def test_the_queries_are_as_many_as_templates_and_expressions_give():
    shapes_without_expression = sum("{0}" not in shape for shape in server_comparison._SHAPES)
    queries = generate_queries()
    assert (
        len(set(queries))
        == len(queries)
        == SCALAR_COUNT * (SHAPE_COUNT - shapes_without_expression) + (shapes_without_expression)
    )


def test_each_query_is_asked_in_several_formats_and_all_formats_are_used():
    asked = choose_formats([f"select {number}" for number in range(15)])
    assert len(asked) == 15 * 4
    assert [one for _, one in asked[:4]] == [FORMATS[index] for index in (0, 4, 8, 12)]
    assert [one for _, one in asked[4:8]] == [FORMATS[index] for index in (1, 5, 9, 13)]
    assert {output_format for _, output_format in asked} == set(FORMATS)
    assert [query for query, _ in choose_formats(["a", "b"], count=2)] == ["a", "a", "b", "b"]


def answering(**answers: bytes | Exception) -> SimpleNamespace:
    """Return a stand-in for a client that answers the query of each name."""

    def ask(query: str, fmt: str) -> bytes:
        answer = answers[query]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(raw_query=ask)


def fail(code: int) -> DatabaseError:
    return DatabaseError(f"HTTPDriver returned response code: {code}, server response: Code: {code}. text of a server")


def test_answers_and_the_codes_of_errors_are_compared():
    one = answering(same=b"1", other=b"1", wrong=fail(62), refused=fail(62), long=b"\t" * 200)
    two = answering(same=b"1", other=b"2", wrong=fail(62), refused=fail(63), long=b"\t" * 199)
    found = list(compare_answers(one, two, [(query, "CSV") for query in ("same", "other", "wrong", "refused", "long")]))
    assert found[0] is found[2] is None
    assert found[1] == Difference("other", "CSV", "1", "2")
    assert found[3] == Difference("refused", "CSV", "62", "63")
    assert found[4] == Difference("long", "CSV", r"\t" * 120, r"\t" * 120)


def test_a_server_that_stops_answering_is_no_difference():
    with pytest.raises(UnreachableError, match="stopped answering"):
        list(compare_answers(answering(a=OperationalError("gone")), answering(a=b"1"), [("a", "CSV")]))
