"""This module finds the suite that a user names.

Suites are looked for in the user's own declarations first, then in the declarations of Trailhouse. The user may also
name the directory of a run of the Hugging Face Trainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trailhouse.errors import UsageError
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import Suite, find_suite, list_suites, packaged_suites_directory
from trailhouse.support.progress import report_note


def suite_directories(settings: Settings) -> list[Path]:
    """Return the directories of suite declarations: first the user's directory, then Trailhouse's directory.

    If both directories declare a suite of the same name, the declaration in the user's directory is used.
    """
    return [settings.suites_directory, packaged_suites_directory()]


def find_declared_suite(name: str, settings: Settings) -> Suite:
    """Return the suite that a user names: by its name, by its YAML file, or by the directory of a run of the Trainer.

    If a suite is declared under the name, this suite is returned, even if there is a directory of this name.

    Raises UsageError, which lists the known suites, if there is no suite of this name. Raises BadInputError if the file
    is no declaration or the directory is no run of the Trainer.
    """
    if Path(name).is_dir():
        declared = [suite.suite_id for suite in list_suites(suite_directories(settings))]
        if name not in declared:
            return read_run_as_suite(Path(name), declared)
    return find_suite(name, suite_directories(settings))


def read_run_as_suite(directory: Path, declared: Sequence[str]) -> Suite:
    """Return a suite for the run of the Trainer in a directory, and tell the user which values were read.

    ``declared`` are the names of the declared suites.

    Raises UsageError if the directory has the name of a declared suite. Raises BadInputError if it is no run of the
    Trainer.
    """
    # Imported here because it loads transformers, which takes seconds. Suites that are found by name do not need it.
    from trailhouse.models.checkpoints.trainer_run import declare_trainer_run, read_trainer_run
    from trailhouse.models.scoring.context_window import find_context_length
    from trailhouse.models.scoring.scoring_settings import ScoringSettings

    run = read_trainer_run(directory)
    suite = declare_trainer_run(run, find_context_length(run.config, ScoringSettings()))
    if suite.suite_id in declared:
        raise UsageError(
            f"{directory}: another suite is called {suite.suite_id!r} already",
            "name that suite without a path, or rename the directory",
        )
    model = suite.models[0]
    report_note(
        f"{run.directory} is read as a run of the Trainer: batch_tokens {model.batch_tokens}, planned_steps"
        f" {model.planned_steps}, context_length {model.context_length}; if one of them is wrong, declare a suite"
    )
    return suite
