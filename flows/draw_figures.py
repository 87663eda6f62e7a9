"""This module reads the marts and draws figures that reproduce figures of published papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.figures.exhibit import Companion, Exhibit, Selection
from trailhouse.dashboards.figures.figure import Figure, Sample, save_figure
from trailhouse.dashboards.figures.gallery import FIGURES, TABLES
from trailhouse.dashboards.figures.gallery_page import save_rows, write_gallery
from trailhouse.dashboards.figures.line_styles import add_styles
from trailhouse.dashboards.figures.passage_table import NAME as PASSAGE_NAME
from trailhouse.dashboards.figures.passage_table import TITLE as PASSAGE_TITLE
from trailhouse.dashboards.figures.passage_table import save_passage
from trailhouse.dashboards.figures.table import Table, write_table
from trailhouse.dashboards.passages.passage_page import write_page
from trailhouse.errors import BadInputError
from trailhouse.flows.read_passage import find_convention, read_passage
from trailhouse.flows.services.warehouse import resolve_reader_address
from trailhouse.flows.settings import Settings
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.query import read_columns, read_models_by_size
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_caveats, read_questions

PASSAGE_START_PERCENT = 10
PUBLISHED_CONVENTION = "published"  # of trends whose tokens are not in the warehouse


@dataclass(frozen=True)
class DrawingReport:
    """The files that were written, the page that shows them, and the caveats that a reader has to know."""

    files: list[Path]
    page: Path
    caveats: list[str]


def draw_figures(settings: Settings, suite: str, corpus: str) -> DrawingReport:
    """Draw the figures of one suite on one corpus as PNG, SVG and PDF.

    A figure is left out if the marts have no rows for it. Raises BadInputError if every figure is left out.
    """
    directory = settings.figures_directory / suite / corpus
    files: list[Path] = []
    caveats: dict[tuple[str, int | None], list[str]] = {}
    address = resolve_reader_address(settings)
    with connect(address) as client:
        model_colors = assign_model_colors(read_models_by_size(client, address.database))
        samples = describe_samples(client, suite, corpus)
        for index, figure in enumerate(FIGURES):
            report_progress("Figures", index, len(FIGURES) + 1, figure.title)
            notes = [samples[figure.sample]] if samples[figure.sample] else []
            if figure.caveat_mart is not None:
                key = (figure.caveat_mart, figure.last_start_percent)
                if key not in caveats:
                    about = corpus if figure.are_caveats_of_corpus else None
                    caveats[key] = read_caveats(client, figure.caveat_mart, suite, about, figure.last_start_percent)
                notes += caveats[key]
            files += draw_figure(client, figure, suite, corpus, directory, model_colors, notes)
        if not files:
            raise BadInputError(
                f"the marts hold nothing about suite {suite!r} on corpus {corpus!r}",
                "see `trailhouse status`; score the suite and run `trailhouse transform`",
            )
        report_progress("Figures", len(FIGURES), len(FIGURES) + 1, "Tables")
        for table in TABLES:
            files += draw_table(client, table, suite, corpus, directory)
        files += draw_passage(client, suite, corpus, directory)
        drawn = [figure for figure in FIGURES if directory / f"{figure.name}.csv" in files]
        titles = {table.name: table.title for table in TABLES} | {PASSAGE_NAME: PASSAGE_TITLE}
        tables = {file.name: titles[file.stem] for file in sorted(files) if file.suffix == ".html"}
        page = write_gallery(drawn, directory, suite, corpus, samples, tables)
        files.append(page)
    report_progress("Figures", len(FIGURES) + 1, len(FIGURES) + 1)
    return DrawingReport(files, page, list(dict.fromkeys(note for notes in caveats.values() for note in notes)))


def draw_figure(
    client: Client,
    figure: Figure,
    suite: str,
    corpus: str,
    directory: Path,
    model_colors: Mapping[str, str],
    notes: list[str],
) -> list[Path]:
    """Draw one figure with the notes below it, and return its files.

    If the figure's mart holds nothing of the suite that the figure shows, nothing is drawn and the list is empty.
    """
    tables = read_exhibit(client, figure, suite, corpus)
    if not figure.is_drawable(*tables):
        return []
    files = save_figure(figure, directory, *(add_styles(table, model_colors) for table in tables), notes=notes)
    return [*files, save_rows(tables[0], directory, figure.name)]


def draw_table(client: Client, table: Table, suite: str, corpus: str, directory: Path) -> list[Path]:
    """Write a table as an HTML page and its rows as CSV, and return the files. It is left out if it has no rows."""
    tables = read_exhibit(client, table, suite, corpus)
    if not table.is_drawable(*tables):
        return []
    return [write_table(table, directory, *tables), save_rows(tables[0], directory, table.name)]


def read_exhibit(client: Client, exhibit: Exhibit, suite: str, corpus: str) -> list[pa.Table]:
    """Read the rows of the mart of a figure or table, and then those of each companion.

    No companion is read if the mart has no rows.
    """
    rows = read_selection(client, exhibit, suite, corpus)
    if rows.num_rows == 0:
        return [rows]
    return [rows, *(read_companion(client, companion, suite, corpus) for companion in exhibit.companions)]


def read_selection(client: Client, selection: Selection, suite: str, corpus: str) -> pa.Table:
    """Read the selected columns of a mart, for a suite and a corpus."""
    places = ((selection.suite_column, suite), (selection.corpus_column, corpus))
    chosen = {column: value for column, value in places if column is not None}
    return read_columns(client, selection.mart, selection.columns, {**chosen, **dict(selection.equals)})


def describe_samples(client: Client, suite: str, corpus: str) -> dict[Sample, str]:
    """Return the sentence that a figure's caption has about its sample, for each kind of sample.

    It states the suite, the corpus, the numbers of tokens and documents and, for trends, the convention. The numbers of
    published suites are unknown.
    """
    columns = ["score_count", "document_count"]
    mart = "fct_validation_perplexity_by_checkpoint"
    counts = read_columns(client, mart, columns, {"suite_id": suite, "corpus_id": corpus}).to_pylist()
    token_count, document_count = (max((row[name] for row in counts), default=0) for name in columns)
    numbers = f", {token_count:,} scored tokens of {document_count:,} documents" if token_count else ""
    tokens = f"{suite}; perplexity on {corpus}{numbers}."
    convention = find_convention(client, None) if token_count else PUBLISHED_CONVENTION
    return {
        "tokens": tokens,
        "trends": f"{tokens} Convention of trends: {convention}.",
        "none": "",
    }


def read_companion(client: Client, companion: Companion, suite: str, corpus: str) -> pa.Table:
    """Read the rows of a companion, which is a second mart that a figure shows.

    If the companion names a published suite, the rows of the published suite are read. Otherwise the rows of ``suite``
    and ``corpus`` are read. If ``suite`` is the published suite itself, no rows are returned.
    """
    if companion.suite_id is None:
        return read_selection(client, companion, suite, corpus)
    rows = read_selection(client, replace(companion, corpus_column=None), companion.suite_id, corpus)
    return rows.slice(0, 0) if companion.suite_id == suite else rows


def draw_passage(client: Client, suite: str, corpus: str, directory: Path) -> list[Path]:
    """Draw one document of the corpus with the trend of each token, and also write the document as an HTML page.

    The document is the one with the largest share of upward (forgotten) tokens under the suite's largest model.
    Returns the written files. The list is empty if the marts hold no trends of the model on the corpus.
    """
    question = read_questions(packaged_questions())["documents_by_trend"]
    values = {"suite_id": suite, "corpus_id": corpus, "start_percent": str(PASSAGE_START_PERCENT), "limit": "1"}
    found = ask_question(client, question, values)
    if found.num_rows == 0:  # every document is shorter than the default of this parameter of the named question
        found = ask_question(client, question, {**values, "minimum_token_count": "1"})
    if found.num_rows == 0:
        return []
    models = read_columns(client, "dim_model", ["parameter_count", "model_id"], {"suite_id": suite}).to_pylist()
    model_id = min(models, key=lambda model: (-model["parameter_count"], model["model_id"]))["model_id"]
    document = str(found["document_id"][0].as_py())
    history = read_passage(client, document, model_id, PASSAGE_START_PERCENT, suite=suite, corpus=corpus)
    page = directory / f"{PASSAGE_NAME}.html"
    files = save_passage(history.passage, directory)
    write_page(history, page)
    return [*files, page]
