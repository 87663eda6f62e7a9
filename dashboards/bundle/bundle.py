"""The bundle: all assets as the files that Superset imports, made of the declarations and the marts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from trailhouse.dashboards.bundle.charts import compile_chart
from trailhouse.dashboards.bundle.check_declarations import find_problems
from trailhouse.dashboards.bundle.dashboard_declaration import Folder, read_folders
from trailhouse.dashboards.bundle.datasets import DATABASE, VERSION, compile_database, compile_dataset
from trailhouse.dashboards.bundle.layout import compile_dashboard
from trailhouse.dashboards.bundle.marts import Mart, read_marts
from trailhouse.errors import BadInputError

ASSETS = Path(__file__).parent.parent / "assets"
# The same assets give the same bytes: no file says when it was made.
METADATA = {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}


def check_assets(assets: Path, dbt_models: Path) -> list[str]:
    """Walk dashboard, chart, dataset, mart and column, without a server; returns what is wrong, a sentence each.

    ``assets`` holds a folder per dashboard, ``dbt_models`` is the dbt project's directory of models. Raises
    BadInputError for files that are no declarations at all.
    """
    folders, marts = read_folders(assets), read_marts(dbt_models)
    problems = find_problems(folders, marts)
    return problems or find_bundle_problems(compile_files(folders, marts, "", ""))


def compile_bundle(assets: Path, dbt_models: Path, *, database_uri: str, schema: str) -> dict[str, str]:
    """Compile all declarations; returns YAML text by path within the bundle, the same for the same input.

    ``database_uri`` is the warehouse as SQLAlchemy addresses it, ``schema`` the database of the marts. Raises
    BadInputError with the first problem if the assets are not sound.
    """
    problems = check_assets(assets, dbt_models)
    if problems:
        raise BadInputError(f"{assets}: {problems[0]}", f"mend it; {len(problems)} problem(s) in all")
    files = compile_files(read_folders(assets), read_marts(dbt_models), database_uri, schema)
    return {
        path: yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
        for path, content in files.items()
    }


def compile_files(
    folders: list[Folder], marts: Mapping[str, Mart], database_uri: str, schema: str
) -> dict[str, dict[str, Any]]:
    """All files of a bundle, not yet written as YAML."""
    shown = {chart.mart for folder in folders for chart in folder.charts.values()}
    shown |= {native.mart for folder in folders for native in folder.dashboard.filters}
    files: dict[str, dict[str, Any]] = {
        "metadata.yaml": METADATA,
        f"databases/{DATABASE}.yaml": compile_database(database_uri),
    }
    for name in sorted(shown):
        files[f"datasets/{DATABASE}/{name}.yaml"] = compile_dataset(marts[name], schema)
    for folder in folders:
        for key, chart in folder.charts.items():
            files[f"charts/{folder.name}/{key}.yaml"] = compile_chart(folder, key, marts[chart.mart])
    for folder in folders:
        files[f"dashboards/{folder.name}.yaml"] = compile_dashboard(folder, folders, marts)
    return files


def find_bundle_problems(files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with a compiled bundle: a UUID that two files have, or a reference to none."""
    uuids = Counter(content["uuid"] for content in files.values() if "uuid" in content)
    problems = [f"the UUID {uuid} belongs to {count} assets" for uuid, count in uuids.items() if count > 1]
    for path, content in files.items():
        problems += [
            f"{path} refers to {uuid}, which is not there" for uuid in sorted({*find_references(content)} - {*uuids})
        ]
    return problems


def find_references(content: object) -> Iterator[str]:
    """UUIDs of other assets that a file names, wherever they stand in it."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in ("dataset_uuid", "database_uuid", "datasetUuid") or (key == "uuid" and "chartId" in content):
                yield value
            else:
                yield from find_references(value)
    elif isinstance(content, list):
        for value in content:
            yield from find_references(value)
