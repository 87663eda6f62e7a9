"""This module makes `default` an ordinary database.

chDB, like clickhouse-local, makes `default` an overlay of an ordinary (Atomic) database and the files of the working
directory. Every access to the overlay needs the privilege to read files, which clients do not have.

When the first table is created, the engine creates the link ``metadata/default``. The target of the link contains the
id of the Atomic database.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trailhouse.server.sql.guard import DEFAULT_DATABASE


def prepare_metadata(directory: Path) -> None:
    """Make sure that the file ``metadata/default.sql`` exists if and only if the link ``metadata/default`` exists.

    Call this function before the engine opens ``directory``.
    """
    link = directory / "metadata" / DEFAULT_DATABASE
    definition = _definition_path(directory)
    if not link.is_symlink():
        definition.unlink(missing_ok=True)  # the link is missing, so no table was ever created, and nothing is lost
    elif not definition.exists():
        # Something other than Trailhouse created the database in this directory, and wrote no definition file. With
        # the file, the engine finds the existing tables of the database.
        definition.write_text(f"ATTACH DATABASE _ UUID '{link.readlink().name}'\nENGINE = Atomic\n")


def replace_overlay(directory: Path, run: Callable[[str], object]) -> None:
    """Replace the overlay `default` by an ordinary (Atomic) database.

    Call this function after the engine has opened ``directory``. ``run`` must run an SQL statement in the engine.
    """
    if _definition_path(directory).exists():
        run(f"DETACH DATABASE {DEFAULT_DATABASE}")
        run(f"ATTACH DATABASE {DEFAULT_DATABASE}")
        return
    run(f"DROP DATABASE {DEFAULT_DATABASE}")
    run(f"CREATE DATABASE {DEFAULT_DATABASE} ENGINE = Atomic")
    # the first table makes the engine write the link ``metadata/default``
    run(f"CREATE TABLE {DEFAULT_DATABASE}.first (nothing UInt8) ENGINE = Memory")
    run(f"DROP TABLE {DEFAULT_DATABASE}.first SYNC")


def _definition_path(directory: Path) -> Path:
    return directory / "metadata" / f"{DEFAULT_DATABASE}.sql"
