"""Groups of tasks that users declare, over which accuracies are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.warehouse.loading.catalogue import read_records, upsert

TABLE = "raw_task_group"


def read_task_groups(client: Client) -> dict[str, list[str]]:
    """Return the tasks of every declared group, by the name of the group."""
    rows = read_records(client, TABLE, ["task_group", "task_ids"], ["task_group"]).values()
    groups = {str(name): [str(task) for task in as_list(tasks)] for name, tasks in rows}
    return {name: tasks for name, tasks in sorted(groups.items()) if tasks}


def as_list(value: object) -> list[object]:
    """Return the items of an array that the warehouse returned."""
    return list(value) if isinstance(value, (list, tuple)) else []


def declare_task_group(client: Client, name: str, task_ids: Sequence[str]) -> bool:
    """Write a group of tasks. A group of the same name is replaced. Return whether anything was written.

    Raises BadInputError if a task is not in the warehouse. A task with subtasks may be named without them.
    """
    known = read_task_names(client)
    for task_id in task_ids:
        if task_id not in known:
            close = get_close_matches(task_id, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "evaluate it first; see `trailhouse task list`"
            raise BadInputError(f"no checkpoint was evaluated on a task {task_id!r}", hint)
    return write_task_group(client, name, sorted(set(task_ids)))


def remove_task_group(client: Client, name: str) -> None:
    """Remove a declared group. Raises BadInputError if there is no such group."""
    groups = read_task_groups(client)
    if name not in groups:
        declared = f"declared are: {', '.join(groups)}" if groups else "no group is declared"
        raise BadInputError(f"there is no declared group {name!r}", declared)
    write_task_group(client, name, [])


def write_task_group(client: Client, name: str, task_ids: list[str]) -> bool:
    """Write the row of a group if it is new or changed, and return whether it was written."""
    return upsert(client, TABLE, ["task_group"], [{"task_group": name, "task_ids": task_ids}]) > 0


def read_task_names(client: Client) -> list[str]:
    """Return the names of all tasks of the warehouse, of subtasks and of tasks with subtasks."""
    query = "select arrayJoin([toString(task_id), toString(parent_task_id)]) as name from raw_task group by name"
    return sorted(str(name) for (name,) in client.query(query).result_rows)
