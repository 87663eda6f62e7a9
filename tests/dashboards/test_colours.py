"""The colours are defined in one file, and everything that shows colours takes them from there."""

import itertools
import re
import runpy

import numpy as np
import pytest
import yaml

from tests.support.colour_vision import VISIONS, locate, measure_contrast, measure_distance
from tests.support.paths import DBT_MODELS, ROOT
from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.colours import (
    CATEGORIES,
    COLOUR_SCHEME,
    HIGHLIGHT,
    HUES,
    MODEL_COLOURS,
    REFERENCE,
    TEXT,
    assign_model_colors,
    choose_grey,
    write_css_variables,
)

WHITE = "#ffffff"
HEX_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")


def test_no_other_file_of_the_room_defines_a_colour():
    files = [file for suffix in ("py", "yaml", "mplstyle") for file in (ROOT / "dashboards").rglob(f"*.{suffix}")]
    assert len(files) > 40
    owners = {str(file.relative_to(ROOT)) for file in files if HEX_COLOUR.search(file.read_text(encoding="utf-8"))}
    assert owners == {"dashboards/colours.py"}


EXPRESSIONS = "chart_expressions.py"


@pytest.mark.parametrize("folder", ["dashboards/superset", "container"])
def test_superset_offers_the_colours_of_models_under_the_name_that_charts_use(folder, tmp_path, monkeypatch):
    configuration = ROOT / "dashboards" / "superset" / "superset_config.py"
    if folder == "container":  # where the Dockerfile copies the files into one folder
        for source in (configuration, ROOT / "dashboards" / "colours.py", configuration.with_name(EXPRESSIONS)):
            (tmp_path / source.name).write_text(source.read_text())
        configuration = tmp_path / configuration.name
    (tmp_path / "secret.key").write_text("key")
    monkeypatch.setenv("TRAILHOUSE_SUPERSET_DIRECTORY", str(tmp_path))
    (scheme,) = runpy.run_path(str(configuration))["EXTRA_CATEGORICAL_COLOR_SCHEMES"]
    assert (scheme["id"], scheme["colors"]) == (COLOUR_SCHEME, list(MODEL_COLOURS))
    assert scheme["isDefault"] is True


def test_the_container_gets_the_files_that_superset_s_configuration_reads():
    copies = (ROOT / "docker" / "superset.Dockerfile").read_text().splitlines()
    (copy,) = [line for line in copies if "superset_config.py" in line and line.startswith("COPY")]
    assert {"dashboards/colours.py", f"dashboards/superset/{EXPRESSIONS}", "dashboards/superset/pages.py"} < set(
        copy.split()
    )
    for folder in ("static", "templates"):
        assert f"COPY dashboards/superset/{folder} /opt/trailhouse/{folder}" in copies


def test_dashboards_name_their_colours_and_define_every_name():
    files = compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")
    dashboards = [yaml.safe_load(text) for path, text in files.items() if path.startswith("dashboards/")]
    assert {dashboard["metadata"]["color_scheme"] for dashboard in dashboards} == {COLOUR_SCHEME}
    for dashboard in dashboards:
        assert dashboard["css"].startswith(write_css_variables())
        used = set(re.findall(r"var\(--(\w+)\)", dashboard["css"]))
        assert used <= set(re.findall(r"--(\w+):", dashboard["css"])), dashboard["slug"]
    (inspector,) = [dashboard["css"] for dashboard in dashboards if dashboard["slug"] == "inspector"]
    assert {category.name for category in CATEGORIES} < set(re.findall(r"var\(--(\w+)\)", inspector))


def test_css_variables_have_the_colours_of_the_categories():
    defined = dict(re.findall(r"--(\w+): (#\w+);", write_css_variables()))
    expected = {category.name: category.color for category in CATEGORIES}
    assert defined == {**expected, "text": TEXT, "highlight": HIGHLIGHT}


def test_categories_have_no_hue_and_are_legible():
    for category in CATEGORIES:
        assert len(set(bytes.fromhex(category.color[1:]))) == 1
        assert measure_contrast(category.color, WHITE) > 4.5


def test_greys_run_evenly_from_the_first_to_the_last():
    assert [choose_grey(index, 3, 0.8, 0.3) for index in range(3)] == ["0.80", "0.55", "0.30"]
    assert [choose_grey(index, 2, 0.1, 0.7) for index in range(2)] == ["0.10", "0.70"]
    assert choose_grey(0, 1, 0.8, 0.3) == "0.80"


def color_models(*model_counts: int) -> list[list[str]]:
    """The colours of suites with these numbers of models, suite by suite."""
    colors = assign_model_colors(
        (f"suite {place}", f"{place}/{index}") for place, count in enumerate(model_counts) for index in range(count)
    )
    return [[colors[f"{place}/{index}"] for index in range(count)] for place, count in enumerate(model_counts)]


SUITE_COUNT = len(HUES)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("model_count", "distance"), [(2, 15), (3, 11), (6, 5), (12, 2.4)])
def test_larger_models_of_a_suite_are_darker_and_neighbours_can_be_told_apart(model_count, distance, vision):
    for ramp in color_models(*[model_count] * SUITE_COUNT):
        lightnesses = [locate(color, vision)[0] for color in ramp]
        assert lightnesses == sorted(lightnesses, reverse=True)
        assert min(measure_distance(*pair, vision) for pair in itertools.pairwise(ramp)) > distance


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    ("suite_count", "model_count", "distance"),
    [(2, 3, 20), (4, 3, 4.8), (SUITE_COUNT, 3, 3), (4, 1, 6.5), (SUITE_COUNT, 1, 6)],
)
def test_models_of_different_suites_can_be_told_apart(suite_count, model_count, distance, vision):
    suites = color_models(*[model_count] * suite_count)
    pairs = [pair for one, other in itertools.combinations(suites, 2) for pair in itertools.product(one, other)]
    assert min(measure_distance(*pair, vision) for pair in pairs) > distance


@pytest.mark.parametrize(("model_count", "contrast"), [(1, 4.5), (3, 3), (12, 2.4)])
def test_models_stand_out_from_a_white_page(model_count, contrast):
    colors = [color for ramp in color_models(*[model_count] * SUITE_COUNT) for color in ramp]
    assert min(measure_contrast(color, WHITE) for color in colors) > contrast


def test_colours_are_seen_as_the_references_say():
    assert locate("#ff0000") == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)  # Ottosson 2020
    assert measure_contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.005)  # WCAG 2
    assert measure_distance("#ff0000", "#00c000") > 3 * measure_distance("#a80000", "#005800", "deuteranopia")


def test_models_of_a_suite_share_a_hue_that_no_other_suite_has():
    def hues(ramp):
        return [np.degrees(np.arctan2(*locate(color)[:0:-1])) % 360 for color in ramp]

    centres = []
    for ramp in color_models(*[12] * SUITE_COUNT):
        assert np.ptp(hues(ramp)) < 20
        centres.append(np.mean(hues(ramp)))
    assert min(abs(one - other) for one, other in itertools.combinations(centres, 2)) > 30
    again = color_models(*[1] * (SUITE_COUNT + 1))
    assert again[-1] == again[0]
    assert [color for (color,) in again[:-1]] == list(MODEL_COLOURS)


def test_the_dashboards_give_a_model_its_colour_under_every_name_of_a_band():
    colors = assign_model_colors([("s", "s/small"), ("t", "t/only"), ("s", "s/large")])
    assert len(set(colors.values())) == 3
    files = compile_bundle(
        ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w", model_colors=colors
    )
    for path, text in files.items():
        if path.startswith("dashboards/"):
            labels = yaml.safe_load(text)["metadata"]["label_colors"]
            assert labels["s/large"] == labels["s/large__yhat"] == labels["s/large__yhat_upper"] == colors["s/large"]
            others = [color for name, color in labels.items() if "/" not in name]
            assert all(color[1:3] == color[3:5] == color[5:] for color in others), "a hue would be a model"
            greys = labels["s/small (reference)"], labels["s/large (reference)"]
            assert all(grey[1:3] == grey[3:5] == grey[5:] for grey in greys), "a hue would be a model"
            assert greys[0] > greys[1], "the larger is the darker"
            assert labels["t/only (reference)"] == REFERENCE
