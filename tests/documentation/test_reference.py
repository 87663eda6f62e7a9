"""The generated pages of the reference say what the code says."""

import inspect

import pytest

from tests.documentation.pages import DOCS
from tests.documentation.reference.declared_tables import read_declared_tables
from tests.documentation.reference.markdown import write_table, write_text
from tests.documentation.reference.write_pages import PAGES
from tests.support.paths import MIGRATIONS
from trailhouse import errors
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.schema.migrations import Migration, read_migrations


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name):
    is_current = (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name]()
    assert is_current, f"docs/reference/{name} is not what the code says: run `make reference`"


def test_the_tables_read_from_the_migrations_are_those_that_the_engine_makes(address):
    declared = {
        (table.name, column.name, column.comment)
        for table in read_declared_tables(read_migrations(MIGRATIONS)).values()
        for column in table.columns
    }
    with connect(address) as client:
        made = client.query(
            "select table, name, comment from system.columns where database = currentDatabase()"
            " and table != 'schema_migration'"
        ).result_rows
        types = dict(
            client.query(
                "select table || '.' || name, type from system.columns where database = currentDatabase()"
            ).result_rows
        )
    assert declared == set(made)
    for table in read_declared_tables(read_migrations(MIGRATIONS)).values():
        for column in table.columns:
            assert types[f"{table.name}.{column.name}"] == column.data_type


def test_later_migrations_change_the_tables():
    text = """create table raw_a (
        x Int32 codec(ZSTD(1)) comment 'it''s x',
        z Nullable(DateTime64(3, 'UTC')) comment 'z'
    )
    engine = MergeTree order by x comment 'One row per a';
    alter table raw_a add column if not exists y Map(String, Array(Int32)) comment 'y' after x;
    alter table raw_a comment column z 'zed';
    create table raw_b (
        x Int32 comment 'x'
    )
    engine = MergeTree order by x comment 'b';
    drop table raw_b;
    """
    (table,) = read_declared_tables([Migration(1, "a", text)]).values()
    assert table.comment == "One row per a"
    assert [(one.name, one.data_type, one.comment) for one in table.columns] == [
        ("x", "Int32", "it's x"),
        ("y", "Map(String, Array(Int32))", "y"),
        ("z", "Nullable(DateTime64(3, 'UTC'))", "zed"),
    ]


def test_texts_of_the_code_are_no_markup():
    assert write_text("a <b> *c* `d*|e` __f__ x_y [g](h) {i}\n j") == (
        r"a &lt;b&gt; \*c\* `d*|e` \_\_f\_\_ x_y \[g\](h) \{i\} j"
    )
    assert write_table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"


def test_every_exit_code_is_stated_by_the_class_that_has_it():
    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.TrailhouseError) and "exit_code" in vars(value)
    ]
    stated = {one.__name__: f"exit code {one.exit_code}" in (one.__doc__ or "") for one in classes}
    assert {name for name, is_stated in stated.items() if not is_stated} == set()
