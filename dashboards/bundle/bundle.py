"""Compile the declarations of all dashboards to the files that Superset imports (the bundle)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from trailhouse.dashboards.bundle.charts import compile_chart
from trailhouse.dashboards.bundle.check_declarations import find_problems
from trailhouse.dashboards.bundle.dashboard_declaration import Folder, read_folders
from trailhouse.dashboards.bundle.datasets import DATABASE, compile_database, compile_dataset
from trailhouse.dashboards.bundle.layout import compile_dashboard
from trailhouse.dashboards.bundle.links import write_links
from trailhouse.dashboards.bundle.marts import Mart, read_marts
from trailhouse.dashboards.bundle.page_bar import add_bars
from trailhouse.dashboards.bundle.superset_document import VERSION, Document
from trailhouse.errors import BadInputError

ASSETS = Path(__file__).parent.parent / "assets"
# The timestamp is constant, so that unchanged declarations give an unchanged bundle.
METADATA = {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}


def check_assets(assets: Path, dbt_models: Path) -> list[str]:
    """Return the problems of the dashboards' declarations, one sentence each, without needing a server.

    The check follows every reference from dashboards to charts, marts and columns. ``assets`` holds a folder per
    dashboard. ``dbt_models`` is the ``models`` directory of the dbt project. Raises BadInputError if a file is not a
    declaration.
    """
    folders, marts = read_folders(assets), read_marts(dbt_models)
    problems = find_problems(folders, marts)
    return problems or find_bundle_problems(compile_files(folders, marts, "", "", {}))


def compile_bundle(
    assets: Path, dbt_models: Path, *, database_uri: str, schema: str, model_colors: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the bundle as a mapping from paths to YAML texts. Equal arguments and declarations give equal bundles.

    ``database_uri`` is the SQLAlchemy URL of the warehouse. ``schema`` is the database that holds the marts.
    ``model_colors`` are the colours of models in all charts; other models get colours from Superset. Raises
    BadInputError with the first problem that ``check_assets`` finds.
    """
    problems = check_assets(assets, dbt_models)
    if problems:
        raise BadInputError(f"{assets}: {problems[0]}", f"correct it; there are {len(problems)} problem(s) in all")
    files = compile_files(read_folders(assets), read_marts(dbt_models), database_uri, schema, model_colors or {})
    return {
        path: yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
        for path, content in files.items()
    }


def compile_files(
    folders: list[Folder],
    marts: Mapping[str, Mart],
    database_uri: str,
    schema: str,
    model_colors: Mapping[str, str],
) -> dict[str, Document]:
    """Return the content of every file of the bundle, by path."""
    folders = write_links(add_bars(folders, marts), marts)
    charts = [chart for folder in folders for chart in folder.charts.values()]
    filters = [native for folder in folders for native in folder.dashboard.filters]
    shown = {chart.mart for chart in charts} | {native.mart for native in filters}
    files: dict[str, Document] = {
        "metadata.yaml": METADATA,
        f"databases/{DATABASE}.yaml": compile_database(database_uri),
    }
    for name in sorted(shown):
        files[f"datasets/{DATABASE}/{name}.yaml"] = compile_dataset(
            marts[name],
            schema,
            [native for native in filters if native.mart == name and native.first],
        )
    for folder in folders:
        for key, chart in folder.charts.items():
            files[f"charts/{folder.name}/{key}.yaml"] = compile_chart(folder, key, marts[chart.mart])
    for folder in folders:
        files[f"dashboards/{folder.name}.yaml"] = compile_dashboard(folder, marts, model_colors)
    return files


def find_bundle_problems(files: Mapping[str, Document]) -> list[str]:
    """Return the problems of a compiled bundle: UUIDs that two files share, and references to UUIDs without a file."""
    uuids = Counter(content["uuid"] for content in files.values() if "uuid" in content)
    problems = [f"the UUID {uuid} belongs to {count} assets" for uuid, count in uuids.items() if count > 1]
    for path, content in files.items():
        problems += [
            f"{path} refers to {uuid}, which no file has" for uuid in sorted({*find_references(content)} - {*uuids})
        ]
    return problems


def find_references(content: object) -> Iterator[str]:
    """Yield the UUIDs of other files that ``content`` refers to, at any depth."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in ("dataset_uuid", "database_uuid", "datasetUuid") or (key == "uuid" and "chartId" in content):
                yield value
            else:
                yield from find_references(value)
    elif isinstance(content, list):
        for value in content:
            yield from find_references(value)
