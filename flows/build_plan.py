"""What a build of the marts must derive: nothing, what is downstream of the raw tables that changed, or everything.

After a successful build, the warehouse records what the build was made from and what it left. Everything is built if
there is no such record, or if anything other than raw tables differs from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from trailhouse import __version__
from trailhouse.flows.settings import Settings
from trailhouse.support.progress import report_note
from trailhouse.support.secrets import OWNER_ONLY
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.build_record import read_build_record
from trailhouse.warehouse.reading.table_states import read_table_states

PROJECT_SUFFIXES = (".sql", ".yml", ".csv", ".md")


@dataclass(frozen=True)
class BuildInputs:
    """What determines the marts, apart from the derived tables that are there: equal inputs give equal marts."""

    program: dict[str, str]
    """SHA-256 of the dbt project, versions of the programs, variables, and the database with its user and cluster."""
    sources: dict[str, str]
    """States of the raw tables that dbt reads, as ``read_table_states`` describes them."""


@dataclass(frozen=True)
class BuildPlan:
    """What a build must derive, and why."""

    inputs: BuildInputs
    is_everything: bool
    reason: str
    """Why everything is built; empty if not everything is built."""
    changed_tables: tuple[str, ...] = ()
    """Raw tables that changed since the last successful build. Only what is downstream of them is built."""
    derived_tables: tuple[str, ...] = ()
    """Models and seeds that the last successful build left in the warehouse; empty if everything is built."""

    @property
    def is_nothing(self) -> bool:
        """Whether the marts are as a build of everything would leave them."""
        return not self.is_everything and not self.changed_tables

    @property
    def selection(self) -> list[str]:
        """The node selection for dbt, one term for each changed table. It is empty if everything is built."""
        names = source_names()
        return [] if self.is_everything else [f"source:{names[table]}.{table}+" for table in self.changed_tables]


def plan_build(address: WarehouseAddress, variables: Mapping[str, object]) -> BuildPlan:
    """Return what a build with these dbt variables must derive. Raises UnreachableError if no warehouse answers."""
    states = read_states(address)
    inputs = BuildInputs(
        describe_program(address, variables), {table: states.get(table, "") for table in sorted(source_names())}
    )
    record = read_record(address)
    if record is None:
        return BuildPlan(inputs, is_everything=True, reason="no complete build is recorded")
    earlier, derived = record
    if differing := differing_names(earlier.program, inputs.program):
        return BuildPlan(inputs, is_everything=True, reason=f"changed since the last build: {', '.join(differing)}")
    if lost := differing_names(derived, {table: states.get(table, "") for table in derived}):
        return BuildPlan(inputs, is_everything=True, reason=f"not as the last build left it: {lost[0]}")
    changed = differing_names(earlier.sources, inputs.sources)
    return BuildPlan(
        inputs, is_everything=False, reason="", changed_tables=tuple(changed), derived_tables=tuple(derived)
    )


def differing_names(earlier: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names whose texts differ, or that one of the two lacks, in alphabetical order."""
    return sorted(name for name in earlier.keys() | now.keys() if earlier.get(name) != now.get(name))


def write_record(address: WarehouseAddress, inputs: BuildInputs, derived: Iterable[str]) -> str:
    """Return the record of a successful build: the inputs that were read before it, and what it left in the warehouse.

    ``derived`` are the names of all models and seeds, also of those that the build left as they were.
    """
    states = read_states(address)
    return json.dumps({**asdict(inputs), "derived": {name: states[name] for name in sorted(derived) if name in states}})


def read_record(address: WarehouseAddress) -> tuple[BuildInputs, dict[str, str]] | None:
    """Return the inputs of the last build and the states of its tables; None if it did not succeed, or never ran."""
    with connect(address) as client:
        text = read_build_record(client)
    try:
        record = json.loads(text)
        return BuildInputs(dict(record["program"]), dict(record["sources"])), dict(record["derived"])
    except (ValueError, KeyError, TypeError):
        return None  # also a record that another version wrote


def describe_record(address: WarehouseAddress) -> str:
    """Return a text that identifies the last successful build; empty if none is recorded."""
    with connect(address) as client:
        record = read_build_record(client)
    return hashlib.sha256(record.encode()).hexdigest() if record else ""


@contextmanager
def building_alone(settings: Settings) -> Iterator[None]:
    """Let one process at a time build the marts. Another process waits, and the user is told so."""
    path = settings.data_directory / "dbt" / "build.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=OWNER_ONLY)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report_note("another process derives the marts; this one waits until it is done")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_states(address: WarehouseAddress) -> dict[str, str]:
    """Return the states of all tables and views of the warehouse."""
    with connect(address) as client:
        return read_table_states(client, address.database, address.cluster)


def describe_program(address: WarehouseAddress, variables: Mapping[str, object]) -> dict[str, str]:
    """Return what determines the marts beside the raw tables: the dbt project, versions, variables and the database.

    The host is left out, because the embedded server has another port after every start. The states of tables contain
    their UUIDs, so that a warehouse on another host differs.
    """
    versions = [__version__, *(f"{name} {version(name)}" for name in ("dbt-core", "dbt-clickhouse"))]
    return {
        "the dbt project": hash_project(),
        "the versions of the programs": ", ".join(versions),
        "the variables of dbt": json.dumps(variables, sort_keys=True),
        "the database or its user": f"{address.database} {address.user} {address.cluster}",
    }


def hash_project() -> str:
    """Return the SHA-256 of all files of the dbt project, with their names."""
    project = project_directory()
    digest = hashlib.sha256()
    for path in sorted(path for path in project.rglob("*") if path.suffix in PROJECT_SUFFIXES):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(project)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def source_names() -> dict[str, str]:
    """Return the raw tables that the dbt project reads, each with the name of its dbt source."""
    files = sorted((project_directory() / "models" / "staging").rglob("*__sources.yml"))
    declared = [source for file in files for source in yaml.safe_load(file.read_bytes())["sources"]]
    return {table["name"]: source["name"] for source in declared for table in source["tables"]}


def project_directory() -> Path:
    """Return the directory of the dbt project."""
    return Path(str(resources.files("trailhouse") / "dbt"))
