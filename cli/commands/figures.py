"""``trailhouse figures``: draw the figures and tables of Xia et al. 2023."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.cli.console import print_json, progress_bars, say
from trailhouse.cli.options import (
    CorpusOption,
    DataDirectoryOption,
    JsonOption,
    WarehouseUrlOption,
)


def figures(
    suite: Annotated[str, typer.Option(help="Suite whose figures are drawn.")],
    corpus: CorpusOption,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Draw the figures of Xia et al. 2023 from the marts as PNG, SVG and PDF, and write an HTML page that shows them.

    Tables are HTML pages, to which this page links. The figures and tables of corrupted and generated texts are those
    of the corpus that the texts were made from.

    The command names the page. With --json, it prints the list of all files.

    Example: trailhouse figures --suite opt-published --corpus pg19-validation
    """
    from trailhouse.flows.settings import load_settings

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    from trailhouse.flows.draw_figures import draw_figures

    with progress_bars():
        report = draw_figures(settings, suite, corpus)
    if as_json:
        print_json([str(file) for file in report.files])
    say(f"figures: {report.page}")
    for caveat in report.caveats:
        say(f"note: {caveat}")
