"""Read and normalise assets (dashboards, charts, datasets and databases) from a bundle or from an export of Superset.

Superset adds ids, cached state and default values to the assets that it exports. Normalising removes these additions.
So an exported asset equals the asset of the bundle if nobody has changed it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

KINDS = ("databases", "datasets", "charts", "dashboards")
ZIP_ROOT = "trailhouse"
# The time in the ZIP is constant, so that equal assets make equal bytes.
ZIP_TIME = (2026, 1, 1, 0, 0, 0)

# Superset's default values of fields, by kind of asset.
DEFAULTS: dict[str, Mapping[str, object]] = {
    "databases": {"configuration_method": "sqlalchemy_form", "impersonate_user": False},
    "datasets": {
        "offset": 0,
        "filter_select_enabled": True,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
    },
    "charts": {},
    "dashboards": {},
}
COLUMN_DEFAULTS = {"is_dttm": False, "is_active": True, "groupby": True, "filterable": True}
# Superset writes these fields into the metadata of a dashboard when a user opens the dashboard.
CACHED_METADATA = {
    "color_scheme_domain",
    "default_filters",
    "map_label_colors",
    "shared_label_colors",
}
# If a user clicks in a chart, the charts in the scope of the clicked chart are filtered. By default, a chart has the
# scope of its dashboard. By default, the scope of a dashboard is all charts of the dashboard.
SCOPE_BY_DEFAULT = "global"
SCOPE_OF_ALL = {"rootPath": ["ROOT_ID"], "excluded": list[str]()}
CHART_PARAMETERS_OF_ONE_INSTALLATION = {"datasource", "slice_id", "dashboards", "viz_type"}


Content = dict[str, Any]
"""The content of an asset's file, or a part of it, with Superset's own keys."""


@dataclass(frozen=True, order=True)
class AssetKey:
    """The identity of an asset. It stays the same when the asset is renamed."""

    kind: str
    """One of KINDS."""
    uuid: str

    @property
    def resource(self) -> str:
        """The name of the asset's kind in Superset's API, such as ``chart``."""
        return self.kind.removesuffix("s")


@dataclass(frozen=True)
class Asset:
    """One asset with its normalised content."""

    key: AssetKey
    name: str
    content: Mapping[str, Any]


def read_bundle(files: Mapping[str, str]) -> dict[AssetKey, Asset]:
    """Return the assets of a bundle. A bundle maps paths to YAML texts."""
    assets = {}
    for path, text in files.items():
        kind = PurePosixPath(path).parts[0]
        if kind in KINDS:
            content = parse_yaml(text)
            key = AssetKey(kind, str(content["uuid"]))
            assets[key] = Asset(key, name_asset(kind, content), normalise(kind, content))
    return assets


def parse_yaml(text: str) -> Any:  # noqa: ANN401  # any YAML
    """Return the content of a YAML text.

    PyYAML's C parser is used if it is installed, because it is ten times as fast.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506  # both are safe loaders


def unzip_bundle(archive: bytes) -> dict[str, str]:
    """Return the YAML files of an export by path. The top folder of the archive is removed from the paths."""
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        return {
            str(PurePosixPath(*PurePosixPath(name).parts[1:])): bundle.read(name).decode()
            for name in bundle.namelist()
            if name.endswith(".yaml")
        }


def zip_bundle(files: Mapping[str, str]) -> bytes:
    """Return a bundle as a ZIP that Superset can import.

    Every asset is marked as managed externally, so that Superset does not let users edit it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, text in sorted(files.items()):
            if PurePosixPath(path).parts[0] in KINDS:
                text = yaml.safe_dump({**parse_yaml(text), "is_managed_externally": True}, sort_keys=False)
            bundle.writestr(zipfile.ZipInfo(f"{ZIP_ROOT}/{path}", ZIP_TIME), text)
    return buffer.getvalue()


def name_asset(kind: str, content: Mapping[str, Any]) -> str:
    """Return the name under which users see an asset."""
    field = {
        "databases": "database_name",
        "datasets": "table_name",
        "charts": "slice_name",
        "dashboards": "dashboard_title",
    }[kind]
    return str(content[field])


def normalise(kind: str, content: Mapping[str, Any]) -> Content:
    """Return the content of an asset without the additions of Superset.

    These additions are ids of one installation, cached state and default values. The columns and metrics of a dataset
    are sorted by name.
    """
    known = {key: value for key, value in content.items() if key not in ("version", "is_managed_externally")}
    if kind == "databases" and "allow_file_upload" in known:  # an export uses the field's old name
        known["allow_csv_upload"] = known.pop("allow_file_upload")
    kept = without_defaults(known, DEFAULTS[kind])
    if kind == "datasets":
        for part, name in (("columns", "column_name"), ("metrics", "metric_name")):
            rows = [without_defaults(row, COLUMN_DEFAULTS) for row in kept.get(part, [])]
            kept[part] = sorted(rows, key=lambda row: str(row[name]))
    if kind == "charts":
        normalise_chart(kept)
    if kind == "dashboards":
        normalise_dashboard(kept)
    return kept


def without_defaults(content: Mapping[str, Any], defaults: Mapping[str, object]) -> Content:
    """Return the fields of ``content`` that are not empty and differ from their value in ``defaults``."""
    return {
        key: value
        for key, value in content.items()
        if value not in (None, "", [], {}) and not (key in defaults and defaults[key] == value)
    }


def normalise_chart(content: Content) -> None:
    """Remove the ids that differ between installations from the parameters and the query context of a chart."""
    parameters = content.get("params", {})
    content["params"] = {
        key: value
        for key, value in parameters.items()
        if key not in CHART_PARAMETERS_OF_ONE_INSTALLATION and not (key == "annotation_layers" and not value)
    }
    if "query_context" in content:
        context = json.loads(content["query_context"])
        form_data = {
            key: value
            for key, value in context.get("form_data", {}).items()
            if key not in CHART_PARAMETERS_OF_ONE_INSTALLATION
        }
        content["query_context"] = {**context, "datasource": None, "form_data": form_data}


def normalise_dashboard(content: Content) -> None:
    """Remove cached state from the metadata of a dashboard. Charts are named by UUID instead of by id."""
    position = content["position"]
    metas = [block["meta"] for block in position.values() if isinstance(block, dict) and "meta" in block]
    uuids = {meta["chartId"]: str(meta["uuid"]) for meta in metas if "chartId" in meta and "uuid" in meta}
    content["position"] = {
        key: drop_chart_id(block) if isinstance(block, dict) else block for key, block in position.items()
    }
    metadata = {key: value for key, value in content.get("metadata", {}).items() if key not in CACHED_METADATA}
    metadata["native_filter_configuration"] = [
        normalise_filter(native, uuids) for native in metadata.get("native_filter_configuration", [])
    ]
    if "chart_configuration" in metadata:
        metadata["chart_configuration"] = normalise_cross_filters(metadata["chart_configuration"], uuids)
    if "global_chart_configuration" in metadata:
        scope = name_excluded(metadata["global_chart_configuration"].get("scope", {}), uuids)
        metadata["global_chart_configuration"] = scope if scope != SCOPE_OF_ALL else {}
    content["metadata"] = without_defaults(metadata, {})


def normalise_cross_filters(configuration: Mapping[str, Any], uuids: Mapping[int, str]) -> Content:
    """Return the scopes of the charts of a dashboard, by the UUID of the chart.

    If a user clicks in a chart, the charts in the scope of the clicked chart are filtered. Default scopes are left out,
    because Superset adds them to exports. ``uuids`` maps the ids of charts to their UUIDs.
    """
    scopes = {
        uuids[int(number)]: entry.get("crossFilters", {}).get("scope", SCOPE_BY_DEFAULT)
        for number, entry in configuration.items()
        if number.isdecimal() and int(number) in uuids
    }
    return {
        uuid: name_excluded(scope, uuids) if isinstance(scope, Mapping) else scope
        for uuid, scope in scopes.items()
        if scope != SCOPE_BY_DEFAULT
    }


def normalise_filter(native: Mapping[str, Any], uuids: Mapping[int, str]) -> Content:
    """Return a dashboard filter. The charts that the filter excludes are named by UUID instead of by id."""
    kept = {key: value for key, value in native.items() if key not in ("chartsInScope", "tabsInScope")}
    return {**kept, "scope": name_excluded(kept.get("scope", {}), uuids)}


def name_excluded(scope: Mapping[str, Any], uuids: Mapping[int, str]) -> Content:
    """Return the scope of a filter or chart, with its excluded charts named by UUID and sorted."""
    excluded = sorted(uuids.get(chart_id, str(chart_id)) for chart_id in scope.get("excluded", []))
    return {**scope, "excluded": excluded}


def drop_chart_id(block: Mapping[str, Any]) -> Content:
    """Return a block of a dashboard's layout without its chart id, which differs between installations."""
    if "meta" not in block:
        return dict(block)
    return {**block, "meta": {key: value for key, value in block["meta"].items() if key != "chartId"}}
