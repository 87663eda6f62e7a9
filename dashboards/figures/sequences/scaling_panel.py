"""This module draws how the perplexity of generated texts scales with model size, and states the verdict on it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes

from trailhouse.dashboards.colours import choose_grey
from trailhouse.dashboards.figures.axes import finish_size_axis, scale_by_span
from trailhouse.dashboards.figures.exhibit import Companion
from trailhouse.dashboards.figures.line_styles import DASHES, MARKERS
from trailhouse.dashboards.figures.sequences.generation_rows import MINUS_SIGN, Generation, write_math_name

SCALING = Companion(
    "fct_generation_scaling",
    (
        "generation_key",
        "model_count",
        "spearman",
        "spearman_lower",
        "spearman_upper",
        "verdict",
        "reason_for_null",
        "caveat",
    ),
    corpus_column="prompt_corpus_id",
)
DARKEST, LIGHTEST = 0.0, 0.6
TITLE_PAD_POINTS, VERDICT_POINTS = 5, 9
GENERATOR_LABEL = "generated the texts"


def assign_greys(samplings: Sequence[str]) -> dict[str, str]:
    """Return the grey of each way of sampling. The first one is black."""
    return {sampling: choose_grey(place, len(samplings), DARKEST, LIGHTEST) for place, sampling in enumerate(samplings)}


def draw_scaling(panel: Axes, rows: pa.Table, samplings: Sequence[str], column: str) -> None:
    """Draw the last checkpoints of the models against their size, with a line and intervals for each way of sampling.

    The models that generated the texts have filled markers.
    """
    final = rows.filter(pc.and_(rows["is_final"], pc.is_valid(rows[column])))
    generator_marks = []
    for place, (sampling, grey) in enumerate(assign_greys(samplings).items()):
        series = final.filter(pc.equal(final["sampling_name"], sampling)).to_pylist()
        marker, linestyle = MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)]
        panel.plot(
            [row["parameter_count"] for row in series],
            [row[column] for row in series],
            label=sampling,
            color=grey,
            marker=marker,
            linestyle=linestyle,
            markerfacecolor="white",
        )
        known = [row for row in series if row[f"{column}_lower"] is not None]
        sizes, lower, upper = (
            [row[name] for row in known] for name in ("parameter_count", f"{column}_lower", f"{column}_upper")
        )
        panel.vlines(sizes, lower, upper, color=grey, linewidth=1)
        generator_marks += [
            (row["parameter_count"], row[column], marker, grey) for row in series if row["generator_role"]
        ]
    for size, value, marker, grey in generator_marks:
        panel.plot(size, value, marker=marker, color=grey, linestyle="none", label=GENERATOR_LABEL)
    scale_by_span(panel)
    if final.num_rows:
        finish_size_axis(panel, final["parameter_count"].to_pylist())


def title_panel(panel: Axes, name: str, shown: Sequence[Generation], scaling: pa.Table) -> None:
    """Set the title of a panel: the configuration and, for each of its generations in ``shown``, the verdict."""
    panel.set_title(write_math_name(name))
    verdicts = {row["generation_key"]: row for row in scaling.to_pylist()}
    lines = [
        f"{row['sampling_name']}: {write_verdict(verdicts[row['generation_key']])}"
        for row in shown
        if row["decoding_name"] == name and row["generation_key"] in verdicts
    ]
    if lines:
        panel.set_title(panel.get_title(), pad=TITLE_PAD_POINTS + VERDICT_POINTS * len(lines))
        panel.text(
            0.5,
            1.03,
            "\n".join(sorted(lines)),
            transform=panel.transAxes,
            ha="center",
            va="bottom",
            fontsize=7,
            parse_math=False,
        )


def write_verdict(row: dict[str, float | str | None]) -> str:
    """Write the verdict on one generation with the correlation and its interval."""
    if row["spearman"] is None:
        return "no verdict"
    numbers = f"{row['spearman']:.2g}"
    if row["spearman_lower"] is not None:
        numbers += f" [{row['spearman_lower']:.2g}, {row['spearman_upper']:.2g}]"
    return f"{row['verdict'] or 'no verdict'}, {numbers}".replace("-", MINUS_SIGN)


def describe_verdicts(scaling: pa.Table, shown: Sequence[Generation]) -> list[str]:
    """Return the sentences that explain the verdicts, why there are none, and what limits them."""
    keys = {row["generation_key"] for row in shown}
    rows = [row for row in scaling.to_pylist() if row["generation_key"] in keys]
    if not rows:
        return []
    models = max(row["model_count"] for row in rows)
    limits = sorted({row["caveat"] for row in rows} - {""})
    reasons = sorted({row["reason_for_null"] for row in rows} - {""})
    return [
        "Above the panels: Spearman's correlation of ln perplexity with ln parameters over the last checkpoints of "
        f"{models} models, with its 95% interval over prompts; inverse: it is above 0; regular: it is below 0.",
        *(f"{limit[0].upper()}{limit[1:]}." for limit in limits),
        *(f"No verdict: {reason}." for reason in reasons),
    ]
