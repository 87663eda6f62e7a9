"""The colours are defined in one file, and everything that shows colours takes them from there."""

import re
import runpy

import pytest
import yaml

from tests.support.paths import DBT_MODELS, ROOT
from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.colours import (
    CATEGORIES,
    COLOUR_SCHEME,
    HIGHLIGHT,
    MODEL_COLOURS,
    TEXT,
    assign_model_colors,
    choose_grey,
    choose_model_color,
    write_css_variables,
)
from trailhouse.dashboards.figures.line_styles import assign_styles

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
    assert {"dashboards/colours.py", f"dashboards/superset/{EXPRESSIONS}"} < set(copy.split())


def test_dashboards_name_their_colours_and_define_every_name():
    files = compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")
    dashboards = [yaml.safe_load(text) for path, text in files.items() if path.startswith("dashboards/")]
    assert {dashboard["metadata"]["color_scheme"] for dashboard in dashboards} == {COLOUR_SCHEME}
    styled = {dashboard["slug"]: dashboard["css"] for dashboard in dashboards if dashboard["css"]}
    assert set(styled) == {"inspector"}
    assert styled["inspector"].startswith(write_css_variables())
    used = set(re.findall(r"var\(--(\w+)\)", styled["inspector"]))
    assert used == set(re.findall(r"--(\w+):", write_css_variables()))
    assert {category.name for category in CATEGORIES} < used


def test_css_variables_have_the_colours_of_the_categories():
    defined = dict(re.findall(r"--(\w+): (#\w+);", write_css_variables()))
    expected = {category.name: category.color for category in CATEGORIES}
    assert defined == {**expected, "text": TEXT, "highlight": HIGHLIGHT}
    assert expected == {"stagnated": "#0072B2", "upward": "#D55E00", "downward": "#009E73"}


def test_colours_of_models_differ_and_repeat_after_the_last():
    count = len(MODEL_COLOURS)
    assert len(set(MODEL_COLOURS)) == count == 7
    assert [choose_model_color(index) for index in range(count + 1)] == [*MODEL_COLOURS, MODEL_COLOURS[0]]
    assert [line.color for line in assign_styles("abcdefgh").values()] == [*MODEL_COLOURS, MODEL_COLOURS[0]]


def test_greys_run_evenly_from_the_first_to_the_last():
    assert [choose_grey(index, 3, 0.8, 0.3) for index in range(3)] == ["0.80", "0.55", "0.30"]
    assert [choose_grey(index, 2, 0.1, 0.7) for index in range(2)] == ["0.10", "0.70"]
    assert choose_grey(0, 1, 0.8, 0.3) == "0.80"


def test_colours_of_models_begin_anew_in_every_suite_and_go_to_every_name_of_a_band():
    colors = assign_model_colors([("s", "s/small"), ("t", "t/only"), ("s", "s/large")])
    assert colors == {"s/small": MODEL_COLOURS[0], "s/large": MODEL_COLOURS[1], "t/only": MODEL_COLOURS[0]}
    files = compile_bundle(
        ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w", model_colors=colors
    )
    for path, text in files.items():
        if path.startswith("dashboards/"):
            labels = yaml.safe_load(text)["metadata"]["label_colors"]
            assert labels["s/large"] == labels["s/large__yhat"] == labels["s/large__yhat_upper"] == MODEL_COLOURS[1]
            assert len(labels) == 4 * len(colors)
