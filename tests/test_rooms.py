"""The boundaries between the rooms."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Which rooms a room may import from, besides itself, trailhouse.errors and trailhouse.support.
KNOWN_ROOMS = {
    "cli": {"flows", "models", "warehouse", "server", "dashboards"},
    "flows": {"models", "warehouse", "server", "dashboards"},
    "models": set(),
    "warehouse": set(),
    "server": set(),
    "dashboards": set(),
    "trailhouse/support": set(),
}
PYTHON_ROOMS = tuple(KNOWN_ROOMS)
FORBIDDEN_PACKAGES = {
    "cli": {"torch", "transformers", "chdb", "clickhouse_connect", "dbt"},
    "flows": {"torch", "transformers", "chdb"},
    "models": {"prefect", "clickhouse_connect", "chdb", "dbt"},
    "warehouse": {"torch", "transformers", "prefect", "chdb", "dbt", "matplotlib"},
    "server": {"torch", "transformers", "prefect", "clickhouse_connect", "dbt", "matplotlib"},
    "dashboards": {"torch", "transformers", "prefect", "clickhouse_connect", "chdb", "dbt"},
    "trailhouse/support": {"torch", "transformers", "prefect", "clickhouse_connect", "chdb", "dbt", "matplotlib"},
}


def python_files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported_modules(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def rooms_of(modules: set[str]) -> set[str]:
    matches = (re.match(r"trailhouse\.(\w+)", module) for module in modules)
    return {match.group(1) for match in matches if match} & set(PYTHON_ROOMS)


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_a_room_has_python_files(room):
    assert len(python_files(room)) > 1


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_a_room_imports_only_from_the_rooms_it_may_know(room):
    offenders = {
        str(file.relative_to(ROOT)): sorted(rooms_of(imported_modules(file)) - KNOWN_ROOMS[room] - {room})
        for file in python_files(room)
    }
    assert {file: rooms for file, rooms in offenders.items() if rooms} == {}


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_a_room_leaves_the_libraries_of_other_rooms_alone(room):
    offenders = {
        str(file.relative_to(ROOT)): sorted(
            {module.partition(".")[0] for module in imported_modules(file)} & FORBIDDEN_PACKAGES[room]
        )
        for file in python_files(room)
        if file.name != "build_marts.py"  # the one flow that runs dbt
    }
    assert {file: packages for file, packages in offenders.items() if packages} == {}


def test_only_the_settings_read_the_environment():
    readers = {
        str(file.relative_to(ROOT))
        for room in PYTHON_ROOMS
        for file in python_files(room)
        if re.search(r"os\.(getenv|environ\[|environ\.get|environ\.items)|in os\.environ", file.read_text())
    }
    # Only settings.py reads environment variables, and the configuration that Superset reads in a process of its own.
    assert readers == {"flows/settings.py", "dashboards/superset/superset_config.py"}


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_modules_of_a_room_import_each_other_in_one_direction(room):
    graph = {
        module_name(file): {module for module in top_level_imports(file) if module.startswith("trailhouse.")}
        for file in python_files(room)
    }
    assert find_circle(graph) == []


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_folders_of_a_room_import_each_other_in_one_direction(room):
    modules = {module_name(file): file for file in python_files(room)}
    folders: dict[str, set[str]] = {}
    for file in modules.values():
        folder = str(file.parent.relative_to(ROOT / room)).partition("/")[0]
        targets = {
            str(modules[module].parent.relative_to(ROOT / room)).partition("/")[0]
            for module in imported_modules(file)
            if module in modules
        }
        folders.setdefault(folder, set()).update(targets - {".", folder} if folder != "." else set())
    assert find_circle(folders) == []


def module_name(file: Path) -> str:
    """The name under which a file of a room is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "trailhouse" else ("trailhouse", *parts)).removesuffix(".__init__")


def top_level_imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that are in a circle of imports, or import such modules directly or indirectly.

    Modules that import no remaining module are removed, again and again; those that stay are returned.
    """
    remaining = {module: {target for target in targets if target in graph and target != module}
                 for module, targets in graph.items()}  # fmt: skip
    while leaves := [module for module, targets in remaining.items() if not targets & set(remaining)]:
        for leaf in leaves:
            del remaining[leaf]
    return sorted(remaining)


def test_the_dbt_room_holds_no_python():
    assert sorted((ROOT / "dbt").rglob("*.py")) == []


def test_dbt_reads_raw_tables_only_in_staging():
    readers = {
        file.relative_to(ROOT / "dbt" / "models").parts[0]
        for file in (ROOT / "dbt" / "models").rglob("*.sql")
        if re.search(r"\bsource\(", file.read_text())
    }
    assert readers == {"staging"}


def test_staging_models_refer_to_no_mart_and_marts_to_no_staging_of_another_layer():
    order = {"staging": 0, "intermediate": 1, "marts": 2}
    layer_of = {
        file.stem: file.relative_to(ROOT / "dbt" / "models").parts[0]
        for file in (ROOT / "dbt" / "models").rglob("*.sql")
    }
    assert set(layer_of.values()) == set(order)
    for file in (ROOT / "dbt" / "models").rglob("*.sql"):
        for name in re.findall(r"\bref\(\s*['\"](\w+)['\"]", file.read_text()):
            if name in layer_of:
                assert order[layer_of[name]] <= order[layer_of[file.stem]], f"{file.stem} refers to {name}"


def test_figures_and_questions_read_marts_only():
    questions = "\n".join(file.read_text() for file in (ROOT / "sql" / "questions").rglob("*.sql"))
    figures = "\n".join(file.read_text() for file in (ROOT / "dashboards" / "figures").glob("*.py"))
    assert re.findall(r"\braw_\w+|\bstg_\w+", figures) == []
    assert re.findall(r"\b(?:from|join)\s+((?:raw|stg)_\w+)", questions) == []


def test_flows_hold_no_sql():
    for file in python_files("flows"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "Example:" not in node.value:
                assert not re.match(r"\s*(select|insert|alter|create|drop|with)\s+\w+.*\s(from|into|table|as)\s",
                                    node.value, re.IGNORECASE), f"{file}: {node.value}"  # fmt: skip
