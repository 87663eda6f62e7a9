"""Which SQL expressions a user who may not write SQL may send to Superset: those of stored charts and dashboards.

Superset's chart API takes any SQL expression as a metric, a column or a condition, also from users who may only open
dashboards. This module finds expressions in a request that no stored chart or dashboard has. It runs in Superset's
Python environment, and uses no other module of Trailhouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Superset's own name of a query's time column.
_TIME_COLUMN = "__timestamp"
# Keys of ``extras`` that hold no SQL.
_HARMLESS_EXTRAS = frozenset({"time_grain_sqla", "relative_start", "relative_end"})
_SEPARATOR = " AND "
# Superset's pages send this condition while a filter that needs a value has none.
_NO_ROW = "1 = 0"


@dataclass(frozen=True)
class Expressions:
    """The SQL expressions, the simple metrics (column and aggregate), and the conditions of stored documents.

    ``names`` are the names of the data set's columns and saved metrics.
    """

    names: frozenset[str]
    sql: frozenset[str]
    simple: frozenset[tuple[str, str]]
    clauses: frozenset[str]


def collect_expressions(
    documents: Iterable[Any],
    columns: Iterable[str],
    metrics: Iterable[str],
    write_clause: Callable[[str], str] = str,
) -> Expressions:
    """Return the expressions in stored documents: the parameters of charts and the metadata of dashboards.

    ``columns`` are the names of the data set's columns, each of which is an expression, too. ``metrics`` are the names
    of its saved metrics. ``write_clause`` returns a condition as Superset writes it anew in a request.
    """
    sql, clauses = set(columns), set[str]()
    names = frozenset({*sql, *metrics, _TIME_COLUMN})
    simple = set[tuple[str, str]]()
    for document in documents:
        for item in _walk(document):
            if isinstance(expression := item.get("sqlExpression"), str):
                sql.add(expression)
            if isinstance(aggregate := item.get("aggregate"), str) and isinstance(item.get("column"), dict):
                simple.add((str(item["column"].get("column_name")), aggregate))
            if isinstance(extras := item.get("extras"), dict):
                clauses.update(str(extras[key]) for key in ("where", "having") if extras.get(key))
    clauses |= {f"({one})" for one in (*sql, _NO_ROW)}
    clauses |= {write_clause(clause) for clause in clauses}
    return Expressions(names, frozenset(sql), frozenset(simple), frozenset(clauses))


def find_new_expression(queries: Iterable[Mapping[str, Any]], known: Expressions) -> str | None:
    """Return the first expression in the queries that is not known, as text for a message; None if all are known.

    A query has the attributes of Superset's QueryObject. Text is the name of a column or of a saved metric. Superset
    takes any other text in a column for SQL, so it has to be such a name. Where the query is ordered, text may also be
    the label of an expression of the query.
    """
    for query in queries:
        for value in _list_expressions(query):
            if not _is_known(value, known):
                return describe(value)
            if _hides_column(value, known):
                return f"{describe(value)} with the label {value['label']}"
        labels = {one.get("label") for one in _list_expressions(query) if isinstance(one, dict)}
        for value in _list_orders(query):
            if not (isinstance(value, str) and value in labels) and not _is_known(value, known):
                return describe(value)
        if query.get("annotation_layers"):
            return "an annotation layer"
        for key, clause in (query.get("extras") or {}).items():
            is_known = is_known_clause(str(clause or ""), known) if key in ("where", "having") else not clause
            if key not in _HARMLESS_EXTRAS and not is_known:
                return f"{key} {clause}"
    return None


def is_known_clause(text: str, known: Expressions) -> bool:
    """Return whether a condition is empty, known, or consists of known conditions that are joined by AND."""
    rest = text.strip()
    longest_first = sorted(known.clauses, key=len, reverse=True)
    while rest:
        found = next((one for one in longest_first if one and rest.startswith(one)), None)
        if found is None:
            return False
        rest = rest.removeprefix(found)
        if rest and not rest.startswith(_SEPARATOR):
            return False
        rest = rest.removeprefix(_SEPARATOR)
    return True


def describe(value: object) -> str:
    """Return the SQL of an expression, or the value itself, for a message."""
    return str(value.get("sqlExpression") or value) if isinstance(value, dict) else str(value)


def _list_expressions(query: Mapping[str, Any]) -> list[Any]:
    """Return everything in a query that may be an expression. Values of filters are returned unless they are literals.

    What the query is ordered by is left out, see ``_list_orders``.
    """
    values = [*(query.get("columns") or []), *(query.get("metrics") or [])]
    for one in query.get("filter") or []:
        # Superset leaves out the filter of a column that the data set lacks; a dashboard sends it to all of its charts
        values += [] if isinstance(one["col"], str) else [one["col"]]
        values += [] if _is_literal(one.get("val")) else [one["val"]]
    return values


def _list_orders(query: Mapping[str, Any]) -> list[Any]:
    """Return the expressions that order the rows of a query or choose and order its series."""
    limit = query.get("series_limit_metric")
    orders = [order[0] for order in query.get("orderby") or []]
    return [*(query.get("series_columns") or []), *orders, *([] if limit is None else [limit])]


def _is_known(value: Any, known: Expressions) -> bool:  # noqa: ANN401  # the request may hold anything
    if isinstance(value, str):
        return value in known.names
    if not isinstance(value, dict):
        return False
    expression = value.get("sqlExpression")
    if value.get("expressionType") == "SIMPLE" and not expression:
        column = value.get("column")
        return isinstance(column, dict) and (str(column.get("column_name")), value.get("aggregate")) in known.simple
    return isinstance(expression, str) and expression in known.sql


def _hides_column(value: Any, known: Expressions) -> bool:  # noqa: ANN401  # the request may hold anything
    """Return whether an expression has the name of another expression, such as a column, as its label.

    ClickHouse would read the expression instead of the column in conditions, such as those of row-level security.
    """
    label = value.get("label") if isinstance(value, dict) else None
    return isinstance(label, str) and label in known.names and label != value.get("sqlExpression")


def _is_literal(value: Any) -> bool:  # noqa: ANN401  # the request may hold anything
    if isinstance(value, list | tuple):
        return all(_is_literal(one) for one in value)
    return value is None or isinstance(value, str | int | float | bool)


def _walk(document: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  # a JSON document
    """Yield every object in a JSON document, the document itself included."""
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from _walk(value)
    elif isinstance(document, list):
        for value in document:
            yield from _walk(value)
