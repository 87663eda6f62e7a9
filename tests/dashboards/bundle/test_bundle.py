"""Declarations of dashboards are checked without a server and compiled to the files that Superset imports."""

import json
import re
import uuid

import pytest
import yaml

from tests.support.paths import DBT_MODELS
from trailhouse.dashboards.bundle.bundle import ASSETS, check_assets, compile_bundle, find_bundle_problems
from trailhouse.dashboards.bundle.check_declarations import find_names
from trailhouse.dashboards.bundle.dashboard_declaration import read_folders
from trailhouse.errors import BadInputError

CHART = {
    "title": "Perplexity",
    "explanation": "The lower a line, the better its model.",
    "mart": "fct_loss",
    "kind": "line",
    "x": "step",
    "series": ["model_id"],
    "metrics": [{"label": "Perplexity", "expression": "avg(perplexity)"}],
    "where": ["step > 0 and model_id != 'no column'"],
}
DASHBOARD = {
    "title": "Loss",
    "description": "How far the models are.",
    "order": 1,
    "filters": [{"name": "Model", "mart": "fct_loss", "column": "model_id"}],
    "sections": [{"title": "All", "rows": [{"loss": 12}]}],
}


class Project:
    """A directory of assets and a dbt project with one mart and one model that is not a mart."""

    def __init__(self, directory):
        self.assets, self.dbt_models = directory / "assets", directory / "models"
        self.add_model("marts", "fct_loss", ["model_id", "step", "perplexity"])
        self.add_model("intermediate", "int_loss", ["model_id", "step", "perplexity"])
        (self.dbt_models / "_docs").mkdir()
        (self.dbt_models / "_docs" / "docs.md").write_text("{% docs told %}Told once.{% enddocs %}")
        self.dashboard, self.charts = json.loads(json.dumps(DASHBOARD)), {"loss": json.loads(json.dumps(CHART))}

    def add_model(self, layer, name, columns):
        (self.dbt_models / layer).mkdir(parents=True)
        (self.dbt_models / layer / f"{name}.sql").write_text("select 1")
        described = [{"name": column, "data_type": "Int64", "description": "{{ doc('told') }}"} for column in columns]
        (self.dbt_models / layer / f"{name}.yml").write_text(
            yaml.safe_dump({"models": [{"name": name, "description": "One row.", "columns": described}]})
        )

    def write(self):
        folder = self.assets / "loss"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dashboard.yaml").write_text(yaml.safe_dump(self.dashboard, sort_keys=False))
        (folder / "charts.yaml").write_text(yaml.safe_dump(self.charts))

    def check(self):
        self.write()
        return check_assets(self.assets, self.dbt_models)

    def compile(self):
        self.write()
        files = compile_bundle(self.assets, self.dbt_models, database_uri="clickhousedb://reader@host/db", schema="db")
        return {path: yaml.load(text, yaml.CSafeLoader) for path, text in files.items()}


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="module")
def ours():
    files = compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")
    return {path: yaml.load(text, yaml.CSafeLoader) for path, text in files.items()}


def test_each_of_several_sections_is_a_tab(project):
    project.charts["linear"] = {**CHART, "title": "Perplexity, linear"}
    sections = [{"title": "Logarithmic", "rows": [{"loss": 12}]}, {"title": "Linear", "rows": [{"linear": 12}]}]
    project.dashboard["sections"] = sections
    (page,) = [content for path, content in project.compile().items() if "dashboards/" in str(path)]
    components = page["position"]
    (tabs,) = [part for part in components.values() if isinstance(part, dict) and part["type"] == "TABS"]
    assert [components[key]["meta"]["text"] for key in tabs["children"]] == ["Logarithmic", "Linear"]
    charts = [part for part in components.values() if isinstance(part, dict) and part["type"] == "CHART"]
    assert [chart["parents"][:4] for chart in charts] == [
        ["ROOT_ID", "GRID_ID", tabs["id"], tab] for tab in tabs["children"]
    ]


def test_our_own_assets_have_no_problem():
    assert check_assets(ASSETS, DBT_MODELS) == []


def test_a_correct_folder_has_no_problem(project):
    assert project.check() == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mart": "fct_other"}, "loss: chart loss: fct_other is not a mart"),
        ({"mart": "int_loss"}, "loss: chart loss: int_loss is not a mart"),
        ({"x": "tokens"}, "loss: chart loss: fct_loss has no column tokens"),
        ({"series": ["size"]}, "loss: chart loss: fct_loss has no column size"),
        ({"where": ["size > 3"]}, "loss: chart loss: fct_loss has no column size"),
        ({"ignores": ["size"]}, "loss: chart loss: fct_loss has no column size"),
        (
            {"metrics": [{"label": "a", "expression": "avg(bits)"}]},
            "loss: chart loss: fct_loss has no column bits",
        ),
        (
            {"kind": "table", "metrics": [], "columns": ["bits"]},
            "loss: chart loss: fct_loss has no column bits",
        ),
        (
            {"kind": "table", "metrics": [], "columns": ["step"], "order": ["bits desc"]},
            "loss: chart loss: fct_loss has no column bits",
        ),
        ({"explanation": "A line for each of the models"}, "loss: chart loss: its explanation is not a sentence"),
        ({"x": None}, "loss: chart loss: a line needs x and metrics"),
        ({"kind": "heatmap", "series": []}, "loss: chart loss: a heatmap needs exactly one series"),
        ({"kind": "table", "columns": ["step"]}, "loss: chart loss: a table needs columns or metrics, and not both"),
        ({"kind": "number", "metrics": []}, "loss: chart loss: a number needs exactly one metric"),
        (
            {"kind": "number", "metrics": [CHART["metrics"][0]] * 2},
            "loss: chart loss: a number needs exactly one metric",
        ),
        ({"kind": "table", "metrics": []}, "loss: chart loss: a table needs columns or metrics, and not both"),
        ({"order": ["step"]}, "loss: chart loss: the order 'step' lacks a direction: asc or desc"),
        (
            {"kind": "template", "metrics": [], "columns": ["step"]},
            "loss: chart loss: a template chart needs a template",
        ),
        (
            {"kind": "template", "metrics": [], "columns": ["step"], "template": "{{bits}}"},
            "loss: chart loss: fct_loss has no column bits",
        ),
        (
            {"kind": "template", "metrics": [], "columns": ["step"], "template": "{{{step}}}"},
            "loss: chart loss: its template holds {{{ or {{&, which show texts of the warehouse as markup",
        ),
    ],
)
def test_a_chart_that_refers_to_something_unknown_or_lacks_a_field_is_named(project, change, problem):
    project.charts["loss"].update(change)
    assert problem in project.check()
    with pytest.raises(BadInputError):
        project.compile()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mart": "dim_model"}, "loss: filter Model: dim_model is not a mart"),
        ({"column": "size"}, "loss: filter Model: fct_loss has no column size"),
        ({"parents": ["Suite"]}, "loss: filter Model: no filter is called 'Suite'"),
        ({"where": ["size = 3"]}, "loss: filter Model: fct_loss has no column size"),
    ],
)
def test_a_filter_that_refers_to_something_unknown_is_named(project, change, problem):
    project.dashboard["filters"][0].update(change)
    assert problem in project.check()


def test_a_filter_that_changes_nothing_is_named(project):
    project.charts["loss"]["ignores"] = ["model_id"]
    assert project.check() == ["loss: filter Model: every chart lacks or ignores its column model_id"]


def test_charts_in_no_row_and_rows_with_an_unknown_chart_are_named(project):
    project.charts["spare"] = project.charts["loss"]
    project.dashboard["sections"][0]["rows"] = [{"loss": 6, "missing": 6}, {"loss": 13}]
    assert set(project.check()) >= {
        "loss: chart missing is in a row, and not in charts.yaml",
        "loss: chart spare is in charts.yaml, and in no row",
        "loss: chart loss is in 2 rows",
        "loss: the row loss is 13 wide, and 12 is the limit",
    }


def test_a_row_with_a_chart_of_no_width_is_named(project):
    project.dashboard["sections"][0]["rows"] = [{"loss": 0}]
    assert project.check() == ["loss: the row loss is 0 wide, and 12 is the limit"]


def test_equal_names_of_filters_and_dashboards_are_named(project):
    project.dashboard["filters"] *= 2
    other = Project(project.assets.parent / "elsewhere")
    other.write()
    (other.assets / "loss").rename(project.assets.parent / "second")
    project.write()
    (project.assets.parent / "second").rename(project.assets / "second")
    assert check_assets(project.assets, project.dbt_models) == [
        "two dashboards have the title 'Loss'",
        "loss: two filters have the name 'Model'",
    ]


def test_dashboards_are_listed_by_order_and_then_by_name(project):
    for name, order in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
        project.dashboard |= {"order": order, "title": name}
        project.write()
        (project.assets / "loss").rename(project.assets / name)
    assert [folder.name for folder in read_folders(project.assets)] == ["b", "d", "c", "a"]


def test_the_charts_of_a_row_have_room_for_the_longest_explanation(project):
    project.charts["second"] = {**CHART, "title": "Second", "explanation": "A much longer explanation. " * 10}
    project.charts["third"] = {**CHART, "title": "Third", "explanation": "Another short explanation."}
    project.dashboard["sections"][0]["rows"] = [{"loss": 6, "second": 6}, {"third": 6}]
    (page,) = [content for path, content in project.compile().items() if "dashboards/" in str(path)]
    rooms = [
        (text, int(height)) for text, height in re.findall(r'aria-label="([^"]*)"\]\) .*--room: (\d+)px', page["css"])
    ]
    assert len(rooms[1][0]) > 200
    assert rooms[0][1] == rooms[1][1] > rooms[2][1]


def test_a_page_has_the_styles_of_its_own_templates_only(ours):
    pages = {path: file["css"] for path, file in ours.items() if path.startswith("dashboards/")}
    for rule, users in (
        (".at-50", {"tasks"}),
        (".track", {"tasks"}),
        (".facts", {"overview"}),
        (".status", {"overview", "operations"}),
        (".tokens-in-context", {"overview", "token_trends"}),
        (".plain-table", {"overview", "tasks", "inspector"}),
        (".trailhouse-bar", {"overview", "token_trends", "tasks", "sequences", "phases", "operations", "inspector"}),
    ):
        assert {
            path.removeprefix("dashboards/").removesuffix(".yaml") for path in pages if rule in pages[path]
        } == users


def test_a_chart_without_an_explanation_is_refused_with_its_file(project):
    del project.charts["loss"]["explanation"]
    with pytest.raises(BadInputError, match=r"charts\.yaml, line 2, loss\.explanation: this field is missing"):
        project.check()


def test_a_repeated_key_is_refused(project):
    project.write()
    with (project.assets / "loss" / "charts.yaml").open("a") as file:
        file.write(yaml.safe_dump({"loss": CHART}))
    with pytest.raises(BadInputError, match="line 14, loss: this field occurs twice"):
        check_assets(project.assets, project.dbt_models)


def test_a_uuid_of_two_assets_and_a_reference_to_none_are_named():
    files: dict[str, dict] = {
        "charts/a.yaml": {"uuid": "1", "dataset_uuid": "3"},
        "charts/b.yaml": {"uuid": "1", "dataset_uuid": "2"},
        "datasets/c.yaml": {"uuid": "2"},
        "dashboards/d.yaml": {"uuid": "4", "position": {"CHART-1": {"meta": {"chartId": 1, "uuid": "5"}}}},
    }
    assert find_bundle_problems(files) == [
        "the UUID 1 belongs to 2 assets",
        "charts/a.yaml refers to 3, which no file has",
        "dashboards/d.yaml refers to 5, which no file has",
    ]


def test_compiling_twice_gives_the_same_bytes():
    first, second = (
        compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")
        for _ in range(2)
    )
    assert first == second


def test_uuids_do_not_depend_on_the_directory(project, tmp_path):
    other = Project(tmp_path / "elsewhere")
    assert {path: file.get("uuid") for path, file in project.compile().items()} == {
        path: file.get("uuid") for path, file in other.compile().items()
    }


def test_a_dashboard_needs_only_its_folder(project):
    files = project.compile()
    assert set(files) == {
        "metadata.yaml",
        "databases/Trailhouse.yaml",
        "datasets/Trailhouse/fct_loss.yaml",
        "charts/loss/loss.yaml",
        "dashboards/loss.yaml",
    }
    columns = files["datasets/Trailhouse/fct_loss.yaml"]["columns"]
    assert [column["description"] for column in columns if column["expression"] is None] == ["Told once."] * 3


def test_every_query_reads_columns_of_its_own_mart(ours):
    charts = [file for path, file in ours.items() if path.startswith("charts/")]
    columns = {
        file["uuid"]: {column["column_name"] for column in file["columns"]}
        for path, file in ours.items()
        if path.startswith("datasets/")
    }
    assert len(charts) > 30
    for chart in charts:
        (query,) = json.loads(chart["query_context"])["queries"]
        asked = find_names(
            column if isinstance(column, str) else column["sqlExpression"] for column in query["columns"]
        )
        assert asked <= columns[chart["dataset_uuid"]]
        assert query.get("metrics") or asked


def test_every_order_of_a_filter_is_an_aggregate_of_its_dataset(ours):
    declared = [native for folder in read_folders(ASSETS) for native in folder.dashboard.filters if native.first]
    orders = {native.first for native in declared if (native.mart, native.column) == ("dim_suite_choice", "suite_id")}
    assert len(orders) > 1
    for native in declared:
        (dataset,) = [content for path, content in ours.items() if path.endswith(f"/{native.mart}.yaml")]
        expressions = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
        assert expressions[native.order_name] == native.first
        assert len(expressions) == len(dataset["metrics"])


def test_a_filter_does_not_apply_to_charts_whose_mart_lacks_the_column(ours):
    dashboard = ours["dashboards/operations.yaml"]
    numbers = {
        component["meta"]["chartId"]: component["meta"]["uuid"]
        for component in dashboard["position"].values()
        if isinstance(component, dict) and component["type"] == "CHART"
    }
    suite = dashboard["metadata"]["native_filter_configuration"][0]
    excluded = {numbers[number] for number in suite["scope"]["excluded"]}
    names = {file.get("uuid"): path for path, file in ours.items()}
    assert {names[uuid] for uuid in excluded} >= {"charts/operations/storage_by_table.yaml"}
    assert "charts/operations/not_done.yaml" not in {names[uuid] for uuid in excluded}


NOT_ALONG_TRAINING = {"Parameters", "Replaced tokens (%)", "Order of the n-grams"}
"""Horizontal axes of charts that compare last checkpoints."""


def test_charts_along_training_show_checkpoints_and_name_their_axes():
    charts = [chart for folder in read_folders(ASSETS) for chart in folder.charts.values()]
    along = [chart for chart in charts if chart.kind == "scatter" and chart.x_title not in NOT_ALONG_TRAINING]
    assert len(along) > 10
    for chart in along:
        assert not chart.mart.endswith("_by_axis"), f"{chart.title}: values between checkpoints look like measured ones"
        assert chart.x_title in {"Step", "Training tokens", "Training compute (FLOPs)", "Validation perplexity"}
    of_flops = [chart.title for chart in charts if chart.x == "train_flops_palm"]
    assert of_flops == [], "browsers cannot read such large numbers from Superset"


def test_a_filter_says_which_charts_it_does_not_reach(ours):
    (convention,) = [
        native
        for native in ours["dashboards/token_trends.yaml"]["metadata"]["native_filter_configuration"]
        if native["name"] == "Convention"
    ]
    assert '"How many tokens are being forgotten?"' in convention["description"]
    assert '"How many tokens show double descent?"' not in convention["description"]
    (suite, *_) = ours["dashboards/operations.yaml"]["metadata"]["native_filter_configuration"]
    assert 'It changes all charts but "' in suite["description"]
    assert '"Storage by table"' in suite["description"]


def test_an_axis_of_shares_ends_where_the_declaration_says(ours):
    bounds = {path: file["params"].get("y_axis_bounds") for path, file in ours.items() if path.startswith("charts/")}
    for name in ("tasks/collapse_by_measure", "token_trends/collapse", "token_trends/by_test"):
        assert bounds[f"charts/{name}.yaml"] == [None, 1]
    assert bounds["charts/tasks/accuracy_by_step.yaml"] == [None, 1]
    assert bounds["charts/token_trends/shares_upward.yaml"] == [None, None]


def test_a_click_on_a_token_does_not_filter_the_passage(ours):
    dashboard = ours["dashboards/inspector.yaml"]
    numbers = {
        component["meta"]["sliceName"]: component["meta"]["chartId"]
        for component in dashboard["position"].values()
        if isinstance(component, dict) and component["type"] == "CHART"
    }
    scope = dashboard["metadata"]["chart_configuration"][str(numbers["Which tokens change most?"])]["crossFilters"][
        "scope"
    ]
    assert numbers["How does the model see this passage?"] in scope["excluded"]
    assert numbers["How likely is the token in every model?"] not in scope["excluded"]


def test_every_component_stands_below_its_parent(ours):
    for path, file in ours.items():
        if path.startswith("dashboards/"):
            position = {key: part for key, part in file["position"].items() if isinstance(part, dict)}
            children = [child for part in position.values() for child in part.get("children", [])]
            assert sorted(children) == sorted({*children})
            assert {*children} == {*position} - {"ROOT_ID", "HEADER_ID"}
            for key, part in position.items():
                for child in part.get("children", []):
                    assert position[child]["parents"][-1] == key


def test_dashboards_link_to_each_other_with_what_is_chosen(ours):
    dashboards = [file for path, file in ours.items() if path.startswith("dashboards/")]
    assert len(dashboards) >= 4
    for dashboard in dashboards:
        template = ours[f"charts/{dashboard['slug']}/bar.yaml"]["params"]["handlebarsTemplate"]
        for other in dashboards:
            if other is not dashboard:
                addresses = re.findall(rf'href="(/superset/dashboard/{other["slug"]}/[^"]*)"', template)
                # The corpora of Sequences and Phases are others: those of the prompts, and those of words in context.
                is_of_other_corpora = {dashboard["slug"], other["slug"]} & {"phases"} or other["slug"] == "sequences"
                assert ("'{{link_corpus_id}}'" in addresses[-1]) != bool(is_of_other_corpora)
                assert len(addresses) == (2 if dashboard["slug"] == "phases" else 1)


def test_a_page_of_a_published_suite_links_to_the_other_pages_without_the_suite(ours):
    template = ours["charts/phases/bar.yaml"]["params"]["handlebarsTemplate"]
    published = template.partition("{{#if is_published}}")[2].partition("{{else}}")[0]
    assert published.count("href=") == 6
    assert "native_filters" not in published
    assert [one["sqlExpression"] for one in ours["charts/phases/bar.yaml"]["params"]["adhoc_filters"]] == ["is_named"]


def test_tables_show_text_as_text_and_uuids_are_uuids(ours):
    for path, file in ours.items():
        if "uuid" in file:
            assert uuid.UUID(file["uuid"]).version == 5
        if path.startswith("charts/") and file["viz_type"] == "table":
            assert file["params"]["allow_render_html"] is False
