"""dbt's own test suite for incremental models: unique keys, changed columns, predicates."""

from __future__ import annotations

import re
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # dbt's own, about its dependencies
    from dbt.tests.adapter.incremental import fixtures
    from dbt.tests.adapter.incremental import test_incremental_unique_id as unique_id
    from dbt.tests.adapter.incremental.test_incremental_on_schema_change import BaseIncrementalOnSchemaChange
    from dbt.tests.adapter.incremental.test_incremental_predicates import BaseIncrementalPredicates
    from dbt.tests.util import run_dbt

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the warnings of dbt, not ours


class TestUniqueKeys(unique_id.BaseIncrementalUniqueKey):
    @pytest.fixture(scope="class")
    def models(self):
        """Dates are cast in every row, as ClickHouse's UNION does not; what a seed leaves out is ''."""
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

    # the same statements for other keys, at three seconds each
    test__empty_unique_key_list = test__empty_str_unique_key = test__no_unique_keys = None
    test__unary_unique_key_list = test__duplicated_unary_unique_key_list = None
    test__trinary_unique_key_list_no_update = test__bad_unique_key_list = None


def cast_dates(model: str) -> str:
    """The model with a type for every date and no NULL."""
    return re.sub(r"'(\d{4}-\d\d-\d\d)'$", r"cast('\1' as date)", model, flags=re.MULTILINE).replace("null", "''")


class TestChangedColumns(BaseIncrementalOnSchemaChange):
    @pytest.fixture(scope="class")
    def project_config_update(self):
        """The strategy that our models have; the adapter's own default makes the table anew, with all columns."""
        return {"models": {"+incremental_strategy": "delete+insert"}}

    @pytest.fixture(scope="class")
    def models(self):
        """A String holds no NULL in ClickHouse: rows from before a column was added have ''."""
        return {
            "model_a.sql" if name == "_MODELS__A" else f"{name.removeprefix('_MODELS__').lower()}.sql": re.sub(
                r"THEN NULL\s+ELSE\s+(field\d)", r"THEN '' ELSE toString(\1)", text, flags=re.IGNORECASE
            )
            for name, text in vars(fixtures).items()
            if name.startswith("_MODELS__") and "SPECIAL_CHARS" not in name
        }

    def run_incremental_append_new_columns_remove_one(self, project):
        """The adapter refuses to append columns where another is gone, and says so."""
        select = ["run", "--select", "model_a incremental_append_new_columns_remove_one"]
        run_dbt(select)
        assert "source and target schemas" in run_dbt(select, expect_pass=False)[1].message

    def test_run_incremental_fail_on_schema_change(self, project):
        """The adapter calls it a runtime error."""
        select = ["run", "--select", "model_a incremental_fail"]
        run_dbt([*select, "--full-refresh"])
        assert "source and target schemas" in run_dbt(select, expect_pass=False)[1].message


class TestPredicates(BaseIncrementalPredicates):
    pass
