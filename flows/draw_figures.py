"""Drawing the figures of the papers from the marts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.dashboards.figures.figure import Companion, save_figure
from trailhouse.dashboards.figures.gallery import FIGURES
from trailhouse.errors import BadInputError
from trailhouse.flows.address import resolve_address
from trailhouse.flows.progress import report_progress
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.query import read_columns


def draw_figures(settings: Settings, suite: str, corpus: str) -> list[Path]:
    """Draw every figure for one suite on one corpus; returns the files, PNG, SVG and PDF.

    Raises BadInputError if the marts hold nothing about this suite and corpus.
    """
    directory = settings.figures_directory / suite / corpus
    files: list[Path] = []
    with connect(resolve_address(settings)) as client:
        for index, figure in enumerate(FIGURES):
            report_progress("Figures", index, len(FIGURES), figure.title)
            rows = read_columns(client, figure.mart, figure.columns, {"suite_id": suite, "corpus_id": corpus})
            if rows.num_rows == 0:
                raise BadInputError(
                    f"the marts hold nothing about suite {suite!r} on corpus {corpus!r}",
                    "see `trailhouse status`; score the suite and run `trailhouse transform`",
                )
            companions = [read_companion(client, companion, suite, corpus) for companion in figure.companions]
            files += save_figure(figure, rows, directory, *companions)
    report_progress("Figures", len(FIGURES), len(FIGURES))
    return files


def read_companion(client: Client, companion: Companion, suite: str, corpus: str) -> pa.Table:
    """Read what a figure shows beside its mart: of the same suite and corpus, or of a published suite."""
    if companion.suite_id is None:
        return read_columns(client, companion.mart, companion.columns, {"suite_id": suite, "corpus_id": corpus})
    return read_columns(client, companion.mart, companion.columns, {"suite_id": companion.suite_id})
