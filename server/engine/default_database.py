"""Making the database `default` an ordinary one.

chDB lays `default` over the files of the working directory, as clickhouse-local does; every look into it then
needs the grant to read files. Underneath lies an Atomic database whose id is found through the link
``metadata/default``, which exists from the first table on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

DEFAULT_DATABASE = "default"


def prepare_metadata(directory: Path) -> None:
    """Before the engine opens ``directory``: leave the link and its .sql file both there, or neither."""
    link = directory / "metadata" / DEFAULT_DATABASE
    definition = _definition(directory)
    if not link.is_symlink():
        definition.unlink(missing_ok=True)  # no table was ever made: nothing is lost
    elif not definition.exists():
        # a directory that chDB made without us; its tables stay
        definition.write_text(f"ATTACH DATABASE _ UUID '{link.readlink().name}'\nENGINE = Atomic\n")


def replace_overlay(directory: Path, run: Callable[[str], object]) -> None:
    """After the engine opened ``directory``: put the plain database in the overlay's place."""
    if _definition(directory).exists():
        run(f"DETACH DATABASE {DEFAULT_DATABASE}")
        run(f"ATTACH DATABASE {DEFAULT_DATABASE}")
        return
    run(f"DROP DATABASE {DEFAULT_DATABASE}")
    run(f"CREATE DATABASE {DEFAULT_DATABASE} ENGINE = Atomic")
    run(f"CREATE TABLE {DEFAULT_DATABASE}.first (nothing UInt8) ENGINE = Memory")
    run(f"DROP TABLE {DEFAULT_DATABASE}.first SYNC")


def _definition(directory: Path) -> Path:
    return directory / "metadata" / f"{DEFAULT_DATABASE}.sql"
