"""This module finds suites by name: first in the user's own declarations, then in the declarations of Trailhouse."""

from __future__ import annotations

from pathlib import Path

from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import Suite, find_suite, packaged_suites_directory


def suite_directories(settings: Settings) -> list[Path]:
    """Return the directories of suite declarations: first the user's directory, then Trailhouse's directory.

    If both directories declare a suite of the same name, the declaration in the user's directory is used.
    """
    return [settings.suites_directory, packaged_suites_directory()]


def find_declared_suite(name: str, settings: Settings) -> Suite:
    """Return the suite called ``name``. If there is none, raises BadInputError, which lists the known suites."""
    return find_suite(name, suite_directories(settings))
