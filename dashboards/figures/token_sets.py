"""Figures 3, 4 and 10 to 12 of Xia et al. 2023: token sets, chosen by trend in one model and followed in all models.

A token set holds the tokens that have one trend category in the model ``set_model_id``, for one start of the trend fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.axes import (
    COMPUTE,
    VALIDATION,
    HorizontalAxis,
    keep_positive,
    scale_logarithmically,
)
from trailhouse.dashboards.figures.exhibit import PUBLISHED_SUITE, Companion
from trailhouse.dashboards.figures.figure import Figure, add_notes
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_intervals,
    draw_models,
    draw_published,
    list_models,
    new_canvas,
    order_by_size,
)

START_PERCENT = 10
LATE_START_PERCENT = 40
NAMES = {"stagnated": "stagnated tokens", "upward": "upward-trend tokens (forgetting)"}
CHOICES = {
    "stagnated": "whose perplexity has no significant trend and hardly changes",
    "upward": "whose perplexity rises",
    "downward": "whose perplexity falls",
    "other": "whose perplexity has no significant trend, but varies",
}
INTERVALS = "Bands: 95% intervals over documents."
RANDOM_SETS = "Hatched: 95% of random token sets of the same size, in the colour of the model."
CATEGORIES_AT_EQUAL_PERPLEXITY = ("stagnated", "upward", "downward")


def select_set(rows: pa.Table, category: str, start_percent: int, set_model_id: str | None = None) -> pa.Table:
    """Return the rows of the token set that is chosen in the model ``set_model_id``, sorted by model size.

    If ``set_model_id`` is None, return for every model the rows of the token set that is chosen in this model.
    """
    kept = pc.and_(pc.equal(rows["category"], category), pc.equal(rows["start_percent"], start_percent))
    chosen = rows["model_id"] if set_model_id is None else pa.scalar(set_model_id)
    return order_by_size(rows.filter(pc.and_(kept, pc.equal(rows["set_model_id"], chosen))))


def list_set_models(rows: pa.Table) -> list[str]:
    """Return the models in which token sets were chosen, sorted by size."""
    return list_models(order_by_size(rows.filter(pc.equal(rows["model_id"], rows["set_model_id"]))))


def has_own_sets(rows: pa.Table, *_companions: pa.Table) -> bool:
    """Return whether a model of the suite has token sets. A model may be followed on sets of other suites only."""
    return bool(list_set_models(rows))


def find_ends(models: list[str]) -> list[str]:
    """Return the smallest and the largest model. ``models`` is sorted by size. A single model is returned once."""
    return list(dict.fromkeys((models[0], models[-1])))


def find_start(rows: pa.Table, start_percent: int) -> int:
    """Return the first start of the trend fit, not before ``start_percent``, for which ``rows`` has token sets.

    Return ``start_percent`` if ``rows`` has no token sets for this start or a later start.
    """
    starts = pc.unique(rows["start_percent"]).to_pylist()
    if start_percent in starts:
        return start_percent
    return min((start for start in starts if start > start_percent), default=start_percent)


def draw_set(panel: Axes, rows: pa.Table, title: str, axis: HorizontalAxis = COMPUTE) -> None:
    """Draw the perplexity of a token set, one line per model with its interval, on two logarithmic axes.

    Only rows with a positive value on the horizontal axis are drawn, because other values have no logarithm. If no row
    is drawn, the panel states the reason.
    """
    panel.set(title=title, xlabel=axis.label)
    drawn = keep_positive(rows, axis.column)
    if drawn.num_rows == 0:
        reason = "only step 0, or no known compute" if rows.num_rows else "no such tokens"
        panel.text(0.5, 0.5, reason, ha="center", va="center", transform=panel.transAxes)
        return
    draw_models(panel, drawn, x=axis.column, y="perplexity")
    draw_intervals(panel, drawn, x=axis.column, lower="perplexity_lower", upper="perplexity_upper")
    scale_logarithmically(panel, "xy")
    if axis == VALIDATION:
        panel.invert_xaxis()


def describe_set(rows: pa.Table, set_model_id: str) -> str:
    """Return the title of a set: the model in which it was chosen and, if known, the share of tokens in the set."""
    name = set_model_id.rpartition("/")[2]
    share = pc.max(rows["token_share"]).as_py()
    return f"Set of {name}" if share is None else f"Set of {name} ({100 * share:.2g}%)"


def draw_random_sets(panel: Axes, rows: pa.Table) -> None:
    """For every model, shade the range of the perplexities of 95% of random token sets as large as the set in ``rows``.

    The range is unknown for published sets, whose sizes are unknown.
    """
    sized = keep_positive(rows.filter(pc.is_valid(rows["random_perplexity_lower"])), COMPUTE.column)
    for model_id, line in assign_styles(sized).items():
        band = sized.filter(pc.equal(sized["model_id"], model_id)).sort_by(COMPUTE.column)
        ends = [band[f"random_perplexity_{end}"].to_pylist() for end in ("lower", "upper")]
        compute = band[COMPUTE.column].to_pylist()
        panel.fill_between(
            compute, *ends, facecolor="none", edgecolor=line.color, hatch="////", alpha=0.35, linewidth=0.5
        )


def draw_transfer(rows: pa.Table, published: pa.Table, category: str) -> Canvas:
    """Draw figure 3 or 4: perplexity during training on the token sets of one trend category.

    The first panel shows each model on its own set. The second panel shows all models on the set of the smallest model,
    and the third panel on the set of the largest model, with random sets for comparison. The last panel shows a
    published set, if there is one. If only one model has token sets, one panel shows all models on its set, instead of
    the first three panels.
    """
    models = list_set_models(rows)
    start = find_start(rows, START_PERCENT)
    followed = find_ends(models)
    published = published.filter(pc.equal(published["category"], category))
    own_count = int(len(models) > 1)
    panel_count = own_count + len(followed) + (published.num_rows > 0)
    canvas, panels = new_canvas(panel_count, f"Perplexity of {NAMES[category]}, chosen after {start}% of training")
    if own_count:
        draw_set(panels[0], select_set(rows, category, start), "Each model's own set")
    for panel, set_model_id in zip(panels[own_count:], followed, strict=False):
        chosen = select_set(rows, category, start, set_model_id)
        draw_set(panel, chosen, describe_set(chosen, set_model_id))
        draw_random_sets(panel, chosen)
    if published.num_rows:
        draw_published_set(panels[-1], published)
    return finish(canvas, panels, describe_choice([category], start), f"{INTERVALS} {RANDOM_SETS}")


def describe_choice(categories: list[str], start: int | None = None) -> str:
    """Return the sentences that say how token sets were chosen, so that nobody takes the choice for a finding."""
    kinds = ", ".join(f"{category}: tokens {CHOICES[category]}" for category in categories)
    when = "from the stated start on" if start is None else f"from {start}% of training on"
    return (
        f"A set is chosen by its trend {when} in the model that the title names ({kinds}). In this model the trend is"
        " therefore due to the choice; in other models it is a finding. Percentages are shares of the scored tokens."
    )


def draw_published_set(panel: Axes, rows: pa.Table) -> None:
    """Draw the perplexity of a published suite's models on one token set, in grey.

    The title states the model in which the set is chosen, and the start of the trend fit.
    """
    panel.set(xlabel=COMPUTE.label)
    name, start = rows["set_model_id"][0].as_py(), rows["start_percent"][0].as_py()
    draw_published(panel, rows.sort_by("parameter_count"), x=COMPUTE.column, y="perplexity")
    panel.set(title=f"Published: set of {name.rpartition('/')[2]}, after {start}%")
    scale_logarithmically(panel, "xy")


def draw_others(rows: pa.Table) -> Canvas:
    """Draw figure 10: each model on its own set of tokens without a clear trend, for two starts of the trend fit."""
    canvas, panels = new_canvas(2, "Perplexity of each model's own tokens without a clear trend")
    for panel, start in zip(panels, (START_PERCENT, LATE_START_PERCENT), strict=True):
        draw_set(panel, select_set(rows, "other", start), f"Chosen after {start}% of training")
    return finish(canvas, panels, describe_choice(["other"]), INTERVALS)


def draw_upward_sets(rows: pa.Table) -> Canvas:
    """Draw figure 11: the upward-trend sets of all models except the smallest and the largest.

    Each set is drawn for two starts of the trend fit. If at most two models have sets, all sets are drawn.
    """
    models = list_set_models(rows)
    middle = models[1:-1] or models
    row_count = 1 if len(middle) == 1 else 2
    canvas, panels = new_canvas(2 * len(middle), f"Perplexity of {NAMES['upward']}", row_count)
    sets = [(start, name) for start in (START_PERCENT, LATE_START_PERCENT) for name in middle]
    for panel, (start, set_model_id) in zip(panels, sets, strict=True):
        chosen = select_set(rows, "upward", start, set_model_id)
        draw_set(panel, chosen, f"{describe_set(chosen, set_model_id)}\nafter {start}% of training")
    return finish(canvas, panels, describe_choice(["upward"]), INTERVALS)


def draw_against_validation(rows: pa.Table) -> Canvas:
    """Draw figure 12: perplexity of token sets against validation perplexity.

    Each panel shows one token set: the tokens of one trend category in the smallest or in the largest model.
    """
    start = find_start(rows, START_PERCENT)
    present = pc.unique(rows["category"]).to_pylist()
    categories = [category for category in CATEGORIES_AT_EQUAL_PERPLEXITY if category in present] or ["stagnated"]
    followed = find_ends(list_set_models(rows))
    title = f"Token sets, chosen after {start}% of training, at equal validation perplexity"
    canvas, panels = new_canvas(len(followed) * len(categories), title, row_count=len(followed))
    sets = [(name, category) for name in followed for category in categories]
    for panel, (set_model_id, category) in zip(panels, sets, strict=True):
        chosen = select_set(rows, category, start, set_model_id)
        draw_set(panel, chosen, f"{describe_set(chosen, set_model_id)}: {category}", VALIDATION)
    return finish(canvas, panels, describe_choice(categories, start), INTERVALS)


def finish(canvas: Canvas, panels: list[Axes], *notes: str) -> Canvas:
    """Label the vertical axes of the first column, write the notes below the panels, and add the legend."""
    canvas.supylabel("Perplexity of the set", fontsize="medium")
    add_notes(canvas, notes)
    add_legend(canvas, panels)
    return canvas


COLUMNS = (
    "set_model_id",
    "start_percent",
    "category",
    "model_id",
    "parameter_count",
    "train_flops_palm",
    "validation_perplexity",
    "token_share",
    "perplexity",
    "perplexity_lower",
    "perplexity_upper",
    "random_perplexity_lower",
    "random_perplexity_upper",
)
PUBLISHED_SETS = Companion(
    "fct_published_token_set_trajectory",
    ("set_model_id", "start_percent", "category", "model_id", "parameter_count", "train_flops_palm", "perplexity"),
    suite_id=PUBLISHED_SUITE,
)
OWN_SETS = "fct_token_set_trajectory"
COMPARABLE_SETS = "fct_comparable_token_set_trajectory"


def define_figure(
    number: int,
    name: str,
    title: str,
    draw: Callable[..., Canvas],
    mart: str = OWN_SETS,
    companions: tuple[Companion, ...] = (),
) -> Figure:
    """Return the definition of a figure of token sets, which has the number ``number`` in Xia et al. 2023."""
    source = f"Xia et al. 2023, Figure {number}"
    return Figure(
        name=f"figure_{number:02d}_{name}",
        title=title,
        source=source,
        mart=mart,
        columns=COLUMNS,
        draw=draw,
        companions=companions,
        caveat_mart="fct_trend_caveat",
        last_start_percent=LATE_START_PERCENT if mart == OWN_SETS else START_PERCENT,
        sample="trends",
        is_drawable=has_own_sets,
    )


draw_stagnated = partial(draw_transfer, category="stagnated")
draw_upward = partial(draw_transfer, category="upward")

FIGURES = (
    define_figure(
        3, "stagnated_tokens", "Perplexity of stagnated tokens", draw_stagnated, COMPARABLE_SETS, (PUBLISHED_SETS,)
    ),
    define_figure(
        4, "upward_tokens", "Perplexity of upward-trend tokens", draw_upward, COMPARABLE_SETS, (PUBLISHED_SETS,)
    ),
    define_figure(10, "other_tokens", "Perplexity of tokens without a clear trend", draw_others),
    define_figure(11, "upward_tokens_by_model", "Perplexity of other models' upward-trend tokens", draw_upward_sets),
    define_figure(
        12, "equal_perplexity", "Token sets against validation perplexity", draw_against_validation, COMPARABLE_SETS
    ),
)
