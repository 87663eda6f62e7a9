"""``trailhouse report``: write the report on a suite, one HTML file that can be sent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption


def report(
    suite: Annotated[
        str | None, typer.Argument(help="Suite, see `trailhouse status`. [default: the one that was scored last]")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Suite whose models the largest model is compared with. [default: SUITE's own models]"),
    ] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="Corpus. [default: the one that SUITE was scored on last]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write. [default: SUITE.html in data/reports]")
    ] = None,
    is_markdown: Annotated[
        bool, typer.Option("--markdown", help="Write a model card: Markdown, with its charts as PNG files beside it.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Write a report on the largest model of a suite: how it stands, what it forgets, what it can do.

    The report is one HTML file that needs no network and no login. Each sentence names the question of `trailhouse ask`
    that gives its numbers.

    Example: trailhouse report my-run --against pythia --out my-run.html
    """
    from trailhouse.flows.settings import load_settings
    from trailhouse.flows.write_report import write_report

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    written = write_report(settings, suite, against, corpus, out=out, is_markdown=is_markdown)
    if as_json:
        print_json({**asdict(written), "files": [str(file) for file in written.files]})
    say(f"wrote {written.files[0]} about {written.suite_id} on {written.corpus_id}")
