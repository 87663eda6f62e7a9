"""dbt's own test suite for adapters, over dbt-clickhouse and the embedded server."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # dbt's own, about its dependencies
    from dbt.tests.adapter.basic.test_adapter_methods import BaseAdapterMethod
    from dbt.tests.adapter.basic.test_base import BaseSimpleMaterializations
    from dbt.tests.adapter.basic.test_docs_generate import (
        BaseGenerateProject,
        models__model_sql,
        models__second_model_sql,
    )
    from dbt.tests.adapter.basic.test_empty import BaseEmpty
    from dbt.tests.adapter.basic.test_ephemeral import BaseEphemeral
    from dbt.tests.adapter.basic.test_generic_tests import BaseGenericTests
    from dbt.tests.adapter.basic.test_incremental import BaseIncremental, BaseIncrementalNotSchemaChange
    from dbt.tests.adapter.basic.test_singular_tests import BaseSingularTests
    from dbt.tests.adapter.basic.test_singular_tests_ephemeral import BaseSingularTestsEphemeral
    from dbt.tests.adapter.basic.test_snapshot_check_cols import BaseSnapshotCheckCols
    from dbt.tests.adapter.basic.test_snapshot_timestamp import BaseSnapshotTimestamp
    from dbt.tests.adapter.basic.test_table_materialization import BaseTableMaterialization
    from dbt.tests.adapter.basic.test_validate_connection import BaseValidateConnection
    from dbt.tests.adapter.simple_seed.test_seed import BaseTestEmptySeed
    from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
    from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput
    from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes
    from dbt.tests.util import run_dbt

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the warnings of dbt, not ours


class TestConnection(BaseValidateConnection):
    pass


class TestSimpleMaterializations(BaseSimpleMaterializations):
    pass


class TestTableMaterialization(BaseTableMaterialization):
    pass


class TestEmptyProject(BaseEmpty):
    pass


class TestEphemeral(BaseEphemeral):
    pass


class TestSingularTests(BaseSingularTests):
    pass


class TestSingularTestsOfEphemeralModels(BaseSingularTestsEphemeral):
    pass


class TestGenericTests(BaseGenericTests):
    pass


class TestIncremental(BaseIncremental):
    pass


class TestIncrementalWithoutSchemaChange(BaseIncrementalNotSchemaChange):
    pass


class TestSnapshotByColumns(BaseSnapshotCheckCols):
    pass


class TestSnapshotByTimestamp(BaseSnapshotTimestamp):
    pass


class TestAdapterMethods(BaseAdapterMethod):
    pass


class TestEmptySeed(BaseTestEmptySeed):
    pass


class TestUnitTestsOfColumnsInAnyCase(BaseUnitTestCaseInsensivity):
    pass


class TestUnitTestsWithInvalidInput(BaseUnitTestInvalidInput):
    pass


class TestUnitTestsOfTypes(BaseUnitTestingTypes):
    @pytest.fixture
    def data_types(self):
        """SQL of a value and the value as a unit test gives it."""
        return [
            ["toInt32(1)", "1"],
            ["toFloat64(0.5)", "0.5"],
            ["'1'", "1"],
            ["true", "true"],
            ["toDateTime('2013-11-03 00:00:00')", "2013-11-03 00:00:00"],
        ]


class TestDocumentation(BaseGenerateProject):
    @pytest.fixture(scope="class")
    def models(self):
        """The models that dbt's own test documents."""
        return {"model.sql": models__model_sql, "second_model.sql": models__second_model_sql}

    def test_the_catalogue_names_every_table_and_column_with_its_type(self, project):
        run_dbt(["run"])
        catalog = run_dbt(["docs", "generate"])
        columns = {
            name: {column: described.type for column, described in node.columns.items()}
            for name, node in catalog.nodes.items()
        }
        assert set(columns) == {"model.test.model", "model.test.second_model", "seed.test.seed"}
        assert list(columns["seed.test.seed"]) == ["id", "first_name", "email", "ip_address", "updated_at"]
        assert "Int32" in columns["seed.test.seed"]["id"]
        assert "String" in columns["model.test.model"]["first_name"]
