"""``trailhouse notify``: tell the standing service (``trailhouse watch``) that a checkpoint was saved."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import say
from trailhouse.cli.options import DataDirectoryOption
from trailhouse.errors import UnreachableError


def notify(
    suite: Annotated[str, typer.Argument(help="Name of the suite that has a new checkpoint.")],
    step: Annotated[int | None, typer.Option(help="Step of the checkpoint, for the record.")] = None,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Tell the standing service that a checkpoint was saved, so that it looks for new checkpoints at once.

    A training script can run this command after it has saved a checkpoint. Instead of this command, a program can emit
    the Prefect event trailhouse.checkpoint.pushed for the resource trailhouse.suite.NAME.
    """
    from trailhouse.flows.settings import load_settings, set_prefect_defaults, use_prefect_server

    settings = load_settings(data_directory=data_directory)
    set_prefect_defaults(settings)
    from trailhouse.flows.prefect.server import find_server

    url = find_server(settings)
    if url is None:
        raise UnreachableError(
            "there is no Prefect server to notify", "start `trailhouse watch`, or set PREFECT_API_URL"
        )
    use_prefect_server(url)
    from trailhouse.flows.prefect.deployment import announce_push

    announce_push(suite, step)
    say(f"announced a checkpoint of {suite}")
