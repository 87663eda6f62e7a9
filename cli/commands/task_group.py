"""``trailhouse task group``: declare groups of tasks, over which accuracies are averaged."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import print_json, print_rows, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.support.wording import count_of

group_app = typer.Typer(
    no_args_is_help=True,
    help="Groups of tasks. The marts, figures and dashboards show the mean accuracy of each group.",
)

NameArgument = Annotated[str, typer.Argument(help="Name of the group.")]


@group_app.command("add")
def add_group(
    name: NameArgument,
    tasks: Annotated[list[str], typer.Argument(help="Tasks that were evaluated. A task includes all its subtasks.")],
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Declare a group of tasks, or replace the group of this name. The next `trailhouse transform` derives its means.

    Example: trailhouse task group add arithmetic simple_arithmetic modified_arithmetic
    """
    from trailhouse.flows.settings import load_settings
    from trailhouse.flows.task_groups import declare_group

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    is_changed = declare_group(settings, name, tasks)
    if as_json:
        print_json({"group": name, "tasks": sorted(set(tasks)), "is_changed": is_changed})
    count = len(set(tasks))
    state = "run `trailhouse transform` to derive its means" if is_changed else "already there"
    say(f"group {name}: {count_of(count, 'task')}; {state}")


@group_app.command("list")
def list_declared_groups(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """List the declared groups and their tasks."""
    import pyarrow as pa

    from trailhouse.flows.settings import load_settings
    from trailhouse.flows.task_groups import list_groups

    groups = list_groups(load_settings(data_directory=data_directory, warehouse_url=warehouse_url))
    rows = [{"group": name, "task": task} for name, tasks in groups.items() for task in tasks]
    print_rows(
        pa.Table.from_pylist(rows, schema=pa.schema({"group": pa.string(), "task": pa.string()})), as_json=as_json
    )


@group_app.command("remove")
def remove_declared_group(
    name: NameArgument, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """Remove a declared group. Its tasks and their scores stay. The next `trailhouse transform` drops its means."""
    from trailhouse.flows.settings import load_settings
    from trailhouse.flows.task_groups import remove_group

    remove_group(load_settings(data_directory=data_directory, warehouse_url=warehouse_url), name)
    say(f"group {name} is removed; run `trailhouse transform` to drop its means")
