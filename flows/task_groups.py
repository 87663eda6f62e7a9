"""Declare, list and remove groups of tasks, over which the marts average accuracies."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources

from trailhouse.errors import UsageError
from trailhouse.flows.services.warehouse import resolve_address, resolve_reader_address
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.task_groups import declare_task_group, read_task_groups, remove_task_group
from trailhouse.warehouse.schema.initialisation import require_schema

GROUP_OF_ALL_TASKS = "all"


def list_groups(settings: Settings) -> dict[str, list[str]]:
    """Return the tasks of every declared group, by the name of the group."""
    with connect(resolve_reader_address(settings)) as client:
        require_schema(client)
        return read_task_groups(client)


def declare_group(settings: Settings, name: str, task_ids: Sequence[str]) -> bool:
    """Declare a group of tasks, or replace the group of this name. Return whether anything changed.

    Raises UsageError if the name is that of a group that every warehouse has, and BadInputError if a task is unknown.
    """
    reserved = [GROUP_OF_ALL_TASKS, *read_published_groups()]
    if name in reserved or not name.strip():
        raise UsageError(
            f"a group cannot be called {name!r}", f"choose another name than {', '.join(reserved)}, which are taken"
        )
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        return declare_task_group(client, name, task_ids)


def remove_group(settings: Settings, name: str) -> None:
    """Remove a declared group. Raises BadInputError if there is no such group."""
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        remove_task_group(client, name)


def read_published_groups() -> list[str]:
    """Return the names of the groups of Xia et al. 2023, which come with the dbt project."""
    seed = resources.files("trailhouse") / "dbt" / "seeds" / "task_group.csv"
    with seed.open(encoding="utf-8") as lines:
        return sorted({row["task_group"] for row in csv.DictReader(lines)})
