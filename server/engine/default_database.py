"""Making `default` an ordinary database.

Like clickhouse-local, chDB makes `default` an overlay of two things: the files of the working directory, and an
ordinary (Atomic) database. Every access to the overlay needs the grant to read files, which clients do not have.
The engine creates the link ``metadata/default`` with the first table. Its target contains the Atomic database's id.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trailhouse.server.sql.guard import DEFAULT_DATABASE


def prepare_metadata(directory: Path) -> None:
    """Make sure that the link ``metadata/default`` and ``metadata/default.sql`` either both exist or both do not.

    Call this function before the engine opens ``directory``.
    """
    link = directory / "metadata" / DEFAULT_DATABASE
    definition = _definition_path(directory)
    if not link.is_symlink():
        definition.unlink(missing_ok=True)  # no table was ever made, so nothing is lost
    elif not definition.exists():
        # chDB made this directory without Trailhouse; the definition keeps its tables
        definition.write_text(f"ATTACH DATABASE _ UUID '{link.readlink().name}'\nENGINE = Atomic\n")


def replace_overlay(directory: Path, run: Callable[[str], object]) -> None:
    """Replace the overlay `default` by its Atomic database. Call this once the engine has opened ``directory``.

    ``run`` runs an SQL statement in the engine.
    """
    if _definition_path(directory).exists():
        run(f"DETACH DATABASE {DEFAULT_DATABASE}")
        run(f"ATTACH DATABASE {DEFAULT_DATABASE}")
        return
    run(f"DROP DATABASE {DEFAULT_DATABASE}")
    run(f"CREATE DATABASE {DEFAULT_DATABASE} ENGINE = Atomic")
    # the first table makes the engine write the link
    run(f"CREATE TABLE {DEFAULT_DATABASE}.first (nothing UInt8) ENGINE = Memory")
    run(f"DROP TABLE {DEFAULT_DATABASE}.first SYNC")


def _definition_path(directory: Path) -> Path:
    return directory / "metadata" / f"{DEFAULT_DATABASE}.sql"
