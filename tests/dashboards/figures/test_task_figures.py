"""Figures 5, 8, 9, 17 and 18, numbered as in Xia et al. 2023, on tasks; and the figure of imported metrics."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.dashboards.figures.mart_rows import (
    CORRELATIONS,
    MEASURES,
    METRICS,
    MODEL_COLORS,
    MODELS,
    PERPLEXITIES,
    SUBJECT_OFFSETS,
    TASKS,
    lines_of,
    read_caption,
)
from trailhouse.dashboards.figures.axis_correlations import draw_correlations
from trailhouse.dashboards.figures.gallery import FIGURES
from trailhouse.dashboards.figures.imported_metrics import choose_tasks, draw_imported_metrics
from trailhouse.dashboards.figures.option_perplexity import draw_option_scaling
from trailhouse.dashboards.figures.task_accuracy import draw_groups, draw_mean_accuracy
from trailhouse.dashboards.figures.task_groups import FIGURES as TASK_GROUP_FIGURES
from trailhouse.dashboards.figures.task_rows import choose_shots
from trailhouse.dashboards.figures.validation_perplexity import draw_validation_perplexity


def test_figure_5_draws_correct_and_incorrect_options_of_the_last_checkpoints_by_size():
    wrong = MEASURES.set_column(5, "measure_value", pc.add(MEASURES["measure_value"], 1.0))
    canvas = draw_option_scaling(MEASURES, wrong, TASKS)
    (panel,) = canvas.axes
    losses = [0.4501, 0.452, 0.48]
    assert lines_of(panel) == {
        "correct options": ([10, 200, 3000], pytest.approx([math.exp(loss) for loss in losses])),
        "incorrect options": ([10, 200, 3000], pytest.approx([math.exp(1 + loss) for loss in losses])),
    }
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["correct options", "incorrect options"]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["10", "200", "3k"]
    assert read_caption(canvas) == "2 exemplars in the prompt; 300 items of the 3 tasks that every checkpoint has."


def test_figure_8_draws_accuracy_over_chance_against_compute_and_perplexity_beside_published():
    intervals = TASKS.filter(pc.equal(TASKS["task_set"], "even"))
    canvas = draw_mean_accuracy(MEASURES, MEASURES, intervals)
    compute, validation, published_compute, published_validation = canvas.axes
    assert lines_of(compute)["s/small"] == ([600.0, 1200.0], pytest.approx([35.01, 45.01]))
    assert lines_of(compute)["chance"][1] == [25.0, 25.0]
    assert lines_of(validation)["s/small"] == ([80.0, 90.0, 100.0], pytest.approx([45.01, 35.01, 25.01]))
    for panel in (validation, published_validation):
        left, right = panel.get_xlim()
        assert left > right
    assert set(lines_of(published_compute)) == set(MODELS)
    band = np.asarray(compute.collections[0].get_paths()[0].vertices)
    assert {(float(x), round(float(y), 6)) for x, y in band} == {
        (600.0 * step / 10, round(100 * (edge + step / 100), 6)) for step in (10, 20) for edge in (0.2, 0.35)
    }
    assert [len(panel.collections) for panel in canvas.axes] == [3, 3, 0, 0]
    assert read_caption(canvas) == (
        "2 exemplars in the prompt; 300 items of the 3 tasks that every checkpoint has."
        " Bands: 95% intervals over items. Published accuracies have no intervals."
        " Over other tasks of the kind, the last mean of large is 10 to 60%."
    )


def test_figure_8_has_a_title_for_every_panel_and_one_vertical_axis_for_own_and_one_for_published_tasks():
    canvas = draw_mean_accuracy(MEASURES, MEASURES, TASKS)
    titles = [panel.get_title() for panel in canvas.axes]
    assert titles[:2] == ["Own tasks, by compute", "Own tasks, by perplexity"]
    assert len(set(titles)) == 4
    first, second, third, fourth = canvas.axes
    assert first.get_shared_y_axes().joined(first, second)
    assert third.get_shared_y_axes().joined(third, fourth)
    assert not first.get_shared_y_axes().joined(first, third)


def test_a_published_suite_has_no_empty_panels_beside_its_own():
    nothing = MEASURES.slice(0, 0)
    assert len(draw_mean_accuracy(MEASURES, nothing, TASKS).axes) == 2
    assert len(draw_validation_perplexity(PERPLEXITIES, PERPLEXITIES.slice(0, 0)).axes) == 1
    assert len(draw_groups(MEASURES, MEASURES, MEASURES, nothing, TASKS).axes) == 4
    assert len(draw_correlations(CORRELATIONS, CORRELATIONS.slice(0, 0)).axes) == 1


def test_figure_9_shows_all_tasks_and_the_groups_that_hold_some():
    titles = [panel.get_title() for panel in draw_groups(MEASURES, MEASURES, MEASURES, MEASURES, TASKS).axes]
    published = ["Published: linearity tasks", "Published: breakthroughness tasks"]
    assert titles == ["All tasks", "Linearity tasks", "All tasks: options", "Linearity tasks: options", *published]
    own = MEASURES.filter(pc.not_equal(MEASURES["subject"], "linearity"))
    canvas = draw_groups(own, own, own, MEASURES, TASKS)
    assert [panel.get_title() for panel in canvas.axes] == ["All tasks", "All tasks: options", *published]


def test_figures_17_and_18_draw_every_task_of_the_group_with_its_scaling_curve():
    def titles(rows, draw):
        return [panel.get_title() for panel in draw(rows, TASKS).axes if panel.axison]

    draw_linearity_tasks, draw_breakthroughness_tasks = (figure.draw for figure in TASK_GROUP_FIGURES)
    published = ["Published: last checkpoints", "Published: even"]
    assert titles(TASKS, draw_linearity_tasks) == ["Own: last checkpoints", "even", *published]
    assert titles(TASKS, draw_breakthroughness_tasks)[:2] == ["Own: last checkpoints", "sudden"]
    ungrouped = TASKS.filter(pc.equal(TASKS["published_groups"], ""))
    assert titles(ungrouped, draw_linearity_tasks) == published
    assert titles(ungrouped, draw_breakthroughness_tasks) == ["Published: last checkpoints", "Published: sudden"]
    scaling = draw_linearity_tasks(TASKS, TASKS).axes[0].get_lines()[0]
    assert (list(np.asarray(scaling.get_xdata())), list(np.asarray(scaling.get_ydata()))) == (
        [10, 200, 3000],
        [45.0] * 3,
    )


def test_imported_accuracies_that_changed_most_are_drawn_from_step_0_on():
    rows = METRICS.to_pylist()
    steady = [{**row, "task_id": f"steady {task}", "metric_value": 0.5} for task in range(7) for row in rows]
    panels = draw_imported_metrics(
        pa.concat_tables([METRICS, pa.Table.from_pylist(steady, schema=METRICS.schema)])
    ).axes
    assert [panel.get_title() for panel in panels] == ["task 1", *(f"steady {task}" for task in range(7))]
    assert lines_of(panels[0]) == {"i/m": ([0, 2, 8], pytest.approx([0.5, 0.502, 0.508]))}
    without_accuracy = METRICS.filter(pc.equal(METRICS["metric"], "ppl"))
    assert "ppl" in draw_imported_metrics(without_accuracy).get_suptitle()


def test_figure_9_draws_each_group_with_its_own_values():
    incorrect = MEASURES.set_column(5, "measure_value", pc.add(MEASURES["measure_value"], 1.0))
    _, accuracy, _, options, published, _ = draw_groups(MEASURES, MEASURES, incorrect, MEASURES, TASKS).axes
    ratios = [0.25 + offset + 0.0001 + SUBJECT_OFFSETS["linearity"] for offset in (0.2, 0.1, 0.0)]
    assert lines_of(accuracy)["s/small"] == ([80.0, 90.0, 100.0], pytest.approx([100 * ratio for ratio in ratios]))
    correct_line, wrong_line = (options.get_lines()[index] for index in (0, 4))
    assert list(correct_line.get_ydata()) == pytest.approx([math.exp(ratio) for ratio in ratios])
    assert list(wrong_line.get_ydata()) == pytest.approx([math.exp(1 + ratio) for ratio in ratios])
    assert list(lines_of(published)) == ["s/small", "s/middle", "s/large"]
    assert correct_line.get_color() == wrong_line.get_color() == MODEL_COLORS["s/small"]
    assert (correct_line.get_linestyle(), correct_line.get_fillstyle()) == ("-", "full")
    assert (wrong_line.get_linestyle(), wrong_line.get_fillstyle()) == ("--", "none")


def test_figure_9_has_one_entry_for_every_model_and_one_for_each_kind_of_options():
    (legend,) = draw_groups(MEASURES, MEASURES, MEASURES, MEASURES, TASKS).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("s", "small", "middle", "large", "chance", "correct options", "incorrect options")
    ]


@pytest.mark.parametrize(("present", "chosen"), [((0, 2, 5), 2), ((0, 1), 1), ((5, 3), 5)])
def test_two_shots_are_chosen_or_else_the_most_there_are(present, chosen):
    rows = pa.table({"shot_count": present})
    assert choose_shots(rows)["shot_count"].to_pylist() == [chosen]
    named = pa.table({"variant": [f"{count}-shot" for count in present]})
    assert choose_shots(named)["variant"].to_pylist() == [f"{chosen}-shot"]
    assert choose_shots(rows.slice(0, 0)).num_rows == 0


def test_the_tasks_of_a_group_are_drawn_with_their_own_accuracies():
    panels = TASK_GROUP_FIGURES[1].draw(TASKS, TASKS).axes
    assert lines_of(panels[1])["s/middle"] == ([12000.0, 24000.0], pytest.approx([45.0, 55.0]))
    assert [np.asarray(line.get_ydata())[0] for line in panels[1].get_lines()][-1] == 25.0  # chance
    band = np.asarray(panels[1].collections[1].get_paths()[0].vertices)
    assert sorted({round(float(y), 6) for _, y in band}) == [40.0, 50.0, 55.0, 65.0]
    assert lines_of(panels[3])["s/middle"][1] == pytest.approx([35.0, 45.0, 55.0])


def test_an_interval_of_95_percent_is_shaded_around_imported_metrics():
    panels = draw_imported_metrics(METRICS).axes
    (band,) = panels[0].collections
    assert panels[0].get_title() == "task 1"
    corners = sorted({(float(x), round(float(y), 4)) for x, y in np.asarray(band.get_paths()[0].vertices)})
    assert corners == [
        (step, round(0.5 + step / 1000 + sign * 1.96 * 0.01, 4)) for step in (0.0, 2.0, 8.0) for sign in (-1, 1)
    ]


def test_every_figure_of_measures_selects_its_measure():
    selected = {
        figure.name: [dict(part.equals).get("measure") for part in (figure, *figure.companions)]
        for figure in FIGURES
        if figure.mart == "fct_trajectory_measure"
    }
    assert selected == {
        "figure_05_option_perplexity": ["correct option loss", "incorrect option loss", None],
        "figure_08_task_accuracy": ["task accuracy", "task accuracy", None],
        "figure_09_task_groups": [
            "task accuracy",
            "correct option loss",
            "incorrect option loss",
            "task accuracy",
            None,
        ],
    }


def test_changes_are_ranked_in_standard_errors():
    rows = [
        {"task_id": task, "step": step, "metric_value": value, "standard_error": error}
        for task, last, error in (("precise", 0.6, 0.01), ("coarse", 0.9, 0.2), ("falling", 0.3, 0.01))
        for step, value in ((4, last), (0, 0.5))
    ]
    assert choose_tasks(pa.Table.from_pylist(rows)) == ["falling", "precise", "coarse"]
