"""Figures drawn from rows of marts."""

import hashlib
import itertools
import math
import re
import struct

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from matplotlib.colors import to_rgba
from pyarrow import csv

from trailhouse.dashboards.figures.axes import scale_logarithmically
from trailhouse.dashboards.figures.figure import FORMATS, save_figure
from trailhouse.dashboards.figures.gallery import FIGURES
from trailhouse.dashboards.figures.gallery_page import save_rows, write_gallery
from trailhouse.dashboards.figures.imported_metrics import draw_imported_metrics
from trailhouse.dashboards.figures.line_styles import assign_styles
from trailhouse.dashboards.figures.option_perplexity import draw_option_scaling
from trailhouse.dashboards.figures.panels import draw_models, new_canvas
from trailhouse.dashboards.figures.passage_table import LINE_CHARACTERS, LINE_COUNT, draw_passage, save_passage
from trailhouse.dashboards.figures.task_accuracy import draw_groups, draw_mean_accuracy
from trailhouse.dashboards.figures.task_groups import FIGURES as TASK_GROUP_FIGURES
from trailhouse.dashboards.figures.token_sets import (
    draw_against_validation,
    draw_stagnated,
    draw_upward,
    draw_upward_sets,
)
from trailhouse.dashboards.figures.trend_shares import UNFITTED, draw_trend_shares
from trailhouse.dashboards.figures.validation_perplexity import draw_validation_perplexity
from trailhouse.dashboards.passages.passage import Passage, PassageToken

PERPLEXITIES = pa.table(
    {
        "model_id": ["s/large"] * 3 + ["s/small"] * 3,
        "step": [0, 100, 10, 0, 10, 100],
        "parameter_count": [20] * 3 + [10] * 3,
        "train_flops_palm": [0.0, 4e9, 3e9, 0.0, 1e9, 2e9],
        "perplexity": [1000.0, 20.0, 80.0, 1000.0, 100.0, 50.0],
    }
)
SHARES = pa.Table.from_pylist(
    [
        {
            "convention_id": convention,
            "model_id": "s/small",
            "parameter_count": 10,
            "start_percent": start,
            "category": category,
            "token_share": share,
            "is_fitted": start == 0,
        }
        for convention, scale in (("paper", 1.0), ("ours", 0.5))
        for start in (10, 0)
        for category, share in (
            ("stagnated", 0.2 * scale),
            ("upward", 0.1 * scale),
            ("downward", 0.4 * scale),
            ("other", 0.3 * scale),
        )
    ]
)

MODELS = {"s/large": 3000, "s/middle": 200, "s/small": 10}
TOKEN_SETS = pa.Table.from_pylist(
    [
        {
            "set_model_id": set_model_id,
            "start_percent": start,
            "category": category,
            "model_id": model_id,
            "parameter_count": parameter_count,
            "step": step,
            "train_flops_palm": 6.0 * parameter_count * step,
            "validation_perplexity": 100.0 - step,
            "token_share": 0.041,
            "perplexity": 50.0 - step + parameter_count / 1000,
        }
        for set_model_id in MODELS
        for start in (0, 10, 40)
        for category in ("stagnated", "upward", "downward", "other")
        for model_id, parameter_count in MODELS.items()
        for step in (20, 0, 10)
    ]
)
RANDOM_SETS = pa.Table.from_pylist(
    [
        {
            "model_id": model_id,
            "set_percent": percent,
            "step": step,
            "train_flops_palm": 6.0 * parameter_count * step,
            "validation_perplexity": 50.0 - percent,
            "perplexity_lower": 40.0 - percent,
            "perplexity_upper": 60.0 - percent,
        }
        for model_id, parameter_count in MODELS.items()
        for percent in (4, 5)
        for step in (0, 10, 20)
    ]
)
PUBLISHED_PERPLEXITIES = pa.table(
    {
        "model_id": ["o/large", "o/small", "o/small"],
        "parameter_count": [20, 10, 10],
        "train_flops_palm": [3e9, 2e9, 1e9],
        "perplexity": [10.0, 20.0, 30.0],
    }
)
PUBLISHED_SHARES = pa.table(
    {
        "model_id": ["o/small", "o/small", "o/small"],
        "parameter_count": [10, 10, 10],
        "start_percent": [20, 10, 10],
        "category": ["stagnated", "stagnated", "upward"],
        "token_share": [0.2, 0.1, 0.3],
    }
)
PUBLISHED_SETS = pa.table(
    {
        "set_model_id": ["o/small", "o/small"],
        "start_percent": [20, 20],
        "category": ["stagnated", "upward"],
        "model_id": ["o/large", "o/large"],
        "parameter_count": [20, 20],
        "train_flops_palm": [3e9, 3e9],
        "perplexity": [2.0, 9.0],
    }
)
MEASURES = pa.Table.from_pylist(
    [
        {
            "subject": subject,
            "variant": variant,
            "model_id": model_id,
            "parameter_count": parameter_count,
            "step": step,
            "measure_value": 0.25 + step / 100 + parameter_count / 100000,
            "chance_value": 0.25,
            "train_flops_palm": 6.0 * parameter_count * step,
            "validation_perplexity": 100.0 - step,
        }
        for subject in ("all", "linearity", "own")
        for variant in ("0-shot", "2-shot", "5-shot")
        for model_id, parameter_count in MODELS.items()
        for step in (20, 0, 10)
    ]
)
TASKS = pa.Table.from_pylist(
    [
        {
            "task_set": task,
            "published_groups": groups,
            "model_id": model_id,
            "parameter_count": parameter_count,
            "step": step,
            "train_flops_palm": 6.0 * parameter_count * step,
            "accuracy_ratio": 0.25 + step / 100,
            "chance_accuracy_ratio": 0.25,
            "shot_count": 2,
        }
        for task, groups in (
            ("even", "bigbench_74, linearity"),
            ("sudden", "bigbench_74, breakthroughness"),
            ("own", ""),
        )
        for model_id, parameter_count in MODELS.items()
        for step in (20, 0, 10)
    ]
)
METRICS = pa.Table.from_pylist(
    [
        {
            "task_id": f"task {task}",
            "metric": metric,
            "model_id": "i/m",
            "parameter_count": 0,
            "step": step,
            "metric_value": 0.5 + task * step / 1000,
            "standard_error": error,
        }
        for task in range(2)
        for metric, error in (("acc", 0.01), ("ppl", None))
        for step in (8, 0, 2)
    ]
)
MARTS = {
    "fct_eval_metric_by_checkpoint": METRICS,
    "fct_trajectory_measure": MEASURES,
    "fct_task_accuracy_by_checkpoint": TASKS,
    "fct_published_task_accuracy": TASKS,
    "fct_published_token_set_trajectory": PUBLISHED_SETS,
    "fct_comparable_validation_perplexity": PERPLEXITIES,
    "fct_comparable_trend_share": SHARES,
    "fct_comparable_token_set_trajectory": TOKEN_SETS,
    "fct_token_set_trajectory": TOKEN_SETS,
    "fct_random_token_set_trajectory": RANDOM_SETS,
    "fct_published_validation_perplexity": PUBLISHED_PERPLEXITIES,
    "fct_published_trend_share": PUBLISHED_SHARES,
}


def lines_of(panel) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}


def test_figure_1_draws_one_line_per_model_in_order_of_compute_without_step_0():
    (panel,) = draw_validation_perplexity(PERPLEXITIES).axes
    assert lines_of(panel) == {
        "s/small": ([1e9, 2e9], [100.0, 50.0]),
        "s/large": ([3e9, 4e9], [80.0, 20.0]),
    }
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(("lowest", "ratio"), [(61, 1.3), (950, 3), (6.2e14, 9), (6.2e14, 30), (3.1, 1e7)])
def test_tick_labels_do_not_overlap_however_long_the_axis(lowest, ratio):
    canvas, panels = new_canvas(4, "Four panels side by side, the narrowest there are")
    rows = pa.table({"model_id": ["m"] * 9, "value": [lowest * ratio ** (index / 8) for index in range(9)]})
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


def test_figure_1_lists_models_by_size():
    (legend,) = draw_validation_perplexity(PERPLEXITIES).legends
    assert [text.get_text() for text in legend.get_texts()] == ["s/small", "s/large"]


def test_figure_2_draws_the_papers_convention_in_percent():
    stagnated, upward, downward = draw_trend_shares(SHARES).axes
    assert lines_of(stagnated)["s/small"] == ([0, 10], [20.0, 20.0])
    assert lines_of(upward)["s/small"] == ([0, 10], [10.0, 10.0])
    assert lines_of(downward)["s/small"] == ([0, 10], [40.0, 40.0])


def test_starts_with_too_few_checkpoints_for_a_fit_are_ringed():
    stagnated, *_ = draw_trend_shares(SHARES).axes
    assert lines_of(stagnated)[UNFITTED] == ([10], [20.0])
    fitted = SHARES.filter(SHARES["is_fitted"])
    assert UNFITTED not in lines_of(draw_trend_shares(fitted).axes[0])


def test_published_models_are_grey_and_dashed_beside_ones_own():
    own, published = draw_validation_perplexity(PERPLEXITIES, PUBLISHED_PERPLEXITIES).axes
    assert set(lines_of(own)) == {"s/small", "s/large"}
    assert lines_of(published) == {"o/small": ([1e9, 2e9], [30.0, 20.0]), "o/large": ([3e9], [10.0])}
    stagnated, upward, downward = draw_trend_shares(SHARES, PUBLISHED_SHARES).axes
    assert lines_of(stagnated)["o/small"] == ([10, 20], [10.0, 20.0])
    assert lines_of(upward)["o/small"] == ([10], [30.0])
    assert set(lines_of(downward)) == {"s/small", UNFITTED}
    (line,) = [line for line in stagnated.get_lines() if line.get_label() == "o/small"]
    red, green, blue, _ = to_rgba(line.get_color())
    assert red == green == blue
    assert line.get_linestyle() == "--"


@pytest.mark.parametrize(("draw", "category"), [(draw_stagnated, "stagnated"), (draw_upward, "upward")])
def test_figures_3_and_4_follow_own_sets_and_those_of_the_smallest_and_largest_model(draw, category):
    canvas = draw(TOKEN_SETS, RANDOM_SETS, PUBLISHED_SETS)
    own, smallest, largest, published = canvas.axes
    for panel in (own, smallest, largest):
        assert list(lines_of(panel)) == ["s/small", "s/middle", "s/large"]
    assert lines_of(own)["s/small"] == ([600.0, 1200.0], [40.01, 30.01])
    assert smallest.get_title() == "Set of small (4.1%)"
    assert largest.get_title() == "Set of large (4.1%)"
    assert category in canvas.get_suptitle()
    assert lines_of(published) == {"o/large": ([3e9], [2.0 if category == "stagnated" else 9.0])}
    assert published.get_title() == "Published: set of small, after 20%"


def test_random_sets_of_the_same_size_are_shaded_for_every_model():
    own, smallest, _, _ = draw_stagnated(TOKEN_SETS, RANDOM_SETS, PUBLISHED_SETS).axes
    assert len(own.collections) == 0
    assert len(smallest.collections) == 3
    heights = smallest.collections[0].get_paths()[0].vertices[:, 1]
    # sets of 4.1% lie closer to the corpus than those of 4%: 36 to 56 around 46
    share = TOKEN_SETS["token_share"][0].as_py()
    nearer = math.sqrt(0.04 / share)
    assert nearer < 1
    expected = [46 * math.exp(nearer * math.log(end / 46)) for end in (36, 56)]
    assert (heights.min(), heights.max()) == pytest.approx(expected)


def test_figure_11_shows_the_sets_of_the_models_between_smallest_and_largest_after_two_starts():
    titles = [panel.get_title() for panel in draw_upward_sets(TOKEN_SETS).axes]
    assert titles == [f"Set of middle (4.1%)\nafter {start}% of training" for start in (10, 40)]


def test_figure_12_runs_towards_lower_validation_perplexity():
    panels = draw_against_validation(TOKEN_SETS).axes
    assert len(panels) == 6
    for panel in panels:
        left, right = panel.get_xlim()
        assert left > right
        assert sorted(lines_of(panel)["s/large"][0]) == [80.0, 90.0, 100.0]


def test_figure_5_draws_correct_and_incorrect_options_of_the_last_checkpoints_by_size():
    wrong = MEASURES.set_column(5, "measure_value", pc.add(MEASURES["measure_value"], 1.0))
    canvas = draw_option_scaling(MEASURES, wrong)
    (panel,) = canvas.axes
    losses = [0.4501, 0.452, 0.48]
    assert lines_of(panel) == {
        "correct options": ([10, 200, 3000], pytest.approx([math.exp(loss) for loss in losses])),
        "incorrect options": ([10, 200, 3000], pytest.approx([math.exp(1 + loss) for loss in losses])),
    }
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["correct options", "incorrect options"]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["10", "200", "3k"]


def test_figure_8_draws_accuracy_over_chance_against_compute_and_perplexity_beside_published():
    compute, validation, published_compute, published_validation = draw_mean_accuracy(MEASURES, MEASURES).axes
    assert lines_of(compute)["s/small"] == ([600.0, 1200.0], pytest.approx([35.01, 45.01]))
    assert lines_of(compute)["chance"][1] == [25.0, 25.0]
    assert lines_of(validation)["s/small"] == ([80.0, 90.0, 100.0], pytest.approx([45.01, 35.01, 25.01]))
    for panel in (validation, published_validation):
        left, right = panel.get_xlim()
        assert left > right
    assert set(lines_of(published_compute)) == set(MODELS)


def test_figure_9_shows_the_groups_there_are_and_all_tasks_where_there_is_none():
    titles = [panel.get_title() for panel in draw_groups(MEASURES, MEASURES, MEASURES, MEASURES).axes]
    published = ["Published: linearity tasks", "Published: breakthroughness tasks"]
    assert titles == ["linearity tasks", "linearity tasks: options", *published]
    own = MEASURES.filter(pc.not_equal(MEASURES["subject"], "linearity"))
    canvas = draw_groups(own, own, own, MEASURES)
    assert [panel.get_title() for panel in canvas.axes] == ["all tasks", "all tasks: options", *published]
    assert {"s/small", "s/small, incorrect options"} <= set(lines_of(canvas.axes[1]))


def test_figures_17_and_18_draw_every_task_of_the_group_with_its_scaling_curve():
    def titles(rows, draw):
        return [panel.get_title() for panel in draw(rows, TASKS).axes if panel.axison]

    draw_linearity_tasks, draw_breakthroughness_tasks = (figure.draw for figure in TASK_GROUP_FIGURES)
    published = ["Published: last checkpoints", "Published: even"]
    assert titles(TASKS, draw_linearity_tasks) == ["One's own: last checkpoints", "even", *published]
    assert titles(TASKS, draw_breakthroughness_tasks)[:2] == ["One's own: last checkpoints", "sudden"]
    ungrouped = TASKS.filter(pc.equal(TASKS["published_groups"], ""))
    assert titles(ungrouped, draw_linearity_tasks) == ["One's own: last checkpoints", "own", *published]
    assert titles(ungrouped, draw_breakthroughness_tasks) == ["Published: last checkpoints", "Published: sudden"]
    scaling = draw_linearity_tasks(TASKS, TASKS).axes[0].get_lines()[0]
    assert (list(scaling.get_xdata()), list(scaling.get_ydata())) == ([10, 200, 3000], [45.0] * 3)


def test_imported_accuracies_that_changed_most_are_drawn_from_step_0_on():
    rows = METRICS.to_pylist()
    steady = [{**row, "task_id": f"steady {task}", "metric_value": 0.5} for task in range(7) for row in rows]
    panels = draw_imported_metrics(pa.concat_tables([METRICS, pa.Table.from_pylist(steady)])).axes
    assert [panel.get_title() for panel in panels] == ["task 1", *(f"steady {task}" for task in range(7))]
    assert lines_of(panels[0]) == {"i/m": ([0, 2, 8], pytest.approx([0.5, 0.502, 0.508]))}
    without_accuracy = METRICS.filter(pc.equal(METRICS["metric"], "ppl"))
    assert "ppl" in draw_imported_metrics(without_accuracy).get_suptitle()


def test_a_set_without_tokens_says_so_and_a_single_model_is_drawn():
    single = TOKEN_SETS.filter(
        pc.and_(pc.equal(TOKEN_SETS["model_id"], "s/small"), pc.equal(TOKEN_SETS["set_model_id"], "s/small"))
    )
    lacking = single.filter(pc.not_equal(single["category"], "stagnated"))
    panels = draw_stagnated(lacking, RANDOM_SETS, PUBLISHED_SETS).axes
    assert [panel.texts[0].get_text() for panel in panels[:1]] == ["no such tokens"]
    assert len(panels) == 2
    assert len(draw_upward_sets(single).axes) == 2


def test_a_set_at_step_0_alone_is_told_from_one_without_tokens():
    untrained = TOKEN_SETS.filter(pc.equal(TOKEN_SETS["step"], 0))
    panels = draw_stagnated(untrained, RANDOM_SETS.slice(0, 0), PUBLISHED_SETS).axes
    assert [panel.texts[0].get_text() for panel in panels[:3]] == ["only step 0, or no known compute"] * 3


def test_sets_of_one_model_at_another_start_are_drawn_as_a_published_suite_has_them():
    kept = pc.and_(pc.equal(TOKEN_SETS["set_model_id"], "s/middle"), pc.equal(TOKEN_SETS["start_percent"], 40))
    sets = TOKEN_SETS.filter(pc.and_(kept, pc.is_in(TOKEN_SETS["category"], pa.array(["stagnated", "upward"]))))
    place = sets.column_names.index("token_share")
    sets = sets.set_column(place, "token_share", pa.nulls(sets.num_rows, pa.float64()))
    (panel,) = draw_upward(sets, RANDOM_SETS.slice(0, 0), PUBLISHED_SETS.slice(0, 0)).axes
    assert (panel.get_title(), list(lines_of(panel))) == ("Set of middle", ["s/small", "s/middle", "s/large"])
    titles = [panel.get_title() for panel in draw_against_validation(sets).axes]
    assert titles == ["Set of middle: stagnated", "Set of middle: upward"]


def test_caveats_are_written_below_a_figure(tmp_path):
    for figure in FIGURES[:2]:
        companions = [MARTS[companion.mart] for companion in figure.companions]
        (_, svg, _) = save_figure(figure, MARTS[figure.mart], tmp_path, *companions, caveats=["small: only $one$ left"])
        assert "small: only $one$ left" in svg.read_text()


def make_passage(*tokens: tuple[str, str | None]) -> Passage:
    drawn = tuple(
        PassageToken(position, text, category, None, None) for position, (text, category) in enumerate(tokens)
    )
    return Passage("books", 3, "name", "s/small", "paper", 10, drawn)


def test_table_3_colours_every_token_by_its_trend():
    canvas = draw_passage(
        make_passage(("The", None), (" cat", "upward"), (" sat", "downward"), ("\n", None), ("on", "other"))
    )
    drawn = [(text.get_text(), text.get_color()) for text in canvas.texts[6:]]
    assert drawn == [("The", "#000000"), (" cat", "#D55E00"), (" sat", "#009E73"), ("on", "#000000")]


def test_table_3_breaks_long_lines_and_says_what_it_leaves_out(tmp_path):
    passage = make_passage(*[(f" {'x' * 9}", "upward")] * (LINE_CHARACTERS // 10 * (LINE_COUNT + 2)))
    canvas = draw_passage(passage)
    lengths = [len(text.get_text()) for text in canvas.texts[6:]]
    assert lengths[:LINE_COUNT] == [LINE_CHARACTERS] * LINE_COUNT
    assert canvas.get_supxlabel().startswith(f"The first {LINE_COUNT} of {LINE_COUNT + 2} lines")
    files = save_passage(make_passage(("漢\x1b[31m$x$", "upward"), ("y", "other")), tmp_path)
    assert [file.suffix[1:] for file in files] == list(FORMATS)
    assert "□" in draw_passage(make_passage(("漢", None))).texts[-1].get_text()


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_written_in_every_format_and_twice_alike(figure, tmp_path):
    rows = MARTS[figure.mart]
    companions = [MARTS[companion.mart] for companion in figure.companions]
    digests = []
    for run in ("first", "second"):
        files = save_figure(figure, rows, tmp_path / run, *companions)
        assert [file.suffix[1:] for file in files] == list(FORMATS)
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
        assert sorted(file.name for file in (tmp_path / run).iterdir()) == sorted(file.name for file in files)
    assert digests[0] == digests[1]
    width, height = struct.unpack(">II", (tmp_path / "first" / f"{figure.name}.png").read_bytes()[16:24])
    assert width > 400
    assert height > 300


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_declares_the_columns_it_draws(figure):
    companions = [MARTS[companion.mart].select(list(companion.columns)) for companion in figure.companions]
    figure.draw(MARTS[figure.mart].select(list(figure.columns)), *companions)


def test_every_series_has_a_style_of_its_own():
    styles = assign_styles(f"model {index}" for index in range(14))
    assert len(set(styles.values())) == 14


def test_a_canvas_has_the_panels_asked_for():
    assert len(new_canvas(3, "title")[1]) == 3


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_suite_without_known_compute_is_drawn(figure, tmp_path):
    rows = MARTS[figure.mart]
    if "train_flops_palm" in rows.column_names:
        place = rows.column_names.index("train_flops_palm")
        rows = rows.set_column(place, "train_flops_palm", pa.array([0.0] * rows.num_rows))
    companions = [MARTS[companion.mart].slice(0, 0) for companion in figure.companions]
    assert len(save_figure(figure, rows, tmp_path, *companions)) == len(FORMATS)


def test_the_page_shows_every_figure_with_its_source_and_links_to_files_that_are_there(tmp_path):
    shown = [figure for figure in FIGURES if figure.name.startswith("figure_01")]
    for figure in shown:
        save_figure(figure, PERPLEXITIES, tmp_path)
        save_rows(PERPLEXITIES, tmp_path, figure.name)
    text = write_gallery(shown, tmp_path, "<s>", "c").read_text()
    assert "<h1>Figures of &lt;s&gt; on c</h1>" in text
    assert "Xia et al. 2023, Figure 1" in text
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(links) == len(FORMATS) + 2
    assert all((tmp_path / link).is_file() for link in links)


def test_the_numbers_behind_a_figure_read_back_as_they_were(tmp_path):
    assert csv.read_csv(save_rows(PERPLEXITIES, tmp_path, "a")).to_pylist() == PERPLEXITIES.to_pylist()
