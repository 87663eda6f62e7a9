"""Compile the connection to the warehouse, and a dataset for every mart that a chart or filter reads."""

from __future__ import annotations

from collections.abc import Sequence

from trailhouse.dashboards.bundle.dashboard_declaration import Filter
from trailhouse.dashboards.bundle.identity import make_uuid
from trailhouse.dashboards.bundle.marts import Column, Mart
from trailhouse.dashboards.bundle.superset_document import VERSION, Document

DATABASE = "Trailhouse"


def compile_database(database_uri: str) -> Document:
    """Return the content of the file that declares the read-only connection to the warehouse, for all datasets."""
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": database_uri,
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {"allows_virtual_table_explore": True, "cost_estimate_enabled": False},
        "impersonate_user": False,
        "uuid": make_uuid("database"),
        "version": VERSION,
    }


def compile_dataset(mart: Mart, schema: str, orders: Sequence[Filter] = ()) -> Document:
    """Return the content of the file of a dataset that reads a mart. It has the descriptions from the dbt project.

    ``orders`` are filters whose values an aggregate orders.
    """
    aggregates = {native.order_name: native.first for native in orders}
    return {
        "table_name": mart.name,
        "main_dttm_col": None,
        "description": mart.description,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "catalog": None,
        "schema": schema,
        "sql": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": make_uuid("dataset", mart.name),
        "metrics": [
            compile_metric("row_count", "Rows", "toInt64(count())"),
            *(compile_metric(name, f"Order by {first}", first) for name, first in aggregates.items()),
        ],
        "columns": [compile_column(column) for column in mart.columns.values()],
        "version": VERSION,
        "database_uuid": make_uuid("database"),
    }


def compile_metric(name: str, label: str, expression: str) -> Document:
    """Return an aggregate that a dataset offers by its name."""
    return {
        "metric_name": name,
        "verbose_name": label,
        "metric_type": None,
        "expression": expression,
        "description": None,
        "d3format": None,
        "currency": None,
        "extra": {},
        "warning_text": None,
    }


def compile_column(column: Column) -> Document:
    """Return one column of a dataset. Charts can filter and group by every column."""
    return {
        "column_name": column.name,
        "verbose_name": column.label,
        "is_dttm": column.is_temporal,
        "is_active": True,
        "type": column.data_type,
        "advanced_data_type": None,
        "groupby": True,
        "filterable": True,
        "expression": None,
        "description": column.description,
        "python_date_format": None,
        "extra": {},
    }
