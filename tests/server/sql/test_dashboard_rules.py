"""The names that are forbidden to the user for dashboards."""

from pathlib import Path

import httpx
import pytest

from tests.support.paths import DBT_MODELS
from trailhouse.dashboards.bundle.marts import read_marts
from trailhouse.server.sql.dashboard_rules import refuse_for_dashboards
from trailhouse.server.sql.lexer import scan_tokens


def test_every_column_of_every_mart_can_be_read():
    marts = read_marts(DBT_MODELS)
    assert len(marts) > 40
    for name, mart in marts.items():
        statement = f"SELECT {', '.join(mart.columns)} FROM {name}".encode()
        refuse_for_dashboards(statement, list(scan_tokens(statement)), {})


@pytest.mark.server
def test_every_function_of_the_engine_was_reviewed(embedded_server):
    """A function that a later engine adds may tell about the server or read a file.

    For a new function, decide whether ``dashboard_rules.py`` or ``guard.py`` forbids it, and then add it to the list.
    """
    reviewed = set((Path(__file__).parent / "reviewed_functions.txt").read_text().splitlines())
    answer = httpx.post(
        embedded_server.url,
        auth=(embedded_server.user, embedded_server.password),
        content="SELECT name FROM system.functions",
        timeout=60,
    )
    functions = set(answer.text.splitlines())
    assert len(functions) > 1500
    assert sorted(functions - reviewed) == []
