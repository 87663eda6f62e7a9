"""The mart of trajectories, filled by a test, so that the marts derived from it can be built alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from tests.support.paths import ROOT

DESCRIPTION = ROOT / "dbt" / "models" / "marts" / "behaviour" / "fct_trajectory_measure.yml"


def fill_trajectories(warehouse: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Create the table ``fct_trajectory_measure`` with the columns of its contract and insert rows into it."""
    described = yaml.safe_load(DESCRIPTION.read_text())["models"][0]["columns"]
    columns = ", ".join(f"{column['name']} {column['data_type']}" for column in described)
    warehouse.client.command(f"create or replace table fct_trajectory_measure ({columns}) order by tuple()")
    defaults = {
        column["name"]: None if "Nullable" in column["data_type"] else default_of(column) for column in described
    }
    filled = [list({**defaults, **row}.values()) for row in rows]
    warehouse.client.insert("fct_trajectory_measure", filled, column_names=list(defaults))


def default_of(column: Mapping[str, str]) -> Any:
    """Return the empty value of a column's type."""
    return "" if "String" in column["data_type"] else 0
