"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DataDirectoryOption = Annotated[
    Path | None, typer.Option("--data-directory", help="Embedded warehouse, suites and run history. [default: data]")
]
WarehouseUrlOption = Annotated[
    str | None,
    typer.Option("--warehouse-url", help="ClickHouse over HTTP. [default: the embedded server, started on demand]"),
]
CorpusOption = Annotated[str, typer.Option("--corpus", help="Corpus, see `trailhouse corpus list`.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N. [default: auto]")]
