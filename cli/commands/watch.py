"""``trailhouse watch``: run the standing service, which scores and evaluates new checkpoints on a schedule."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import say
from trailhouse.cli.options import DataDirectoryOption, DeviceOption, WarehouseUrlOption


def watch(
    suites: Annotated[list[str], typer.Argument(help="Suites, see `trailhouse suite list`.")],
    corpora: Annotated[list[str], typer.Option("--corpus", help="Corpus to score on; may be repeated.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            help="Directory or file of tasks, `lm-eval:NAME`, or `miniature`; may be repeated. [default: none]",
        ),
    ] = None,
    shots: Annotated[
        list[int] | None, typer.Option("--shots", help="Exemplars before the question; may be repeated. [default: 2]")
    ] = None,
    generate: Annotated[
        str | None,
        typer.Option(
            help="Presets of `trailhouse generate`, with commas, such as ps-pl,pl-ps. When the smallest and the largest"
            " model of a suite are finished, they generate texts, which all checkpoints score. [default: none]"
        ),
    ] = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds from one run to the next.")] = 300,
    device: DeviceOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score and evaluate new checkpoints as they appear, and derive the marts, until Ctrl-C or SIGTERM.

    Each run looks for new checkpoints. A run starts every INTERVAL seconds, and at once after `trailhouse notify`. The
    Prefect server at PREFECT_API_URL records the runs. If this variable is not set, the command starts a Prefect
    server on the loopback interface. This server stops when the command ends.
    """
    from trailhouse.flows.settings import (
        hand_down,
        load_settings,
        read_prefect_url,
        set_prefect_defaults,
        use_prefect_server,
    )

    flags = {"device": device, "data_directory": data_directory, "warehouse_url": warehouse_url}
    settings = load_settings(**flags)
    if data_directory is not None:
        flags["data_directory"] = data_directory.resolve()
    hand_down(**flags)
    from trailhouse.flows.first_checks import check_suites
    from trailhouse.flows.pipeline.corpora import require_corpora
    from trailhouse.models.few_shot.tasks.discovery import require_sources
    from trailhouse.models.sequences.decoding.configuration import find_preset

    presets = [name.strip() for name in generate.split(",")] if generate else []
    for preset in presets:
        find_preset(preset)
    check_suites(suites, settings)
    require_sources(tasks or [])
    require_corpora(settings, corpora)
    set_prefect_defaults(settings)
    from trailhouse.flows.prefect.server import running_server

    is_own = read_prefect_url() is None
    with running_server(settings) as url:
        use_prefect_server(url, is_own=is_own)
        from trailhouse.flows.prefect.deployment import WatchedSubjects, watch_forever

        say(
            f"watching {', '.join(suites)} every {interval:g} s; runs are at {url.removesuffix('/api')}, Ctrl-C ends it"
        )
        watch_forever(WatchedSubjects(suites, corpora, tasks or (), shots or (2,), presets), interval, settings)
