"""The names that are forbidden to the user for dashboards."""

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
