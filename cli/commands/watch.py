"""``trailhouse watch``: the standing service."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import say
from trailhouse.cli.options import DataDirectoryOption, DeviceOption, WarehouseUrlOption
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
    from trailhouse.flows.prefect.server import running_server

    with running_server(settings) as url:
        use_prefect_server(url)
        from trailhouse.flows.prefect.deployment import watch_forever

        say(
            f"watching {', '.join(suites)} every {interval:g} s; runs are at {url.removesuffix('/api')}, Ctrl-C ends it"
        )
        watch_forever(suites, corpora, interval, settings)
