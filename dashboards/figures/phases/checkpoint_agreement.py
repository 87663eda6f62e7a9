"""Agreement of any two checkpoints of a suite about the same words, as a heat map."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pyarrow as pa
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import STYLE
from trailhouse.dashboards.figures.phases.phase_rows import choose_models, describe_count, describe_left_out, name_model
from trailhouse.support.visible_text import make_label

COLOUR_MAP = "cividis"
SIDE_INCHES = 6.5
READING = (
    "Each cell is Pearson's correlation of the log-probabilities of the same words under two checkpoints. Within"
    " a model, steps rise from left to right and from top to bottom; the lines part the models."
)
COLUMNS = (
    "corpus_id",
    "model_id",
    "architecture",
    "parameter_count",
    "step",
    "other_model_id",
    "other_step",
    "word_count",
    "pearson",
)


def draw_agreement(rows: pa.Table) -> Canvas:
    """Draw the correlation of every checkpoint with every other one of the suite."""
    models, left_out_count = choose_models(rows.to_pylist())
    shown = [row for of_model in models.values() for row in of_model if row["other_model_id"] in models]
    steps = {model_id: sorted({row["step"] for row in of_model}) for model_id, of_model in models.items()}
    checkpoints = [(model_id, step) for model_id, of_model in steps.items() for step in of_model]
    places = {checkpoint: place for place, checkpoint in enumerate(checkpoints)}
    matrix = np.full((len(checkpoints), len(checkpoints)), np.nan)
    for row in shown:
        end = (row["other_model_id"], row["other_step"])
        if end in places and row["pearson"] is not None:
            matrix[places[row["model_id"], row["step"]], places[end]] = row["pearson"]
    with style.context(STYLE):
        canvas = Canvas(figsize=(SIDE_INCHES + 1.5, SIDE_INCHES), layout="constrained")
        panel = canvas.subplots()
        canvas.suptitle("Agreement of checkpoints about words", x=0.01, ha="left")
    # From the tenth below the smallest correlation, because most are close to 1
    least = np.floor(10 * float(np.nanmin(matrix))) / 10
    image = panel.imshow(matrix, cmap=COLOUR_MAP, vmin=min(0.9, least), vmax=1, aspect="equal")
    canvas.colorbar(image, ax=panel, label="Pearson correlation", shrink=0.8)
    mark_models(panel, [name_model(of_model) for of_model in models.values()], [len(part) for part in steps.values()])
    ranges = {f"{part[0]:,} to {part[-1]:,}" for part in steps.values()}
    words = describe_count(shown, "word_count", "words")
    notes = [f"{make_label(shown[0]['corpus_id'])}: {words} Steps: {'; '.join(sorted(ranges))}.", READING]
    add_notes(canvas, [*notes, *describe_left_out(left_out_count)])
    return canvas


def mark_models(panel: Axes, names: list[str], counts: list[int]) -> None:
    """Write the name of each model beside its block of checkpoints, and draw lines between the blocks."""
    ends = list(accumulate(counts))
    for end in ends[:-1]:
        panel.axhline(end - 0.5, color="white", linewidth=1.2)
        panel.axvline(end - 0.5, color="white", linewidth=1.2)
    centres = [end - count / 2 - 0.5 for end, count in zip(ends, counts, strict=True)]
    for axis, rotation in ((panel.xaxis, 45), (panel.yaxis, 0)):
        axis.set_ticks(centres, names, rotation=rotation, parse_math=False)
    for label in panel.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    panel.tick_params(length=0)
    panel.grid(visible=False)


def has_agreement(rows: pa.Table, *_companions: pa.Table) -> bool:
    """Return whether two different checkpoints are compared."""
    return any(
        row["pearson"] is not None and (row["model_id"], row["step"]) != (row["other_model_id"], row["other_step"])
        for row in rows.to_pylist()
    )


FIGURE = Figure(
    name="checkpoint_agreement",
    title="Agreement of checkpoints about words",
    source="Michaelov et al. 2025",
    mart="fct_checkpoint_agreement",
    columns=COLUMNS,
    draw=draw_agreement,
    sample="none",
    is_drawable=has_agreement,
)
