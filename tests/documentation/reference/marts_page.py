"""The page of the marts and their columns."""

from __future__ import annotations

from itertools import groupby

from tests.documentation.reference.markdown import write_introduction, write_table, write_text
from tests.support.paths import DBT_MODELS
from trailhouse.dashboards.bundle.marts import Mart, read_marts

INTRODUCTION = """\
The marts are the tables for readers: `dim_` describes things, `fct_` holds numbers. `trailhouse transform` derives
them. Units are in the names: `_nats`, `_seconds`, `_bytes`, `_percent`; a `_share` or `_ratio` of 1 is 100%. `_lower`
and `_upper` are the ends of a 95% interval ([statistics](../explanation/statistics.md)). The SQL of a mart is in
`dbt/models/marts/SUBJECT/`.
"""


def write_marts_page() -> str:
    """Return the page of the marts, from the YAML files of the dbt project."""
    subjects = {file.stem: file.parent.name for file in (DBT_MODELS / "marts").rglob("*.sql")}
    marts = sorted(read_marts(DBT_MODELS).values(), key=lambda mart: (subjects[mart.name], mart.name))
    parts = [write_introduction("Marts and their columns", INTRODUCTION)]
    for subject, group in groupby(marts, key=lambda mart: subjects[mart.name]):
        parts.append(f"## {subject.replace('_', ' ').capitalize()}")
        parts += [write_mart(mart) for mart in group]
    return "\n".join(parts)


def write_mart(mart: Mart) -> str:
    """Return the section about one mart."""
    rows = [(f"`{one.name}`", f"`{one.data_type}`", write_text(one.description)) for one in mart.columns.values()]
    return f"### {mart.name}\n{write_text(mart.description)}\n\n{write_table(('column', 'type', 'meaning'), rows)}"
