"""This module finds the suite that a user names.

Suites are looked for in the user's own declarations first, then in the declarations of Trailhouse. The user may also
name the directory of a run of the Hugging Face Trainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.suite import (
    ModelDeclaration,
    Suite,
    find_suite,
    list_suites,
    packaged_suites_directory,
)
from trailhouse.support.progress import report_note


@dataclass(frozen=True)
class NamedModel:
    """A model that a user names as SUITE/MODEL@STEP, and the text of the step: a number, ``last``, or empty."""

    suite: Suite
    model: ModelDeclaration
    step: str


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


def find_named_model(name: str, settings: Settings) -> NamedModel:
    """Return the model that a user names as SUITE/MODEL@STEP, or the first model of SUITE@STEP.

    Raises BadInputError if there is no such suite or model, or if the step is neither a number nor ``last``.
    """
    path, has_step, step = name.partition("@")
    if has_step and step != "last" and not step.isdecimal():
        raise BadInputError(
            f"{name!r}: {step!r} is no step", "write SUITE/MODEL@STEP, such as miniature/neox-large@1000"
        )
    suite, model_name = _split_name(path, settings)
    models = [model for model in suite.models if model_name in ("", model.model_name)]
    if not models:
        known = ", ".join(model.model_name for model in suite.models)
        raise BadInputError(f"suite {suite.suite_id} has no model {model_name!r}", f"its models are {known}")
    return NamedModel(suite, models[0], step)


def _split_name(path: str, settings: Settings) -> tuple[Suite, str]:
    """Return the suite and the name of the model in SUITE/MODEL; the name is empty if only a suite is named."""
    suite_name, _, model_name = path.rpartition("/")
    try:
        return find_declared_suite(path, settings), ""
    except UsageError as error:
        if not suite_name:
            raise BadInputError(f"{path!r}: {error.message}", error.hint) from error
    try:
        return find_declared_suite(suite_name, settings), model_name
    except UsageError as error:
        raise BadInputError(f"{path!r}: {error.message}", error.hint) from error
