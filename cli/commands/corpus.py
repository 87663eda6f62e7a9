"""``trailhouse corpus``: add and list the texts that checkpoints are scored on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trailhouse.cli.console import print_json, print_rows, say
from trailhouse.cli.options import DataDirectoryOption, JsonOption, WarehouseUrlOption
from trailhouse.flows.settings import load_settings

corpus_app = typer.Typer(no_args_is_help=True, help="Corpora: the texts that checkpoints are scored on.")


@corpus_app.command("list")
def list_corpora(
    as_json: JsonOption = False, data_directory: DataDirectoryOption = None, warehouse_url: WarehouseUrlOption = None
) -> None:
    """List the corpora of the warehouse."""
    from trailhouse.flows.services.warehouse import resolve_address
    from trailhouse.warehouse.connection import connect
    from trailhouse.warehouse.reading.query import read_columns

    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_address(settings)) as client:
        columns = ["corpus_id", "document_count", "byte_count", "description", "source"]
        print_rows(read_columns(client, "raw_corpus", columns, only_latest=True), as_json=as_json)


@corpus_app.command("add")
def add_corpus(
    files: Annotated[list[Path], typer.Argument(help=".txt, .jsonl or .parquet files, or directories of .txt files.")],
    name: Annotated[str, typer.Option(help="Name of the corpus.")],
    description: Annotated[str, typer.Option(help="What the texts are, in a sentence.")] = "",
    is_generated: Annotated[
        bool, typer.Option("--generated", help="A model wrote the texts: follow their perplexity as a behaviour.")
    ] = False,
    as_json: JsonOption = False,
    data_directory: DataDirectoryOption = None,
    warehouse_url: WarehouseUrlOption = None,
) -> None:
    """Read texts into the warehouse as one corpus.

    A .txt file is one document; a .jsonl file holds one object with `text` per line; a .parquet file has a
    column `text`. A corpus of the same name is replaced; its scores are then made again by `trailhouse score`.
    """
    from trailhouse.flows.pipeline.registration import register_corpus
    from trailhouse.flows.services.warehouse import resolve_address
    from trailhouse.models.texts.corpus import read_corpus
    from trailhouse.warehouse.connection import connect

    kind = "generated" if is_generated else "human"
    corpus = read_corpus(name, files, description=description, kind=kind)
    settings = load_settings(data_directory=data_directory, warehouse_url=warehouse_url)
    with connect(resolve_address(settings)) as client:
        is_new = register_corpus(client, corpus)
    if as_json:
        print_json({"corpus": name, "documents": len(corpus.documents), "is_new": is_new})
    say(f"corpus {name}: {len(corpus.documents)} documents" + ("" if is_new else ", already there"))
