"""The functions that Superset denies, compared with the table functions of the engine."""

import runpy

from tests.support.paths import ROOT

CONFIGURATION = ROOT / "dashboards" / "superset" / "superset_config.py"
# Table functions that were reviewed: their rows depend only on their arguments.
ALLOWED = {
    "SQLStandardValues", "format", "fuzzJSON", "fuzzQuery", "generateRandom", "generateSeries", "generate_series",
    "input", "null", "numbers", "numbers_mt", "primes", "values", "zeros", "zeros_mt",
}  # fmt: skip


def test_every_table_function_of_the_engine_is_denied_or_reviewed(client, tmp_path, monkeypatch):
    (tmp_path / "secret.key").write_text("key")
    monkeypatch.setenv("TRAILHOUSE_SUPERSET_DIRECTORY", str(tmp_path))
    denied = runpy.run_path(str(CONFIGURATION))["DISALLOWED_SQL_FUNCTIONS"]["clickhousedb"]
    there = {name for (name,) in client.query("select name from system.table_functions").result_rows}
    assert there - denied == ALLOWED
