"""Compile the filters of a dashboard, and the list of charts that a click in a chart filters."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.dashboards.bundle.charts import is_filtered
from trailhouse.dashboards.bundle.dashboard_declaration import Filter, Folder
from trailhouse.dashboards.bundle.identity import make_filter_key, make_uuid
from trailhouse.dashboards.bundle.marts import Mart
from trailhouse.dashboards.bundle.superset_document import Document


def compile_filter(folder: Folder, native: Filter, numbers: Mapping[str, int], marts: Mapping[str, Mart]) -> Document:
    """Return a filter in Superset's format. Its scope excludes the charts to which the filter does not apply.

    ``numbers`` maps the key of every chart to its number within the dashboard.
    """
    default = {
        "extraFormData": {"filters": [{"col": native.column, "op": "IN", "val": list(native.default)}]},
        "filterState": {"value": list(native.default), "label": ", ".join(map(str, native.default))},
    }
    return {
        "id": make_filter_key(folder.name, native.name),
        "type": "NATIVE_FILTER",
        "name": native.name,
        "description": describe_reach(folder, native, marts),
        "filterType": "filter_select",
        "targets": [{"datasetUuid": make_uuid("dataset", native.mart), "column": {"name": native.column}}],
        "controlValues": {
            "enableEmptyFilter": native.is_first_chosen or bool(native.default),
            "defaultToFirstItem": native.is_first_chosen,
            "multiSelect": native.is_multiple,
            "searchAllOptions": False,
            "inverseSelection": False,
            "sortAscending": not (native.is_descending or native.first),
            **({"sortMetric": native.order_name} if native.first else {}),
        },
        "requiredFirst": native.is_first_chosen,
        **compile_conditions(native),
        "defaultDataMask": default if native.default else {"extraFormData": {}, "filterState": {}},
        "cascadeParentIds": [make_filter_key(folder.name, parent) for parent in native.parents],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [
                numbers[key]
                for key, chart in folder.charts.items()
                if not is_filtered(chart, native, marts[chart.mart])
            ],
        },
    }


def describe_reach(folder: Folder, native: Filter, marts: Mapping[str, Mart]) -> str:
    """Return the description of a filter, with the charts that it does not change, or those that it does if few."""
    titles: dict[bool, list[str]] = {True: [], False: []}
    for chart in folder.charts.values():
        if not chart.is_bare:
            titles[is_filtered(chart, native, marts[chart.mart])].append(f'"{chart.title}"')
    if not titles[False]:
        return native.description
    is_rare = len(titles[True]) <= len(titles[False])
    return f"{native.description}. It changes {'' if is_rare else 'all charts but '}{', '.join(titles[is_rare])}"


def compile_conditions(native: Filter) -> Document:
    """Return the SQL conditions on the values that a filter offers. Without conditions, the mapping is empty."""
    if not native.where:
        return {}
    return {
        "adhoc_filters": [
            {"expressionType": "SQL", "sqlExpression": condition, "clause": "WHERE", "isExtra": False}
            for condition in native.where
        ]
    }


def compile_cross_filters(folder: Folder, numbers: Mapping[str, int]) -> Document:
    """Return, in Superset's format, the charts that a click in each chart filters.

    A click in a passive chart filters no chart. A click in any other chart filters all charts of the dashboard, except
    the clicked chart and the charts that ignore a column which the clicked chart shows. Superset stores the exceptions
    (``excluded``). A chart has no entry in the result if its click filters all other charts, as this is the default. A
    click in a chart with a band filters only charts with bands, because the others lack the names of its lines.
    """
    configuration = {}
    for key, chart in folder.charts.items():
        shown = {*chart.columns, *chart.series}
        excluded = [
            numbers[other_key]
            for other_key, other in folder.charts.items()
            if other_key != key
            and (chart.is_passive or shown & set(other.ignores) or (chart.band is not None and other.band is None))
        ]
        if excluded:
            scope = {"rootPath": ["ROOT_ID"], "excluded": [numbers[key], *excluded]}
            configuration[str(numbers[key])] = {"id": numbers[key], "crossFilters": {"scope": scope}}
    return configuration
