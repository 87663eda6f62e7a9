"""Find a suite by its name: among the user's own declarations, then among those that come with Trailhouse."""

from __future__ import annotations

from pathlib import Path

from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import Suite, find_suite, packaged_suites_directory


def suite_directories(settings: Settings) -> list[Path]:
    """Return the directories of suite declarations. A declaration in the first directory wins."""
    return [settings.suites_directory, packaged_suites_directory()]


def find_declared_suite(name: str, settings: Settings) -> Suite:
    """Return the suite of this name. Raises BadInputError, which lists the known suites, if there is none."""
    return find_suite(name, suite_directories(settings))
