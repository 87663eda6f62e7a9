"""Figure 5 (left) of Xia et al. 2023: perplexity of corrupted texts against the rate of corruption."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MultipleLocator

from trailhouse.dashboards.colours import REFERENCE
from trailhouse.dashboards.figures.axes import scale_by_span
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.panels import add_legend, draw_intervals, draw_models, new_canvas, order_by_size
from trailhouse.dashboards.figures.sequences.measure import (
    MEASURE_COLUMNS,
    PERPLEXITY,
    Measure,
    choose_measure,
    write_range,
)
from trailhouse.support.visible_text import make_label

UNCHANGED = "none"
TITLES = {
    "replace": "Replaced tokens",
    "delete": "Deleted tokens",
    "insert": "Inserted tokens",
    "repeat": "Repeated tokens",
}
UNIFORM = "Dashed: a model that gives every token of the vocabulary the same probability 1 / |V|."
INTERVALS = "Bands: 95% intervals over documents, by a bootstrap. Rate 0: the same documents without corruption."
COLUMNS = (
    "source_corpus_id",
    "corpus_id",
    "corruption_kind",
    "corruption_rate",
    "corruption_unit",
    "seed",
    "longest_source_token_count",
    "model_id",
    "parameter_count",
    "step",
    "is_final",
    "has_corruption_tokenizer",
    "document_count",
    "token_count",
    *MEASURE_COLUMNS,
    "random_model_perplexity",
)


def choose_variants(rows: pa.Table) -> pa.Table:
    """Return the rows of the last checkpoints on corpora that can be compared, the smallest models first.

    The documents of these corpora were cut to the same length: that of most corpora, or the shortest of several. Of
    several seeds of a kind, the lowest is chosen.
    """
    final = order_by_size(rows.filter(rows["is_final"]))
    corpora = {row["corpus_id"]: row for row in final.to_pylist()}
    lengths = Counter(row["longest_source_token_count"] for row in corpora.values())
    length = min(lengths, key=lambda length: (-lengths[length], length), default=0)
    cut = [row for row in corpora.values() if row["longest_source_token_count"] == length]
    seeds: dict[tuple[str, str], int] = {}
    for row in cut:
        seeds[name_kind(row)] = min(row["seed"], seeds.get(name_kind(row), row["seed"]))
    chosen = [row["corpus_id"] for row in cut if row["seed"] == seeds[name_kind(row)]]
    return final.filter(pc.is_in(final["corpus_id"], pa.array(chosen, pa.string())))


def name_kind(row: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of a corruption and the unit that it corrupts."""
    return row["corruption_kind"], row["corruption_unit"]


def draw_corruption(rows: pa.Table) -> Canvas:
    """Draw the perplexity of the last checkpoints against the rate: a panel for each kind, a line for each model."""
    chosen = choose_variants(rows)
    measure = choose_measure(chosen, "has_corruption_tokenizer")
    kinds = sorted(
        {name_kind(row) for row in chosen.to_pylist() if row["corruption_kind"] != UNCHANGED}, key=place_kind
    )
    canvas, panels = new_canvas(len(kinds), f"{measure.name} of corrupted texts")
    for panel, (kind, unit) in zip(panels, kinds, strict=True):
        is_kind = pc.and_(pc.equal(chosen["corruption_kind"], kind), pc.equal(chosen["corruption_unit"], unit))
        is_unchanged = pc.equal(chosen["corruption_kind"], UNCHANGED)
        draw_kind(panel, chosen.filter(pc.or_(is_kind, is_unchanged)), measure)
        panel.set_title(TITLES[kind] + (", in spans" if unit == "span" else ""))
    panels[0].set_ylabel(f"{measure.name}, last checkpoints")
    add_notes(canvas, describe_variants(rows, chosen))
    add_legend(canvas, panels)
    return canvas


def place_kind(kind: tuple[str, str]) -> tuple[int, str]:
    """Return the place of a kind of corruption among the panels. Single tokens come before spans."""
    return list(TITLES).index(kind[0]), "" if kind[1] == "token" else kind[1]


def draw_kind(panel: Axes, rows: pa.Table, measure: Measure) -> None:
    """Draw the models on texts with one kind of corruption, and the perplexity of a model that knows no token."""
    percent = rows.append_column("rate_percent", pc.multiply(rows["corruption_rate"], 100))
    draw_models(panel, percent, "rate_percent", measure.column)
    draw_intervals(panel, percent, "rate_percent", f"{measure.column}_lower", f"{measure.column}_upper")
    vocabulary_size = pc.max(rows["random_model_perplexity"]).as_py()
    if measure == PERPLEXITY and vocabulary_size is not None:
        label = f"|V| = {vocabulary_size:,.0f}"
        panel.axhline(vocabulary_size, color=REFERENCE, linestyle="--", label=label)
    panel.set(xlabel="Corrupted tokens (%)", xlim=(-4, 104))
    panel.xaxis.set_major_locator(MultipleLocator(20))
    scale_by_span(panel)


def describe_variants(rows: pa.Table, chosen: pa.Table) -> list[str]:
    """Return the sentences of the caption: the texts and their numbers, the intervals, and what is not shown."""
    first = chosen.to_pylist()[0]
    documents, tokens = (write_range(chosen[name].to_pylist()) for name in ("document_count", "token_count"))
    left_out_count = len(set(rows["corpus_id"].to_pylist())) - len(set(chosen["corpus_id"].to_pylist()))
    sentences = [
        f"{make_label(first['source_corpus_id'])}: {documents} documents, cut to at most "
        f"{first['longest_source_token_count']} tokens before the corruption; {tokens} scored tokens at each rate.",
        INTERVALS,
        UNIFORM,
    ]
    if left_out_count:
        sentences.append(f"Not shown: corrupted corpora with other seeds or lengths ({left_out_count}).")
    return sentences


def has_corrupted_texts(rows: pa.Table) -> bool:
    """Return whether there are corrupted texts, and not the unchanged texts only."""
    return any(kind != UNCHANGED for kind in choose_variants(rows)["corruption_kind"].to_pylist())


FIGURE = Figure(
    name="figure_05_corruption_perplexity",
    title="Perplexity of corrupted texts",
    source="Xia et al. 2023, Figure 5, left",
    mart="fct_corruption_perplexity",
    columns=COLUMNS,
    draw=draw_corruption,
    corpus_column="source_corpus_id",
    sample="none",
    is_drawable=has_corrupted_texts,
)
