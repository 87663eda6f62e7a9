"""The axes of a panel: their columns and labels, logarithmic scales, and tick labels that do not overlap."""

from __future__ import annotations

from math import log10
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

MOST_LINEAR_SPAN = 10


class HorizontalAxis(NamedTuple):
    """The column of a mart that a horizontal axis shows, and the label of the axis."""

    column: str
    label: str


COMPUTE = HorizontalAxis("train_flops_palm", "Training compute (FLOPs)")
VALIDATION = HorizontalAxis("validation_perplexity", "Validation perplexity")
VALIDATION_BITS = HorizontalAxis("validation_bits_per_byte", "Validation bits per byte")


def keep_positive(rows: pa.Table, column: str) -> pa.Table:
    """Return the rows with a positive value of ``column``. Other values have no logarithm."""
    return rows.filter(pc.greater(rows[column], 0))


def finish_axis(panel: Axes, axis: HorizontalAxis, title: str) -> None:
    """Set the title of a panel, label the panel's horizontal axis, and make the axis logarithmic.

    On an axis of validation perplexity or bits per byte, the values decrease from left to right.
    """
    panel.set(title=title, xlabel=axis.label)
    scale_logarithmically(panel, "x")
    if axis in (VALIDATION, VALIDATION_BITS):
        panel.invert_xaxis()


def finish_size_axis(panel: Axes, parameter_counts: list[int]) -> None:
    """Make the horizontal axis a logarithmic axis of model sizes, with a tick at every size."""
    panel.set(xscale="log", xlabel="Parameters")
    panel.xaxis.set_minor_formatter(NullFormatter())
    sizes = sorted(set(parameter_counts))
    panel.set_xticks(sizes, labels=[describe_size(size) for size in sizes])
    panel.tick_params(axis="x", labelrotation=45)


def describe_size(parameter_count: int) -> str:
    """Write a number of parameters as 157k, 70M or 1.3B."""
    scales = ((10**9, "B"), (10**6, "M"), (10**3, "k"), (1, ""))
    scale, unit = next((entry for entry in scales if parameter_count >= entry[0]), scales[-1])
    return f"{parameter_count / scale:.3g}{unit}"


def scale_logarithmically(panel: Axes, directions: str) -> None:
    """Make the axes named in ``directions`` (``x``, ``y`` or ``xy``) logarithmic. Call this after drawing the lines.

    This function also reduces the number of tick labels. On an axis that spans less than a factor of ten, matplotlib
    would label every minor tick, and the labels would overlap.
    """
    for direction in directions:
        axis = panel.xaxis if direction == "x" else panel.yaxis
        panel.set(**{f"{direction}scale": "log"})
        lowest, highest = sorted(axis.get_view_interval())
        decades = log10(highest / lowest)
        if decades < 1:
            axis.set_major_locator(MaxNLocator(nbins=4))
        elif decades < 2:
            axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_major_formatter(FuncFormatter(write_tick))
        axis.set_minor_formatter(NullFormatter())


def scale_by_span(panel: Axes) -> None:
    """Make the vertical axis logarithmic if its values span more than a factor of ten. Call this after drawing."""
    lowest, highest = panel.dataLim.intervaly
    if highest > MOST_LINEAR_SPAN * lowest > 0:
        scale_logarithmically(panel, "y")


def write_tick(value: float, _position: int | None = None) -> str:
    """Write a tick label: plain digits from 0.001 to 99,999, else a factor times a power of ten."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    factor, _, exponent = f"{value:e}".partition("e")
    shown = "" if float(factor) == 1 else rf"{float(factor):g} \times "
    return rf"${shown}10^{{{int(exponent)}}}$"
