"""dbt's own test suite for incremental models: unique keys, changed columns, predicates."""

from __future__ import annotations

import re
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # warnings of dbt's dependencies
    from dbt.tests.adapter.incremental import fixtures
    from dbt.tests.adapter.incremental import test_incremental_unique_id as unique_id
    from dbt.tests.adapter.incremental.test_incremental_on_schema_change import BaseIncrementalOnSchemaChange
    from dbt.tests.adapter.incremental.test_incremental_predicates import BaseIncrementalPredicates
    from dbt.tests.util import run_dbt

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings of dbt


class TestUniqueKeys(unique_id.BaseIncrementalUniqueKey):
    @pytest.fixture(scope="class")
    def models(self):
        """Return dbt's models, adapted to ClickHouse: every date is cast, and '' replaces NULL.

        The cast is needed in every row, because UNION in ClickHouse does not convert a text to a date.
        """
        return {
            "str_unique_key.sql": unique_id.models__str_unique_key_sql,
            "trinary_unique_key_list.sql": unique_id.models__trinary_unique_key_list_sql,
            "not_found_unique_key.sql": unique_id.models__not_found_unique_key_sql,
            "expected": {
                "one_str__overwrite.sql": cast_dates(unique_id.models__expected__one_str__overwrite_sql),
                "unique_key_list__inplace_overwrite.sql": cast_dates(
                    unique_id.models__expected__unique_key_list__inplace_overwrite_sql
                ),
            },
        }

    # these tests run the same statements for other keys, and take three seconds each: they are left out
    test__empty_unique_key_list = test__empty_str_unique_key = test__no_unique_keys = None
    test__unary_unique_key_list = test__duplicated_unary_unique_key_list = None
    test__trinary_unique_key_list_no_update = test__bad_unique_key_list = None


def cast_dates(model: str) -> str:
    """Return the model with every date cast and every NULL replaced, as ClickHouse needs it."""
    return re.sub(r"'(\d{4}-\d\d-\d\d)'$", r"cast('\1' as date)", model, flags=re.MULTILINE).replace("null", "''")


class TestChangedColumns(BaseIncrementalOnSchemaChange):
    @pytest.fixture(scope="class")
    def project_config_update(self):
        """Choose the incremental strategy of our models; the adapter's default would rebuild the table."""
        return {"models": {"+incremental_strategy": "delete+insert"}}

    @pytest.fixture(scope="class")
    def models(self):
        """Return dbt's models with '' where they have NULL, which a String of ClickHouse cannot be.

        They have NULL in rows that are older than a column.
        """
        return {
            "model_a.sql" if name == "_MODELS__A" else f"{name.removeprefix('_MODELS__').lower()}.sql": re.sub(
                r"THEN NULL\s+ELSE\s+(field\d)", r"THEN '' ELSE toString(\1)", text, flags=re.IGNORECASE
            )
            for name, text in vars(fixtures).items()
            if name.startswith("_MODELS__") and "SPECIAL_CHARS" not in name
        }

    def run_incremental_append_new_columns_remove_one(self, project):
        """The adapter refuses to append a column if another one was removed."""
        select = ["run", "--select", "model_a incremental_append_new_columns_remove_one"]
        run_dbt(select)
        assert "source and target schemas" in run_dbt(select, expect_pass=False)[1].message

    def test_run_incremental_fail_on_schema_change(self, project):
        """A changed schema fails the run; the adapter reports it as a runtime error."""
        select = ["run", "--select", "model_a incremental_fail"]
        run_dbt([*select, "--full-refresh"])
        assert "source and target schemas" in run_dbt(select, expect_pass=False)[1].message


class TestPredicates(BaseIncrementalPredicates):
    pass
