"""The axes, panels, styles and legends of figures."""

import itertools

import pyarrow as pa
import pytest

from tests.dashboards.figures.mart_rows import MODEL_COLORS, with_styles
from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.figures.axes import describe_size, keep_positive, scale_logarithmically, write_tick
from trailhouse.dashboards.figures.line_styles import LineStyle, add_styles, assign_styles
from trailhouse.dashboards.figures.panels import add_legend, draw_models, new_canvas


@pytest.mark.parametrize(("lowest", "ratio"), [(61, 1.3), (950, 3), (6.2e14, 9), (6.2e14, 30), (3.1, 1e7)])
def test_tick_labels_do_not_overlap_however_long_the_axis(lowest, ratio):
    canvas, panels = new_canvas(4, "Four panels side by side, the narrowest there are")
    rows = pa.table({"model_id": ["m"] * 9, "value": [lowest * ratio ** (index / 8) for index in range(9)]})
    rows = with_styles(rows)
    for panel in panels:
        draw_models(panel, rows, x="value", y="value")
        scale_logarithmically(panel, "xy")
    canvas.draw_without_rendering()
    for panel in panels:
        for axis in (panel.xaxis, panel.yaxis):
            low, high = axis.get_view_interval()
            ticks = [(tick.get_loc(), tick.label1) for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]]
            shown = [label for place, label in ticks if low <= place <= high and label.get_text()]
            boxes = [label.get_window_extent() for label in shown]
            assert len(boxes) > 1
            assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def style_models(count: int) -> dict[str, LineStyle]:
    """The styles of a suite with ``count`` models, whose names do not sort by size."""
    colors = assign_model_colors(("s", f"s/{index}") for index in range(count))
    return assign_styles(add_styles(pa.table({"model_id": [f"s/{index}" for index in reversed(range(count))]}), colors))


def test_every_model_has_a_style_of_its_own_and_smaller_models_come_first():
    styles = style_models(14)
    assert len(set(styles.values())) == 14
    assert list(styles) == [f"s/{index}" for index in range(14)]


def test_a_model_has_the_same_style_in_a_figure_of_part_of_its_suite():
    rows = pa.table({"model_id": ["s/large", "o/large"]})
    whole = assign_styles(with_styles(pa.table({"model_id": list(MODEL_COLORS)})))
    assert assign_styles(with_styles(rows)) == {model_id: whole[model_id] for model_id in ("o/large", "s/large")}
    assert whole["s/large"].color == MODEL_COLORS["s/large"]


def test_a_canvas_has_the_panels_asked_for():
    assert len(new_canvas(3, "title")[1]) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (250, "250"),
        (0.001, "0.001"),
        (0.00099, r"$9.9 \times 10^{-4}$"),
        (99_999, "99999"),
        (100_000, "$10^{5}$"),
        (2.5e15, r"$2.5 \times 10^{15}$"),
    ],
)
def test_a_tick_is_written_with_few_characters(value, text):
    assert write_tick(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (999, "999"),
        (1000, "1k"),
        (157_000, "157k"),
        (10**6, "1M"),
        (70_400_000, "70.4M"),
        (1_300_000_000, "1.3B"),
        (0, "0"),
    ],
)
def test_a_model_size_is_written_with_its_unit(count, text):
    assert describe_size(count) == text


def test_only_positive_values_have_a_logarithm():
    assert keep_positive(pa.table({"x": [0.0, 1e-9, None, -1.0, 2.0]}), "x")["x"].to_pylist() == [1e-9, 2.0]


def test_more_than_seven_models_have_other_dashes_than_the_first_seven():
    styles = list(style_models(14).values())
    assert len({(style.marker, style.linestyle) for style in styles}) == 14
    assert styles[7].marker == styles[0].marker
    assert styles[7].linestyle == styles[1].linestyle != styles[0].linestyle


def test_a_legend_lists_every_label_once_and_models_by_size_under_the_name_of_their_suite():
    canvas, panels = new_canvas(2, "title")
    for panel, models in zip(panels, (["s/large", "s/small"], ["o/small", "s/large"]), strict=True):
        panel.plot([1], [1], label="chance")
        draw_models(panel, with_styles(pa.table({"model_id": models, "x": [1, 1], "y": [1, 1]})), x="x", y="y")
    add_legend(canvas, panels, title="Runs")
    (legend,) = canvas.legends
    assert [text.get_text() for text in legend.get_texts()] == ["s", "small", "large", "o", "small", "chance"]
    assert [text.get_weight() for text in legend.get_texts()] == ["bold", *["normal"] * 2, "bold", *["normal"] * 2]
    assert legend.get_title().get_text() == "Runs"


def test_a_long_title_does_not_run_into_the_legend():
    canvas, panels = new_canvas(2, "The longest title that a figure of two panels has in the gallery")
    draw_models(panels[0], with_styles(pa.table({"model_id": ["s/small"], "x": [1], "y": [1]})), x="x", y="y")
    add_legend(canvas, panels)
    canvas.draw_without_rendering()
    (title,) = [text for text in canvas.texts if text.get_text().startswith("The longest")]
    assert title.get_window_extent().x1 < canvas.legends[0].get_window_extent().x0
