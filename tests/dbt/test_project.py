"""Conventions of the dbt project: descriptions, contracts, and the direction of references."""

import json
import re

import pytest

from tests.support.paths import MIGRATIONS, ROOT

# Tables with rows before anything is scored: they are derived from published series.
PUBLISHED = {
    "fct_double_descent",
    "int_behaviour_measure",
    "fct_trajectory_measure",
    "fct_collapse_score",
    "fct_correlation_part",
    "fct_correlation_interval",
    "fct_equal_perplexity_alignment",
    "fct_behaviour_alignment",
    "fct_task_scaling",
}
PUBLISHED_PHASES = {
    "int_phase_peak",
    "dim_phase_choice",
    "dim_phase_model",
    "dim_phase_predictor",
    "fct_phase_correlation_by_checkpoint",
    "fct_phase_regression_by_checkpoint",
    "fct_phase_peak",
    "fct_phase_order",
    "fct_phase_seed_mean",
}


@pytest.fixture(scope="module")
def built(warehouse):
    """The project built from empty raw tables."""
    warehouse.dbt("build", "--exclude", "test_type:unit")
    return warehouse


@pytest.fixture(scope="module")
def manifest(built):
    return json.loads((built.state / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def models(manifest):
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")}


def test_an_empty_warehouse_builds_into_empty_marts(built):
    counts = {name: count for name, (count, _) in built.digest().items()}
    assert counts.pop("trend_convention") == 9
    assert {name for name, count in counts.items() if count} == PUBLISHED | PUBLISHED_PHASES
    for name in PUBLISHED - {"int_behaviour_measure"}:
        assert built.rows(f"select distinct suite_id from {name}") == [("opt-published",)]
    for name in PUBLISHED_PHASES - {"int_phase_peak", "dim_phase_predictor"}:
        assert built.rows(f"select distinct suite_id, is_published from {name}") == [("phases-published", True)]


def test_the_unit_tests_beside_the_models_pass(built):
    results = built.dbt("test", "--select", "test_type:unit").results
    assert len(results) >= 16


def test_every_column_of_every_model_is_described(built, models):
    columns = {}
    for table, column in built.rows("select table, name from system.columns where database = currentDatabase()"):
        columns.setdefault(table, set()).add(column)
    for name, model in models.items():
        described = {column for column, entry in model["columns"].items() if entry["description"].strip()}
        assert described == columns[name], name


def test_every_description_says_what_a_row_is(models, manifest):
    sources = {source["name"]: source for source in manifest["sources"].values()}
    for name, node in (models | sources).items():
        assert re.match(r"One row per \S", node["description"]), name


def test_the_sources_are_the_raw_tables_with_every_column_described(manifest):
    tables = {}
    for migration in sorted(MIGRATIONS.glob("*.sql")):
        for table in re.findall(r"drop table if exists (\w+)", migration.read_text()):
            tables.pop(table, None)
        for table, body in re.findall(r"create table (raw_\w+) \((.*?)\n\)", migration.read_text(), re.DOTALL):
            tables[table] = re.findall(r"^    (\w+) ", body, re.MULTILINE)
        added = r"^alter table (\w+) add column if not exists (\w+) .*?(?: after (\w+))?;$"
        for table, column, neighbour in re.findall(added, migration.read_text(), re.MULTILINE):
            place = tables[table].index(neighbour) + 1 if neighbour else len(tables[table])
            tables[table].insert(place, column)
    sources = {source["name"]: source for source in manifest["sources"].values()}
    assert {name: list(source["columns"]) for name, source in sources.items()} == tables
    assert all(column["description"] for source in sources.values() for column in source["columns"].values())


def test_every_mart_has_an_enforced_contract(models):
    marts = {name for name, model in models.items() if "/marts/" in model["original_file_path"]}
    assert marts == {name for name in models if name.startswith(("dim_", "fct_"))}
    assert all(models[name]["config"]["contract"]["enforced"] for name in marts)


def test_the_trend_categories_are_listed_once_and_defined_once():
    project = ROOT / "dbt"
    listed = re.search(r"trend_categories: \[(.*)\]", (project / "dbt_project.yml").read_text()).group(1).split(", ")
    definition = (project / "macros" / "trend_category.sql").read_text()
    macro = definition.split("macro trend_category(")[1].split("endmacro")[0]
    assert set(re.findall(r'trend_category_value\("(\w+)"', macro)) == set(listed)
    assert len(set(listed)) == len(listed) < 8  # a category has three bits of a code
    for file in [*(project / "models").rglob("*.sql"), *(project / "models").rglob("*.yml")]:
        assert not re.search(r"\['?(downward|upward|stagnated|other)'?,", file.read_text()), file


def test_only_staging_reads_raw_tables_and_nothing_reads_backwards(manifest):
    order = {"seeds": 0, "staging": 1, "intermediate": 2, "marts": 3}
    layers = {
        key: next(layer for layer in order if f"{layer}/" in node["original_file_path"])
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }
    for key, layer in layers.items():
        for parent in manifest["nodes"][key].get("depends_on", {}).get("nodes", []):
            if parent.startswith("source."):
                assert layer == "staging", key
            else:
                assert order[layers[parent]] <= order[layer], (key, parent)


def test_every_table_states_its_engine_and_order(models):
    for name, model in models.items():
        if model["config"]["materialized"] in ("table", "incremental"):
            assert model["config"]["engine"] == "MergeTree()", name
            assert model["config"]["order_by"], name
