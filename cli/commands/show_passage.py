"""``trailhouse show-passage``: show one document with every token in the colour of its trend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import data, print_json, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption


def show_passage(
    document: Annotated[str, typer.Option(help="Document of the corpus, by its number or its name.")],
    model: Annotated[str, typer.Option(help="Model whose trends are shown, by its id or its name.")],
    start: Annotated[int, typer.Option(min=0, max=90, help="Start of the trend, % of training: 0, 10, ... 90.")] = 10,
    suite: Annotated[str | None, typer.Option(help="Suite of the model, where its name is not enough.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Corpus. [default: the only corpus with trends]")] = None,
    convention: Annotated[
        str | None, typer.Option(help="Convention by which trends are estimated. [default: the default convention]")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write one HTML file in which a slider shows how each token is learned, in all models of the suite.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Suite whose models --html and --json show too. Repeat it for several suites."),
    ] = None,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Show a document with every token coloured by its trend: learned, forgetting or still learning.

    If NO_COLOR is set, or if the output is not a terminal, marks replace the colours: {=learned}, {+forgetting},
    {-still learning}.
    """
    from trailhouse.dashboards.passages.passage_history import describe_series
    from trailhouse.dashboards.passages.passage_page import write_page
    from trailhouse.dashboards.passages.terminal import render_passage
    from trailhouse.flows.read_passage import read_passage
    from trailhouse.flows.services.warehouse import resolve_reader_address
    from trailhouse.flows.settings import load_settings
    from trailhouse.warehouse.connection import connect

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_reader_address(settings)) as client:
        history = read_passage(
            client, document, model, start, suite=suite, corpus=corpus, convention=convention, against=against or ()
        )
    if as_json:
        print_json(describe_series(history))
    if html is not None:
        write_page(history, html)
        say(f"wrote {html}")
    if html is None and not as_json:
        has_colors = data.color_system is not None and not data.no_color
        text = render_passage(history.passage, has_colors=has_colors)
        data.print(text, highlight=False, soft_wrap=not data.is_terminal)
