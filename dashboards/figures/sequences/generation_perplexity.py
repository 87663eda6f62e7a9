"""Figures 6, 7 and 14 to 16 of Xia et al. 2023: perplexity of generated texts by size and along training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.axes import (
    COMPUTE,
    HorizontalAxis,
    finish_axis,
    keep_positive,
    scale_by_span,
)
from trailhouse.dashboards.figures.exhibit import Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    PANEL_INCHES,
    add_legend,
    draw_intervals,
    draw_models,
    name_suite,
    new_canvas,
    order_by_size,
)
from trailhouse.dashboards.figures.sequences.generation_rows import (
    GENERATIONS,
    Generation,
    choose_comparable,
    choose_length,
    describe_generations,
    list_generations_of,
    list_generations_of_others,
    order_configurations,
    order_samplings,
)
from trailhouse.dashboards.figures.sequences.measure import MEASURE_COLUMNS, Measure, choose_measure, write_range
from trailhouse.dashboards.figures.sequences.scaling_panel import SCALING, describe_verdicts, draw_scaling, title_panel

NARROW_INCHES = 2.5
MOST_WIDE_COLUMNS = 2
INTERVALS = "Bars and bands: 95% intervals over prompts, by a bootstrap. The tokens of the prompts are not scored."
TURNING_LABEL = "lowest, then rises"


Choice = Callable[[str, Iterable[Generation]], list[Generation]]
"""A function that returns the generations that a suite generated, or those that others did."""


def list_shown(
    rows: pa.Table, generations: pa.Table, choose: Choice, new_token_count: int | None
) -> tuple[list[Generation], int]:
    """Return the generations that a figure shows, and the number of those of the same length that it does not show."""
    scored = set(rows["generation_key"].to_pylist())
    of_suite = choose(name_suite(rows), generations.to_pylist())
    of_length = choose_length((row for row in of_suite if row["generation_key"] in scored), new_token_count)
    shown = choose_comparable(of_length)
    return shown, len(of_length) - len(shown)


def draw_generation_perplexity(
    rows: pa.Table,
    generations: pa.Table,
    scaling: pa.Table,
    turning_points: pa.Table,
    *,
    choose: Choice,
    new_token_count: int | None = None,
    is_against_validation: bool = False,
) -> Canvas:
    """Draw the perplexity of generated texts: a column of panels for each configuration.

    The first row shows the last checkpoints against model size. Each further row shows one way of sampling against
    training compute. Against validation perplexity, there is no first row. Models with another tokenizer than the
    generating models are compared in bits per byte.
    """
    shown, left_out_count = list_shown(rows, generations, choose, new_token_count)
    rows = rows.filter(pc.is_in(rows["generation_key"], pa.array(row["generation_key"] for row in shown)))
    measure = choose_measure(rows, "has_generator_tokenizer")
    axis = measure.validation if is_against_validation else COMPUTE
    configurations, samplings = order_configurations(shown), order_samplings(shown)
    row_count = len(samplings) + (not is_against_validation)
    title = f"{measure.name} of generated texts" + (
        f" against validation {measure.name.lower()}" if is_against_validation else ""
    )
    inches = PANEL_INCHES if len(configurations) <= MOST_WIDE_COLUMNS else NARROW_INCHES
    canvas, panels = new_canvas(row_count * len(configurations), title, row_count, inches)
    notes = [*describe_generations(shown, left_out_count), describe_counts(rows), INTERVALS]
    trajectories = panels if is_against_validation else panels[len(configurations) :]
    if not is_against_validation:
        for panel, name in zip(panels, configurations, strict=False):
            draw_scaling(panel, select_rows(rows, shown, name), samplings, measure.column)
        panels[0].set_ylabel(f"{measure.name}, last checkpoints")
        notes += describe_verdicts(scaling, shown)
    places = ((sampling, name) for sampling in samplings for name in configurations)
    for panel, (sampling, name) in zip(trajectories, places, strict=True):
        chosen = select_rows(rows, shown, name, sampling)
        draw_trajectories(panel, chosen, turning_points, measure, axis)
    for sampling, panel in zip(samplings, trajectories[:: len(configurations)], strict=True):
        panel.set_ylabel(f"{measure.name}, {sampling}", parse_math=False)
    for panel, name in zip(panels, configurations, strict=False):
        title_panel(panel, name, [] if is_against_validation else shown, scaling)
    if any(TURNING_LABEL in panel.get_legend_handles_labels()[1] for panel in trajectories):
        notes.append(describe_turning_points(turning_points))
    for panel in trajectories[: -len(configurations)]:
        panel.set_xlabel("")
    canvas.align_ylabels(panels)
    add_notes(canvas, notes)
    add_legend(canvas, [*trajectories, *panels])
    return canvas


def select_rows(rows: pa.Table, shown: list[Generation], name: str, sampling: str | None = None) -> pa.Table:
    """Return the rows of one configuration, with one way of sampling or all of them, sorted by model size."""
    keys = [
        row["generation_key"]
        for row in shown
        if row["decoding_name"] == name and sampling in (None, row["sampling_name"])
    ]
    return order_by_size(rows.filter(pc.is_in(rows["generation_key"], pa.array(keys, pa.string()))))


def draw_trajectories(
    panel: Axes, rows: pa.Table, turning_points: pa.Table, measure: Measure, axis: HorizontalAxis
) -> None:
    """Draw a line per model with its interval along training, and a ring where a curve turns.

    Only rows with a positive value on the horizontal axis are drawn, because other values have no logarithm. If no row
    is drawn, the panel says so.
    """
    drawn = keep_positive(rows.filter(pc.is_valid(rows[measure.column])), axis.column)
    if drawn.num_rows == 0:
        panel.set(xticks=[], yticks=[])
        panel.text(0.5, 0.5, "no values", ha="center", va="center", transform=panel.transAxes)
        return
    draw_models(panel, drawn, axis.column, measure.column)
    draw_intervals(panel, drawn, axis.column, f"{measure.column}_lower", f"{measure.column}_upper")
    turning_steps = {
        (row["generation_key"], row["model_id"], row["turning_step"]) for row in turning_points.to_pylist()
    }
    for row, line in ((row, assign_styles(drawn)[row["model_id"]]) for row in drawn.to_pylist()):
        if (row["generation_key"], row["model_id"], row["step"]) in turning_steps:
            panel.plot(
                row[axis.column],
                row[measure.column],
                label=TURNING_LABEL,
                linestyle="none",
                marker="o",
                markersize=9,
                markerfacecolor="none",
                color=line.color,
            )
    finish_axis(panel, axis, "")
    scale_by_span(panel)


def describe_counts(rows: pa.Table) -> str:
    """Return how many texts a configuration has, and how many of their tokens are scored."""
    texts, tokens = (write_range(rows[name].to_pylist()) for name in ("text_count", "token_count"))
    return f"For each configuration and sampling: {texts} texts, {tokens} scored tokens."


def describe_turning_points(turning_points: pa.Table) -> str:
    """Return the sentence that says what a ring means."""
    margin = pc.max(turning_points["margin_nats"]).as_py()
    return (
        "Rings: the lowest checkpoint of a curve that falls and then rises, by more than "
        f"{margin:g} nats each, and with intervals that exclude 0."
    )


TURNING_POINTS = Companion(
    "fct_generation_turning_point",
    ("generation_key", "model_id", "turning_step", "margin_nats"),
    corpus_column="prompt_corpus_id",
)
COLUMNS = (
    "generation_key",
    "decoding_name",
    "sampling_name",
    "prompt_token_count",
    "new_token_count",
    "model_id",
    "parameter_count",
    "step",
    "is_final",
    "generator_role",
    "has_generator_tokenizer",
    "train_flops_palm",
    "validation_perplexity",
    "validation_bits_per_byte",
    "text_count",
    "token_count",
    *MEASURE_COLUMNS,
)


def define_figure(
    number: int,
    name: str,
    title: str,
    choose: Choice = list_generations_of,
    *,
    new_token_count: int | None = None,
    is_against_validation: bool = False,
) -> Figure:
    """Return the definition of a figure of generated texts, which has the number ``number`` in Xia et al. 2023."""

    def is_drawable(rows: pa.Table, generations: pa.Table | None = None, *_others: pa.Table) -> bool:
        return generations is not None and bool(list_shown(rows, generations, choose, new_token_count)[0])

    return Figure(
        name=f"figure_{number:02d}_{name}",
        title=title,
        source=f"Xia et al. 2023, Figure {number}",
        mart="fct_generation_perplexity_by_checkpoint",
        columns=COLUMNS,
        draw=partial(
            draw_generation_perplexity,
            choose=choose,
            new_token_count=new_token_count,
            is_against_validation=is_against_validation,
        ),
        companions=(GENERATIONS, SCALING, TURNING_POINTS),
        corpus_column="prompt_corpus_id",
        sample="none",
        is_drawable=is_drawable,
    )


FIGURES = (
    define_figure(6, "generation_perplexity", "Perplexity of generated texts by size and along training"),
    define_figure(
        7,
        "generation_perplexity_of_other_models",
        "Perplexity of texts that models of other suites generated",
        list_generations_of_others,
    ),
)
LATER_FIGURES = (
    define_figure(
        14, "generation_perplexity_100_tokens", "Perplexity of generated texts of 100 tokens", new_token_count=100
    ),
    define_figure(
        15, "generation_perplexity_500_tokens", "Perplexity of generated texts of 500 tokens", new_token_count=500
    ),
    define_figure(
        16,
        "generation_perplexity_against_validation",
        "Perplexity of generated texts against validation perplexity",
        is_against_validation=True,
    ),
)
