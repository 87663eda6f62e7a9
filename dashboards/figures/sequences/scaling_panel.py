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
from trailhouse.dashboards.figures.sequences.generation_rows import MATH_NAMES, Generation
from trailhouse.support.visible_text import make_label

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
GENERATOR_LABEL = "generated the texts"


def draw_scaling(panel: Axes, rows: pa.Table, samplings: Sequence[str], column: str) -> None:
    """Draw the last checkpoints of the models against their size, with a line and intervals for each way of sampling.

    The models that generated the texts have filled markers.
    """
    final = rows.filter(pc.and_(rows["is_final"], pc.is_valid(rows[column])))
    for place, sampling in enumerate(samplings):
        series = final.filter(pc.equal(final["sampling_name"], sampling)).to_pylist()
        grey = choose_grey(place, len(samplings), DARKEST, LIGHTEST)
        marker, linestyle = MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)]
        sizes, values = [row["parameter_count"] for row in series], [row[column] for row in series]
        panel.plot(
            sizes, values, label=sampling, color=grey, marker=marker, linestyle=linestyle, markerfacecolor="white"
        )
        known = [row for row in series if row[f"{column}_lower"] is not None]
        panel.vlines(
            [row["parameter_count"] for row in known],
            [row[f"{column}_lower"] for row in known],
            [row[f"{column}_upper"] for row in known],
            color=grey,
            linewidth=1,
        )
        for row in series:
            if row["generator_role"]:
                panel.plot(
                    row["parameter_count"], row[column], marker=marker, color=grey, linestyle="none", label=GENERATOR_LABEL
                )
    scale_by_span(panel)
    if final.num_rows:
        finish_size_axis(panel, final["parameter_count"].to_pylist())


def title_panel(panel: Axes, name: str, shown: Sequence[Generation], scaling: pa.Table) -> None:
    """Set the title of a panel: the configuration and, for each of its generations in ``shown``, the verdict."""
    if name in MATH_NAMES:
        panel.set_title(MATH_NAMES[name])
    else:
        panel.set_title(make_label(name), parse_math=False)
    verdicts = {row["generation_key"]: row for row in scaling.to_pylist()}
    lines = [
        f"{row['sampling_name']}: {write_verdict(verdicts[row['generation_key']])}"
        for row in shown
        if row["decoding_name"] == name and row["generation_key"] in verdicts
    ]
    if lines:
        panel.set_title(panel.get_title(), pad=4 + 10 * len(lines))
        panel.text(
            0.5, 1.02, "\n".join(sorted(lines)), ha="center", va="bottom", fontsize=7.5, transform=panel.transAxes, parse_math=False
        )


def write_verdict(row: dict[str, float | str | None]) -> str:
    """Write the verdict on one generation with the correlation and its interval."""
    if row["spearman"] is None:
        return "no verdict"
    interval = "" if row["spearman_lower"] is None else f" [{row['spearman_lower']:.2g}, {row['spearman_upper']:.2g}]"
    return f"{row['verdict'] or 'no verdict'}, ρ = {row['spearman']:.2g}{interval}"


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
        f"ρ: Spearman's correlation of ln perplexity with ln parameters over the last checkpoints of {models} models, "
        "with its interval over prompts; the scaling is inverse if the interval is above 0 and regular if it is below.",
        *(f"{limit[0].upper()}{limit[1:]}." for limit in limits),
        *(f"No verdict: {reason}." for reason in reasons),
    ]
