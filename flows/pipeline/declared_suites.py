"""Finding a suite by name: the user's own declarations first, then those that come with Trailhouse."""

from __future__ import annotations

from pathlib import Path

from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import Suite, find_suite, packaged_suites_directory


def suite_directories(settings: Settings) -> list[Path]:
    """Directories that hold suite declarations, the first one wins."""
    return [settings.suites_directory, packaged_suites_directory()]


def find_declared_suite(name: str, settings: Settings) -> Suite:
    """Find a suite; raises BadInputError naming the known ones if there is none of this name."""
    return find_suite(name, suite_directories(settings))
