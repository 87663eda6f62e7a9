"""Figures 3, 4 and 10 to 12 of Xia et al. 2023: sets of tokens, chosen on one model and followed in all."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from trailhouse.dashboards.figures.figure import Companion, Figure
from trailhouse.dashboards.figures.panels import (
    add_legend,
    draw_models,
    draw_published,
    new_canvas,
    scale_logarithmically,
)

START_PERCENT = 10
LATE_START_PERCENT = 40
COMPUTE = ("train_flops_palm", "Training compute (FLOPs)")
VALIDATION = ("validation_perplexity", "Validation perplexity")
NAMES = {
    "stagnated": "stagnated tokens",
    "upward": "upward-trend tokens (forgetting)",
    "downward": "downward-trend tokens",
    "other": "tokens without a clear trend",
}


def select_set(rows: pa.Table, category: str, start_percent: int, set_model_id: str | None = None) -> pa.Table:
    """Rows of one set, the models in order of size; without a model every model's own set."""
    kept = pc.and_(pc.equal(rows["category"], category), pc.equal(rows["start_percent"], start_percent))
    chosen = rows["model_id"] if set_model_id is None else pa.scalar(set_model_id)
    kept = pc.and_(kept, pc.equal(rows["set_model_id"], chosen))
    return rows.filter(kept).sort_by([("parameter_count", "ascending"), ("model_id", "ascending")])


def list_models(rows: pa.Table) -> list[str]:
    """Models by which sets were chosen, in order of size."""
    own = rows.filter(pc.equal(rows["model_id"], rows["set_model_id"]))
    ordered = own.sort_by([("parameter_count", "ascending"), ("model_id", "ascending")])
    return list(dict.fromkeys(ordered["model_id"].to_pylist()))


def find_start(rows: pa.Table, start_percent: int) -> int:
    """The start that is asked for if there are sets of it, else the next one: a published set has but one."""
    starts = pc.unique(rows["start_percent"]).to_pylist()
    return (
        start_percent
        if start_percent in starts
        else min([s for s in starts if s > start_percent], default=start_percent)
    )


def draw_set(panel: Axes, rows: pa.Table, title: str, axis: tuple[str, str] = COMPUTE) -> None:
    """Draw the perplexity of a set, one line per model; an empty panel says why.

    What has no logarithm of compute, as step 0, is left out.
    """
    column, label = axis
    panel.set(title=title, xlabel=label)
    drawn = rows.filter(pc.greater(rows[column], 0))
    if drawn.num_rows == 0:
        reason = "only step 0, or no known compute" if rows.num_rows else "no such tokens"
        panel.text(0.5, 0.5, reason, ha="center", va="center", transform=panel.transAxes)
        return
    rows = drawn
    draw_models(panel, rows, x=column, y="perplexity")
    scale_logarithmically(panel, "xy")
    if axis == VALIDATION:
        panel.invert_xaxis()


def describe_set(rows: pa.Table, set_model_id: str) -> str:
    """Title of a set: whose it is, and how large."""
    name = set_model_id.rpartition("/")[2]
    share = pc.max(rows["token_share"]).as_py()
    return f"Set of {name}" if share is None else f"Set of {name} ({100 * share:.2g}%)"


def draw_random_sets(panel: Axes, rows: pa.Table, random_rows: pa.Table) -> None:
    """Shade, for every model, where 95% of random sets of the same size lie.

    There are random sets of whole percents: on the logarithmic scale an interval's distance from the corpus goes
    with one over the square root of the size of the set.
    """
    if rows.num_rows == 0 or random_rows.num_rows == 0:
        return
    share = pc.max(rows["token_share"]).as_py()
    percent = max(1, round(100 * share))
    width_ratio = math.sqrt(percent / (100 * share))
    kept = pc.and_(pc.equal(random_rows["set_percent"], percent), pc.greater(random_rows[COMPUTE[0]], 0))
    sized = random_rows.filter(kept).sort_by(COMPUTE[0])
    for model_id in dict.fromkeys(rows["model_id"].to_pylist()):
        band = sized.filter(pc.equal(sized["model_id"], model_id))
        corpus = band["validation_perplexity"]
        ends = [
            pc.multiply(corpus, pc.power(pc.divide(band[end], corpus), width_ratio)).to_pylist()
            for end in ("perplexity_lower", "perplexity_upper")
        ]
        compute = band[COMPUTE[0]].to_pylist()
        panel.fill_between(compute, *ends, color="#999999", alpha=0.25, linewidth=0, label="random sets (95%)")


def draw_transfer(rows: pa.Table, random_rows: pa.Table, published: pa.Table, category: str) -> Canvas:
    """Draw own sets, the smallest and the largest model's set in all models over random sets, a published one."""
    models = list_models(rows)
    start = find_start(rows, START_PERCENT)
    followed = list(dict.fromkeys((models[0], models[-1])))
    published = published.filter(pc.equal(published["category"], category))
    own_count = int(len(models) > 1)
    panel_count = own_count + len(followed) + (published.num_rows > 0)
    canvas, panels = new_canvas(panel_count, f"Perplexity of {NAMES[category]}, chosen after {start}% of training")
    if own_count:
        draw_set(panels[0], select_set(rows, category, start), "Each model's own set")
    for panel, set_model_id in zip(panels[own_count:], followed, strict=False):
        chosen = select_set(rows, category, start, set_model_id)
        draw_set(panel, chosen, describe_set(chosen, set_model_id))
        draw_random_sets(panel, chosen, random_rows)
    if published.num_rows:
        draw_published_set(panels[-1], published)
    return finish(canvas, panels)


def draw_published_set(panel: Axes, rows: pa.Table) -> None:
    """Draw a published set, in grey; its title says whose it is and when it was chosen."""
    panel.set(xlabel=COMPUTE[1])
    name, start = rows["set_model_id"][0].as_py(), rows["start_percent"][0].as_py()
    draw_published(panel, rows.sort_by("parameter_count"), x=COMPUTE[0], y="perplexity")
    panel.set(title=f"Published: set of {name.rpartition('/')[2]}, after {start}%")
    scale_logarithmically(panel, "xy")


def draw_others(rows: pa.Table) -> Canvas:
    """Draw each model's own tokens without a trend, after two starts."""
    canvas, panels = new_canvas(2, "Perplexity of each model's own tokens without a clear trend")
    for panel, start in zip(panels, (START_PERCENT, LATE_START_PERCENT), strict=True):
        draw_set(panel, select_set(rows, "other", start), f"After {start}% of training")
    return finish(canvas, panels)


def draw_upward_sets(rows: pa.Table) -> Canvas:
    """Draw the upward-trend sets of the models between the smallest and the largest, after two starts."""
    models = list_models(rows)
    middle = models[1:-1] or models
    row_count = 1 if len(middle) == 1 else 2
    canvas, panels = new_canvas(2 * len(middle), f"Perplexity of {NAMES['upward']}", row_count)
    places = [(start, name) for start in (START_PERCENT, LATE_START_PERCENT) for name in middle]
    for panel, (start, set_model_id) in zip(panels, places, strict=True):
        chosen = select_set(rows, "upward", start, set_model_id)
        draw_set(panel, chosen, f"{describe_set(chosen, set_model_id)}\nafter {start}% of training")
    return finish(canvas, panels)


def draw_against_validation(rows: pa.Table) -> Canvas:
    """Draw the sets of the smallest and the largest model, by category, against validation perplexity."""
    models = list_models(rows)
    start = find_start(rows, START_PERCENT)
    known = pc.unique(rows["category"]).to_pylist()
    categories = [category for category in ("stagnated", "upward", "downward") if category in known] or ["stagnated"]
    followed = list(dict.fromkeys((models[0], models[-1])))
    title = f"Token sets, chosen after {start}% of training, at equal validation perplexity"
    canvas, panels = new_canvas(len(followed) * len(categories), title, row_count=len(followed))
    places = [(name, category) for name in followed for category in categories]
    for panel, (set_model_id, category) in zip(panels, places, strict=True):
        chosen = select_set(rows, category, start, set_model_id)
        draw_set(panel, chosen, f"{describe_set(chosen, set_model_id)}: {category}", VALIDATION)
    return finish(canvas, panels)


def finish(canvas: Canvas, panels: list[Axes]) -> Canvas:
    """Name the vertical axis and the lines."""
    panels[0].set_ylabel("Perplexity of the set")
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
)
RANDOM_SETS = Companion(
    "fct_random_token_set_trajectory",
    ("model_id", "set_percent", "train_flops_palm", "validation_perplexity", "perplexity_lower", "perplexity_upper"),
)
PUBLISHED_SETS = Companion(
    "fct_published_token_set_trajectory",
    ("set_model_id", "start_percent", "category", "model_id", "parameter_count", "train_flops_palm", "perplexity"),
    suite_id="opt-published",
)
BESIDE = (RANDOM_SETS, PUBLISHED_SETS)


def draw_stagnated(rows: pa.Table, random_rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 3."""
    return draw_transfer(rows, random_rows, published, "stagnated")


def draw_upward(rows: pa.Table, random_rows: pa.Table, published: pa.Table) -> Canvas:
    """Draw figure 4."""
    return draw_transfer(rows, random_rows, published, "upward")


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
    """Describe a figure from a mart of token sets."""
    source = f"Xia et al. 2023, Figure {number}"
    caveat_mart = "fct_trend_caveat"
    return Figure(f"figure_{number:02d}_{name}", title, source, mart, COLUMNS, draw, companions, caveat_mart)


FIGURES = (
    define_figure(3, "stagnated_tokens", "Perplexity of stagnated tokens", draw_stagnated, COMPARABLE_SETS, BESIDE),
    define_figure(4, "upward_tokens", "Perplexity of upward-trend tokens", draw_upward, COMPARABLE_SETS, BESIDE),
    define_figure(10, "other_tokens", "Perplexity of tokens without a clear trend", draw_others),
    define_figure(11, "upward_tokens_by_model", "Perplexity of other models' upward-trend tokens", draw_upward_sets),
    define_figure(
        12, "equal_perplexity", "Token sets against validation perplexity", draw_against_validation, COMPARABLE_SETS
    ),
)
