"""The report of a build of the marts, also of one that has nothing to do. This module needs neither dbt nor Prefect."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trailhouse.flows.build_plan import plan_build
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.reading.query import count_damaged_checkpoints, has_models
from trailhouse.warehouse.schema.initialisation import require_schema


@dataclass(frozen=True)
class BuildReport:
    """How many nodes of the dbt project were built or tested, why, how long it took, and what the marts leave out."""

    model_count: int
    seed_count: int
    test_count: int
    duration_seconds: float
    left_out_count: int = 0
    """Number of damaged checkpoints that the marts leave out."""
    has_data: bool = True
    """Whether the marts hold a model. They hold none if nothing was scored or imported."""
    reason: str = ""
    """Why everything was built; empty if only a part or nothing was built."""
    changed_tables: tuple[str, ...] = ()
    """Raw tables that changed since the last build, if only what is downstream of them was built."""

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing was built, because nothing changed since the last build."""
        return not self.reason and not self.changed_tables


def find_unchanged(settings: Settings, *, includes_damaged: bool = False) -> BuildReport | None:
    """Return the report of a build that has nothing to do; None if there is something to build.

    Raises UsageError if the warehouse lacks a migration.
    """
    address = resolve_address(settings)
    with connect(address) as client:
        require_schema(client)
    if not plan_build(address, choose_variables(includes_damaged=includes_damaged)).is_nothing:
        return None
    return add_data_facts(BuildReport(0, 0, 0, 0.0), address, includes_damaged=includes_damaged)


def choose_variables(*, includes_damaged: bool) -> dict[str, object]:
    """Return the variables of the dbt project that differ from its defaults."""
    return {"include_damaged_checkpoints": True} if includes_damaged else {}


def add_data_facts(report: BuildReport, address: WarehouseAddress, *, includes_damaged: bool) -> BuildReport:
    """Return the report with the number of checkpoints that the marts leave out, and whether they hold a model."""
    with connect(address) as client:
        left_out_count = 0 if includes_damaged else count_damaged_checkpoints(client)
        return replace(report, left_out_count=left_out_count, has_data=has_models(client, address.database))
