"""Timestamps of rows: the present, or a millisecond after the latest row of a table."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from trailhouse.warehouse.loading import row_versions
from trailhouse.warehouse.loading.row_versions import next_version

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        (timedelta(hours=-1), timedelta()),
        (timedelta(milliseconds=-1), timedelta()),
        (timedelta(), timedelta(milliseconds=1)),
        (timedelta(days=400), timedelta(days=400, milliseconds=1)),
    ],
)
def test_a_new_row_is_later_than_all_others(monkeypatch, latest, expected):
    asked = []

    def query(text: str, parameters: dict) -> SimpleNamespace:
        asked.append(text)
        return SimpleNamespace(result_rows=[((NOW + latest).replace(tzinfo=None),)])

    monkeypatch.setattr(row_versions, "datetime", SimpleNamespace(now=lambda _: NOW))
    client = SimpleNamespace(query=query)
    assert next_version(client, "t", "at") == NOW + expected
    assert next_version(client, "t", "at", "k = 1") == NOW + expected
    assert asked == ["select max(at) from t where true", "select max(at) from t where k = 1"]
