"""This module writes and reads the quality of generated texts that is computed outside SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import answering_promptly
from trailhouse.warehouse.loading.catalogue import read_records, upsert

KEY = ("generation_key", "metric", "settings")


@dataclass(frozen=True)
class QualityValue:
    """The value of one metric of one generation. The settings are a JSON object."""

    generation_key: str
    metric: str
    value: float
    settings: str


def load_quality(client: Client, values: Sequence[QualityValue]) -> int:
    """Write the values that are new or changed, and return their number."""
    return upsert(client, "raw_generation_quality", KEY, [asdict(value) for value in values])


def read_judged(client: Client) -> set[tuple[str, str, str]]:
    """Return the generation key, the metric and the settings of every stored value."""
    with answering_promptly(client):
        return {(str(a), str(b), str(c)) for a, b, c in read_records(client, "raw_generation_quality", KEY, KEY)}
