"""dbt's own test suite for adapters, over dbt-clickhouse and the embedded server."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # warnings of dbt's dependencies
    from dbt.tests.adapter.basic import expected_catalog
    from dbt.tests.adapter.basic.test_adapter_methods import BaseAdapterMethod
    from dbt.tests.adapter.basic.test_base import BaseSimpleMaterializations
    from dbt.tests.adapter.basic.test_docs_generate import BaseDocsGenerate, BaseDocsGenReferences
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
    from dbt.tests.adapter.simple_seed import seeds as seed_texts
    from dbt.tests.adapter.simple_seed.test_seed import (
        BaseBasicSeedTests,
        BaseSeedSpecificFormats,
        BaseSimpleSeedEnabledViaConfig,
        BaseTestEmptySeed,
    )
    from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
    from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput
    from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes
    from dbt.tests.util import run_dbt

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings of dbt


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
        """Return SQL expressions, each with its value as a dbt unit test writes it."""
        return [
            ["toInt32(1)", "1"],
            ["toFloat64(0.5)", "0.5"],
            ["'1'", "1"],
            ["true", "true"],
            ["toDateTime('2013-11-03 00:00:00')", "2013-11-03 00:00:00"],
        ]


# how the adapter names column types and kinds of relation; the role is None, as the adapter states no owner
_CATALOG = {
    "role": None,
    "id_type": "Int32",
    "text_type": "String",
    "time_type": "DateTime",
    "view_type": "view",
    "table_type": "table",
    "model_stats": expected_catalog.no_stats(),
}


class TestDocumentation(BaseDocsGenerate):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project):
        """Return the tables and columns that dbt should document, with their types."""
        return expected_catalog.base_expected_catalog(project, **_CATALOG)


class TestDocumentationOfReferences(BaseDocsGenReferences):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project):
        """Return the sources, tables and views that dbt should document, with the types of their columns."""
        return expected_catalog.expected_references_catalog(project, bigint_type="UInt64", **_CATALOG)


class TestSeeds(BaseBasicSeedTests):
    @pytest.fixture(scope="class", autouse=True)
    def setUp(self, project):
        """Create the table of expected rows; dbt's own statement uses the types of Postgres."""
        columns = "seed_id Int32, first_name String, email String, ip_address String, birthday DateTime"
        project.run_sql("create table {schema}.seed_expected (" + columns + ") engine = MergeTree order by seed_id")
        _, insert, rows = seed_texts.seeds__expected_sql.partition("INSERT INTO")
        project.run_sql((insert + rows).rstrip().rstrip(";"))

    def test_simple_seed_full_refresh_flag(self, project):
        """A full refresh of a seed keeps the views on it, because ClickHouse has no DROP ... CASCADE."""
        self._build_relations_for_test(project)
        self._check_relation_end_state(run_dbt(["seed", "--full-refresh"]), project, exists=True)


class TestEnabledSeeds(BaseSimpleSeedEnabledViaConfig):
    @pytest.fixture
    def clear_test_schema(self, project):
        """Drop the tables one by one, because ClickHouse has no DROP SCHEMA ... CASCADE."""
        yield
        for seed in ("seed_enabled", "seed_disabled", "seed_tricky"):
            project.run_sql("drop table if exists {schema}." + seed)


class TestSeedsOfManyForms(BaseSeedSpecificFormats):
    pass
