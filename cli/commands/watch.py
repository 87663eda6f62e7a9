"""``trailhouse watch``: run the standing service, which scores and evaluates new checkpoints on a schedule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.cli.console import progress_bars, say
from trailhouse.cli.options import DataDirectoryOption, DeviceOption, ShotsOption, WarehouseUrlOption

if TYPE_CHECKING:
    from trailhouse.flows.prefect.polls import Tell
    from trailhouse.flows.prefect.watched_subjects import WatchedSubjects
    from trailhouse.flows.settings import Settings


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
    shots: ShotsOption = None,
    generate: Annotated[
        str | None,
        typer.Option(
            help="Presets of `trailhouse generate`, with commas, such as ps-pl,pl-ps. When the smallest and the largest"
            " model of a suite are finished, they generate texts, which all checkpoints score. [default: none]"
        ),
    ] = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds from one run to the next.")] = 300,
    is_once: Annotated[bool, typer.Option("--once", help="Poll once, then end.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print on stdout one line of JSON for each poll that is told of.")
    ] = False,
    device: DeviceOption = None,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Score and evaluate new checkpoints as they appear, and derive the marts, until Ctrl-C or SIGTERM.

    Each run looks for new checkpoints. A run starts every INTERVAL seconds, and at once after `trailhouse notify`. A
    run that had work or failed is told of in one line, and a line every ten minutes says that the service lives. The
    Prefect server at PREFECT_API_URL records the runs. If this variable is not set, the command starts a Prefect
    server on the loopback interface. This server stops when the command ends.
    """
    from trailhouse.flows.prefect.watched_subjects import WatchedSubjects, require_subjects
    from trailhouse.flows.settings import (
        hand_down,
        load_settings,
        read_prefect_url,
        set_prefect_defaults,
        use_prefect_server,
    )

    flags = {"device": device, "data_directory": data_directory, "warehouse_url": warehouse_url}
    settings = load_settings(**flags)
    presets = [name.strip() for name in generate.split(",")] if generate else []
    subjects = WatchedSubjects(suites, corpora, tasks or (), shots or (2,), presets)
    require_subjects(subjects, settings)

    def tell(line: str, record: Mapping[str, object]) -> None:
        if as_json:
            typer.echo(json.dumps(record, ensure_ascii=False))
        else:
            say(line)

    if is_once:
        poll_once(subjects, settings, tell)
        return
    if data_directory is not None:
        flags["data_directory"] = data_directory.resolve()
    hand_down(**flags)
    set_prefect_defaults(settings)
    from trailhouse.flows.prefect.server import running_server

    is_own = read_prefect_url() is None
    with running_server(settings) as url:
        use_prefect_server(url, is_own=is_own)
        from trailhouse.flows.prefect.deployment import watch_forever
        from trailhouse.flows.prefect.polls import PollTeller

        say(
            f"watching {', '.join(suites)} every {interval:g} s; runs are at {url.removesuffix('/api')}, Ctrl-C ends it"
        )
        PollTeller(url, tell).start()
        watch_forever(subjects, interval, settings)


def poll_once(subjects: WatchedSubjects, settings: Settings, tell: Tell) -> None:
    """Do what one poll does, in this process, and tell of it. Raises PartialError if some of it failed."""
    from trailhouse.flows.settings import prepare_prefect, read_prefect_url

    started_at = datetime.now(UTC)
    prepare_prefect(settings)
    from trailhouse.flows.prefect.polls import PollTeller, read_polls
    from trailhouse.flows.watch_checkpoints import watch_checkpoints

    url = str(read_prefect_url())
    try:
        with progress_bars():
            watch_checkpoints(**asdict(subjects), settings=settings)
    finally:
        teller = PollTeller(url, tell)
        teller.last_error = "not told yet"  # so that a poll without work is told of too
        teller.hear(read_polls(url, started_at))
