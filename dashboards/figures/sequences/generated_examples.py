"""Tables 1, 5 and 6 of Xia et al. 2023: texts of every configuration after the same prompts."""

from __future__ import annotations

from html import escape
from typing import Any

import pyarrow as pa

from trailhouse.dashboards.figures.sequences.generation_rows import (
    GENERATIONS,
    Generation,
    choose_comparable,
    choose_length,
    describe_generations,
    list_generations_of,
    order_configurations,
    order_samplings,
    write_html_name,
)
from trailhouse.dashboards.figures.table import Table, render_notes, render_rows
from trailhouse.support.visible_text import make_label

PROMPT_COUNT = 2
READING = (
    "Below each text: its perplexity under the last checkpoints of the smallest and the largest model, with ▲ if "
    "that of the largest model is higher. ⏎ is a line break."
)
COLUMNS = (
    "generation_key",
    "suite_id",
    "decoding_name",
    "sampling_name",
    "prompt_token_count",
    "new_token_count",
    "prompt_document_id",
    "prompt_text",
    "generated_text",
    "token_count",
    "smallest_model_id",
    "smallest_model_perplexity",
    "largest_model_id",
    "largest_model_perplexity",
)


def list_shown(rows: pa.Table, generations: pa.Table) -> tuple[list[Generation], int]:
    """Return the generations whose texts are shown, and the number of others of this length.

    They are those of the suite or, if it generated no texts, those of others.
    """
    scored = set(rows["generation_key"].to_pylist())
    known = [row for row in generations.to_pylist() if row["generation_key"] in scored]
    of_suite = list_generations_of(rows["suite_id"][0].as_py(), known) or known
    of_length = choose_length(of_suite, None)
    shown = choose_comparable(of_length)
    return shown, len(of_length) - len(shown)


def render_examples(rows: pa.Table, generations: pa.Table) -> str:
    """Return a table for each of the first prompts, as HTML: a row for each configuration, a column for each sampling.

    A cell holds the text, and its perplexity under the smallest and the largest model.
    """
    shown, left_out_count = list_shown(rows, generations)
    samplings = order_samplings(shown)
    places = {row["generation_key"]: (row["decoding_name"], row["sampling_name"]) for row in shown}
    examples: dict[int, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: row["prompt_document_id"]):
        if row["generation_key"] in places:
            examples.setdefault(row["prompt_document_id"], {})[places[row["generation_key"]]] = row
    parts = []
    for texts in list(examples.values())[:PROMPT_COUNT]:
        prompt = next(iter(texts.values()))["prompt_text"]
        table = [
            [
                f'<th scope="row">{write_html_name(name)}</th>',
                *(render_text(texts.get((name, sampling))) for sampling in samplings),
            ]
            for name in order_configurations(shown)
        ]
        header = [("Configuration", ""), *((make_label(sampling), "text") for sampling in samplings)]
        parts.append(render_rows(header, table, f"Prompt: <q>{escape(prompt)}</q>"))
    notes = [
        *describe_generations(shown, left_out_count),
        f"The prompts are the first {len(parts)} of {len(examples)}. {READING}",
    ]
    return "\n".join([render_notes(notes), *parts])


def render_text(row: dict[str, Any] | None) -> str:
    """Return the cell of a text, which is empty if there is none. The text is shown as text."""
    if row is None:
        return '<td class="text"></td>'
    smallest, largest = (row[f"{end}_model_perplexity"] for end in ("smallest", "largest"))
    names = (make_label(row[f"{end}_model_id"]).rpartition("/")[2] for end in ("smallest", "largest"))
    small_name, large_name = map(escape, names)
    mark = " ▲" if largest > smallest else ""
    return (
        f'<td class="text"><bdi>{escape(row["generated_text"])}</bdi>'
        f'<p class="note">{smallest:,.1f} {small_name}, {largest:,.1f} {large_name}{mark}</p></td>'
    )


def has_examples(rows: pa.Table, generations: pa.Table | None = None) -> bool:
    """Return whether there are texts whose generations are known."""
    return generations is not None and bool(list_shown(rows, generations)[0])


TABLE = Table(
    name="table_01_generated_examples",
    title="Examples of generated texts",
    source="Xia et al. 2023, Tables 1, 5 and 6",
    mart="fct_generation_example",
    columns=COLUMNS,
    render=render_examples,
    companions=(GENERATIONS,),
    corpus_column="prompt_corpus_id",
    is_drawable=has_examples,
)
