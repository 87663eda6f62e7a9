"""Making the database `default` an ordinary one.

chDB mounts `default` over the files of the working directory, as clickhouse-local does, and every access to it then
needs the grant to read files. Underneath lies an Atomic database. Its id is the target of the link
``metadata/default``, which exists from the first table on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trailhouse.server.sql.guard import DEFAULT_DATABASE


def prepare_metadata(directory: Path) -> None:
    """Make the link and its .sql file consistent before the engine opens ``directory``: both exist, or neither."""
    link = directory / "metadata" / DEFAULT_DATABASE
    definition = _definition_path(directory)
    if not link.is_symlink():
        definition.unlink(missing_ok=True)  # no table was ever made, so nothing is lost
    elif not definition.exists():
        # chDB made this directory without us; its tables stay
        definition.write_text(f"ATTACH DATABASE _ UUID '{link.readlink().name}'\nENGINE = Atomic\n")


def replace_overlay(directory: Path, run: Callable[[str], object]) -> None:
    """Replace the overlay by the Atomic database, once the engine has opened ``directory``; ``run`` runs SQL in it."""
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
