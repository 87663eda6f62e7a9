"""Marts as dbt describes them: their columns, how numbers are written, and descriptions that refer to shared texts."""

import pytest
import yaml

from trailhouse.dashboards.bundle.marts import Column, read_marts
from trailhouse.errors import BadInputError


@pytest.mark.parametrize(
    ("name", "data_type", "number_format"),
    [
        ("step", "Int64", ",d"),
        ("start_percent", "UInt8", ",d"),
        ("stored_bytes", "Int64", ".3~s"),
        ("token_share", "Nullable(Float64)", ".1%"),
        ("null_share_upper", "Nullable(Float64)", ".1%"),
        ("accuracy_lower", "Float64", ".1%"),
        ("perplexity_ratio", "Float64", ".4~r"),
        ("perplexity", "Float32", ".4~r"),
        ("byte_share_name", "LowCardinality(String)", None),
        ("scored_at", "DateTime64(3, 'UTC')", None),
        ("is_correct", "Bool", None),
    ],
)
def test_numbers_are_written_by_type_and_unit(name, data_type, number_format):
    assert Column(name, data_type, "").number_format == number_format


@pytest.mark.parametrize(
    ("data_type", "is_temporal"),
    [("DateTime64(3)", True), ("Nullable(DateTime)", True), ("Date", True), ("String", False), ("Array(Date)", False)],
)
def test_dates_and_times_are_temporal(data_type, is_temporal):
    assert Column("a", data_type, "").is_temporal is is_temporal


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("model_id", "Model"),
        ("token_share", "Token share"),
        ("null_share_lower", "Share by chance lower"),
        ("idle_id_count", "Idle id count"),
    ],
)
def test_a_label_is_the_name_in_words(name, label):
    assert Column(name, "String", "").label == label


@pytest.fixture
def dbt_models(tmp_path):
    (tmp_path / "_docs").mkdir()
    (tmp_path / "_docs" / "docs.md").write_text("{% docs step %}\nOptimizer\nsteps.\n{% enddocs %}")
    return tmp_path


def add_mart(dbt_models, name, description, folder="core"):
    directory = dbt_models / "marts" / folder
    directory.mkdir(parents=True, exist_ok=True)
    column = {"name": "step", "data_type": "Int64", "description": description}
    described = {"models": [{"name": name, "description": "One row\nper step.", "columns": [column]}]}
    (directory / f"{name}.yml").write_text(yaml.safe_dump(described))
    return directory / f"{name}.sql"


def test_marts_are_found_in_every_folder_with_shared_texts_put_in(dbt_models):
    add_mart(dbt_models, "fct_a", "Before: {{ doc('step') }} After.").write_text("select 1")
    add_mart(dbt_models, "fct_b", "Plain.", folder="tasks").write_text("select 1")
    add_mart(dbt_models, "fct_without_sql", "Plain.")
    marts = read_marts(dbt_models)
    assert set(marts) == {"fct_a", "fct_b"}
    assert marts["fct_a"].description == "One row per step."
    assert marts["fct_a"].columns["step"].description == "Before: Optimizer steps. After."


def test_a_description_that_refers_to_an_unknown_text_is_refused(dbt_models):
    add_mart(dbt_models, "fct_a", '{{ doc("steps") }}').write_text("select 1")
    with pytest.raises(BadInputError, match=r"fct_a\.yml: there is no docs block 'steps'"):
        read_marts(dbt_models)
