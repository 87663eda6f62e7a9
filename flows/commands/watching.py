"""``watch`` and ``notify``: the standing service."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.errors import UnreachableError
from trailhouse.flows.commands.options import DataDirectoryOption, DeviceOption, WarehouseUrlOption
from trailhouse.flows.console import say
from trailhouse.flows.settings import hand_down, load_settings, set_prefect_defaults, use_prefect_server


def watch(
    suites: Annotated[list[str], typer.Argument(help="Suites, see `trailhouse suite list`.")],
    corpora: Annotated[list[str], typer.Option("--corpus", help="Corpus to score on; may be given several times.")],
    interval: Annotated[float, typer.Option(min=1, help="Seconds from one look to the next.")] = 300,
    device: DeviceOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score new checkpoints as they appear and derive the marts, until Ctrl-C or SIGTERM.

    Runs go to the Prefect server at PREFECT_API_URL; without one, a server on loopback is started for the time.
    A look at the suites comes every INTERVAL seconds, and at once after `trailhouse notify`.
    """
    flags = {"device": device, "data_directory": data_directory, "warehouse_url": warehouse_url}
    settings = load_settings(**flags)
    if data_directory is not None:
        flags["data_directory"] = data_directory.resolve()
    hand_down(**flags)
    set_prefect_defaults(settings)
    from trailhouse.flows.prefect_server import running_server

    with running_server(settings) as url:
        use_prefect_server(url)
        from trailhouse.flows.standing_service import watch_forever

        say(
            f"watching {', '.join(suites)} every {interval:g} s; runs are at {url.removesuffix('/api')}, Ctrl-C ends it"
        )
        watch_forever(suites, corpora, interval, settings)


def notify(
    suite: Annotated[str, typer.Argument(help="Name of the suite that has a new checkpoint.")],
    step: Annotated[int | None, typer.Option(help="Step of the checkpoint, for the record.")] = None,
    data_directory: DataDirectoryOption = None,
) -> None:
    """Tell the standing service that a checkpoint was pushed, so that it looks at once.

    For the end of a training script's save; anything that can emit the Prefect event trailhouse.checkpoint.pushed
    for the resource trailhouse.suite.NAME does as well.
    """
    settings = load_settings(data_directory=data_directory)
    set_prefect_defaults(settings)
    from trailhouse.flows.prefect_server import find_server

    url = find_server(settings)
    if url is None:
        raise UnreachableError(
            "there is no Prefect server to notify", "start `trailhouse watch`, or set PREFECT_API_URL"
        )
    use_prefect_server(url)
    from trailhouse.flows.standing_service import announce_push

    announce_push(suite, step)
    say(f"announced a checkpoint of {suite}")
