"""The expressions that a request may contain: those of stored charts and dashboards, and nothing else."""

from typing import Any

import pytest

from trailhouse.dashboards.superset.chart_expressions import collect_expressions, find_new_expression, is_known_clause

CHART: dict[str, Any] = {
    "metrics": [{"label": "Perplexity", "expressionType": "SQL", "sqlExpression": "avg(perplexity)"}],
    "queries": [{"extras": {"where": "(step > 0) AND (a = 'x AND y')", "having": ""}}],
    "adhoc_filters": [{"expressionType": "SQL", "sqlExpression": "step > 0", "clause": "WHERE"}],
    "sum": {"expressionType": "SIMPLE", "aggregate": "SUM", "column": {"column_name": "step"}},
}
FILTERS = {"native_filter_configuration": [{"adhoc_filters": [{"sqlExpression": "is_measured"}]}]}
KNOWN = collect_expressions([CHART, FILTERS, None, "text"], ["step", "suite_id"], ["saved"])


def sql(expression: str, **more) -> dict:
    return {"expressionType": "SQL", "label": "x", "sqlExpression": expression, **more}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"metrics": ["saved"], "columns": ["step", sql("step", columnType="BASE_AXIS")]},
        {"metrics": [sql("avg(perplexity)")], "orderby": [[sql("avg(perplexity)"), False], ["step", True]]},
        {"metrics": [sql("avg(perplexity)")], "orderby": [["x", False]], "series_limit_metric": "x"},
        {"columns": [{**sql("step"), "label": "step"}], "metrics": [{**sql("avg(perplexity)"), "label": "Perplexity"}]},
        {"columns": [sql("step"), "__timestamp"], "series_columns": ["x", "step"]},
        {"metrics": [{"expressionType": "SIMPLE", "aggregate": "SUM", "column": {"column_name": "step"}}]},
        {"filter": [{"col": "suite_id", "op": "IN", "val": ["a", 1, None]}, {"col": "elsewhere", "op": ">", "val": 3}]},
        {"extras": {"where": "(step > 0) AND (a = 'x AND y')", "having": "", "time_grain_sqla": "P1D"}},
        {"extras": {"where": "(is_measured) AND (step > 0)"}, "annotation_layers": [], "series_limit_metric": "saved"},
    ],
)
def test_what_stored_charts_and_dashboards_send_is_known(query):
    assert find_new_expression([{}, query], KNOWN) is None


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"metrics": [sql("hostName()")]}, "hostName()"),
        ({"metrics": [sql("avg(perplexity) ")]}, "avg(perplexity) "),
        ({"metrics": [{"expressionType": "SIMPLE", "aggregate": "MAX", "column": {"column_name": "step"}}]}, "MAX"),
        ({"metrics": [{"expressionType": "SIMPLE", "aggregate": "SUM", "sqlExpression": "sleep(3)"}]}, "sleep(3)"),
        ({"metrics": [["avg(perplexity)"]]}, "avg"),
        ({"columns": [sql("1 in raw_suite")]}, "raw_suite"),
        ({"columns": [{**sql("step"), "label": "suite_id"}]}, "step with the label suite_id"),
        ({"metrics": [{**sql("avg(perplexity)"), "label": "step"}]}, "avg(perplexity) with the label step"),
        ({"metrics": [{**CHART["sum"], "label": "suite_id"}]}, "with the label suite_id"),
        ({"columns": ["1 in raw_suite"], "metrics": ["saved"]}, "raw_suite"),
        ({"columns": ["hostName()", {**sql("step"), "label": "hostName()"}], "metrics": ["saved"]}, "hostName()"),
        ({"metrics": ["hostName()"]}, "hostName()"),
        ({"series_columns": ["hostName()"]}, "hostName()"),
        ({"orderby": [["hostName()", True]]}, "hostName()"),
        ({"series_columns": [sql("sleep(1)")]}, "sleep"),
        ({"orderby": [[sql("sleep(1)"), True]]}, "sleep"),
        ({"series_limit_metric": sql("sleep(1)")}, "sleep"),
        ({"filter": [{"col": sql("sleep(1)"), "op": "==", "val": 0}]}, "sleep"),
        ({"filter": [{"col": "step", "op": "==", "val": {"sqlExpression": "sleep(1)"}}]}, "sleep"),
        ({"extras": {"where": "(step > 0) OR (sleep(1))"}}, "sleep"),
        ({"extras": {"where": "(step > 0) AND (sleep(1))"}}, "sleep"),
        ({"extras": {"where": "(step > 0"}}, "step"),
        ({"extras": {"having": "sleep(1) = 0"}}, "sleep"),
        ({"extras": {"transpile_to_dialect": True}}, "transpile_to_dialect"),
        ({"annotation_layers": [{"name": "x"}]}, "annotation"),
    ],
)
def test_any_other_expression_is_named(query, named):
    found = find_new_expression([query], KNOWN)
    assert found is not None
    assert named in found


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("", True),
        ("(step > 0)", True),
        ("(step > 0) AND (step > 0)", True),
        ("(step > 0) AND ", False),
        ("(step > 0)(step > 0)", False),
        ("(step > 0) OR 1", False),
        ("(step > 0) AND 1", False),
        ("((step > 0))", False),
    ],
)
def test_a_condition_consists_of_known_conditions(clause, expected):
    assert is_known_clause(clause, KNOWN) is expected


def test_a_stored_condition_is_known_as_superset_writes_it_anew():
    known = collect_expressions([CHART], [], [], write_clause=lambda clause: clause.replace("step > 0", "0 < step"))
    for clause in ("(step > 0)", "(0 < step)", "(0 < step) AND (avg(perplexity))"):
        assert is_known_clause(clause, known)
    assert not is_known_clause("(1 < step)", known)
    assert is_known_clause("(1 = 0)", known), "pages send it while a filter that needs a value has none"
