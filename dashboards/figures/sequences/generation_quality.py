"""Figure 13 and table 4 of Xia et al. 2023: the quality and diversity of generated texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html import escape
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend, new_canvas
from trailhouse.dashboards.figures.sequences.generation_rows import (
    GENERATIONS,
    Generation,
    choose_comparable,
    describe_generations,
    name_pair,
    order_configurations,
    order_samplings,
    write_html_name,
    write_math_name,
)
from trailhouse.dashboards.figures.sequences.measure import write_range
from trailhouse.dashboards.figures.sequences.scaling_panel import assign_greys
from trailhouse.dashboards.figures.table import Table, render_notes, render_rows
from trailhouse.support.visible_text import make_label, make_visible

MART = "fct_generation_quality"
COLUMNS = (
    "generation_key",
    "decoding_name",
    "sampling_name",
    "prompt_token_count",
    "new_token_count",
    "text_count",
    "token_count",
    "mauve",
    "distinct_1_ratio",
    "distinct_2_ratio",
    "distinct_3_ratio",
    "distinct_4_ratio",
    "repeated_4_ratio",
    "self_bleu",
    "fallback_ratio",
    "mauve_settings",
    "self_bleu_settings",
)
OF_SUITE = replace(GENERATIONS, suite_column="small_suite_id")
"""The generations with a small model of the suite."""
GROUP_WIDTH = 0.8
MAUVE_NOTE = "MAUVE (Pillutla et al. 2021) of the generated texts and human ones, from 0 to 1; higher is better."
CONTEXT_TITLES = {
    "small_checkpoint": "p_s",
    "large_checkpoint": "p_l",
    "prompt_token_count": "Prompt tokens",
    "new_token_count": "New tokens",
    "text_count": "Texts",
    "seed": "Seed",
}
QUALITY_TITLES = {
    "mauve": "MAUVE",
    "distinct_1_ratio": "Distinct-1",
    "distinct_2_ratio": "Distinct-2",
    "distinct_3_ratio": "Distinct-3",
    "distinct_4_ratio": "Distinct-4",
    "repeated_4_ratio": "Repetition",
    "self_bleu": "Self-BLEU",
    "fallback_ratio": "Fallbacks",
}
QUALITY_NOTES = {
    "mauve": MAUVE_NOTE,
    "distinct_1_ratio": "Distinct-n: different n-grams of tokens in all texts / n-grams (Li et al. 2016).",
    "repeated_4_ratio": "Repetition: share of the 4-grams of a text that repeat an earlier one (Welleck et al. 2020).",
    "self_bleu": "Self-BLEU (Zhu et al. 2018), from 0 to 100: high if the texts resemble each other.",
    "fallback_ratio": "Fallbacks: share of the tokens for which no probability was left, so that the most probable "
    "token of the favoured model was taken.",
}


def join_quality(rows: pa.Table, generations: pa.Table) -> list[dict[str, Any]]:
    """Return the rows whose generation is in ``generations``, with the columns of both and the checkpoints."""
    known = {row["generation_key"]: row for row in generations.to_pylist()}
    joined = [row | known[row["generation_key"]] for row in rows.to_pylist() if row["generation_key"] in known]
    return [row | dict(zip(("small_checkpoint", "large_checkpoint"), name_pair(row), strict=True)) for row in joined]


def list_compared(rows: pa.Table, generations: pa.Table) -> dict[int, list[Generation]]:
    """Return the generations with MAUVE that are compared with each other, by the number of tokens of their texts."""
    scored = [row for row in join_quality(rows, generations) if row["mauve"] is not None]
    lengths = sorted({row["new_token_count"] for row in scored})
    return {length: choose_comparable(row for row in scored if row["new_token_count"] == length) for length in lengths}


def draw_mauve(rows: pa.Table, generations: pa.Table) -> Canvas:
    """Draw MAUVE of every configuration and way of sampling: a panel for each length of the texts."""
    compared = list_compared(rows, generations)
    shown = [row for of_length in compared.values() for row in of_length]
    samplings = order_samplings(shown)
    canvas, panels = new_canvas(len(compared), "MAUVE of generated texts")
    for panel, (length, of_length) in zip(panels, compared.items(), strict=True):
        draw_bars(panel, of_length, samplings)
        panel.set_title(f"{length} tokens")
    panels[0].set_ylabel("MAUVE")
    texts = write_range(row["text_count"] for row in shown)
    counts = f"For each configuration and sampling: {texts} texts."
    left_out_count = sum(row["mauve"] is not None for row in join_quality(rows, generations)) - len(shown)
    sentences = describe_generations(shown, left_out_count)
    add_notes(canvas, [*sentences, counts, MAUVE_NOTE, *describe_settings(shown, "MAUVE")])
    add_legend(canvas, panels, title="Sampling")
    return canvas


def draw_bars(panel: Axes, shown: list[Generation], samplings: list[str]) -> None:
    """Draw a group of bars for each configuration, with a bar for each way of sampling."""
    configurations = order_configurations(shown)
    places = {name: place for place, name in enumerate(configurations)}
    width = GROUP_WIDTH / len(samplings)
    for index, (sampling, grey) in enumerate(assign_greys(samplings).items()):
        bars = [row for row in shown if row["sampling_name"] == sampling]
        if not bars:
            continue
        offset = (index - (len(samplings) - 1) / 2) * width
        panel.bar(
            [places[row["decoding_name"]] + offset for row in bars],
            [row["mauve"] for row in bars],
            width,
            color=grey,
            label=sampling,
        )
    panel.set_xticks(range(len(configurations)), [write_math_name(name) for name in configurations])
    panel.grid(visible=False, axis="x")
    panel.set(xlim=(-0.75, len(configurations) - 0.25), ylim=(0, 1))


def describe_settings(rows: Iterable[dict[str, Any]], measure: str) -> list[str]:
    """Return the sentence with the settings of MAUVE or self-BLEU, if they are known."""
    column = f"{measure.lower().replace('-', '_')}_settings"
    settings = sorted({make_visible(row[column], line_break=" ") for row in rows if row[column]})
    return [f"Settings of {measure}: {'; '.join(settings)}."] if settings else []


def render_quality(rows: pa.Table, generations: pa.Table) -> str:
    """Return the table of the quality of all generations as HTML.

    Columns without a value are left out, and so are columns about the generations whose values are all equal.
    """
    joined = join_quality(rows, generations)
    configurations, samplings = order_configurations(joined), order_samplings(joined)
    joined.sort(
        key=lambda row: (
            row["new_token_count"],
            samplings.index(row["sampling_name"]),
            configurations.index(row["decoding_name"]),
            row["generation_key"],
        )
    )
    columns = [name for name in (*CONTEXT_TITLES, *QUALITY_TITLES) if is_told(name, joined)]
    cells = [
        [
            f'<th scope="row">{write_html_name(row["decoding_name"])}</th>',
            f"<td>{escape(make_label(row['sampling_name']))}</td>",
            *(f'<td class="number">{write_value(name, row[name])}</td>' for name in columns),
        ]
        for row in joined
    ]
    notes = [
        *describe_generations(joined, 0),
        f"For each configuration and sampling: {write_range(row['text_count'] for row in joined)} texts.",
        *(QUALITY_NOTES[name] for name in columns if name in QUALITY_NOTES),
        *describe_settings(joined, "MAUVE"),
        *describe_settings(joined, "self-BLEU"),
    ]
    titles = CONTEXT_TITLES | QUALITY_TITLES
    header = [("Configuration", ""), ("Sampling", ""), *((titles[name], "number") for name in columns)]
    return f"{render_notes(notes)}\n{render_rows(header, cells)}"


def is_told(name: str, rows: list[dict[str, Any]]) -> bool:
    """Return whether a column says something: if its values differ or, for a quality, if it has a value."""
    values = {row[name] for row in rows}
    return len(values) > 1 if name in CONTEXT_TITLES else values != {None}


def write_value(name: str, value: float | str | None) -> str:
    """Write a value of the table. A share is written in percent."""
    if value is None:
        return ""
    if name in CONTEXT_TITLES:
        return escape(make_label(str(value)))
    if name in ("repeated_4_ratio", "fallback_ratio"):
        return f"{100 * value:.1f} %"
    return f"{value:.1f}" if name == "self_bleu" else f"{value:.3f}"


FIGURE = Figure(
    name="figure_13_generation_mauve",
    title="MAUVE of generated texts",
    source="Xia et al. 2023, Figure 13",
    mart=MART,
    columns=COLUMNS,
    draw=draw_mauve,
    companions=(OF_SUITE,),
    suite_column=None,
    corpus_column="prompt_corpus_id",
    sample="none",
    is_drawable=lambda rows, *companions: bool(companions and list_compared(rows, companions[0])),
)
TABLE = Table(
    name="table_04_generation_quality",
    title="Quality of generated texts",
    source="Xia et al. 2023, Table 4",
    mart=MART,
    columns=COLUMNS,
    render=render_quality,
    companions=(OF_SUITE,),
    suite_column=None,
    corpus_column="prompt_corpus_id",
    is_drawable=lambda rows, *companions: bool(companions and join_quality(rows, companions[0])),
)
