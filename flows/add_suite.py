"""This module declares the models in a folder as a suite, in the directory of the user's suites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.declared_suites import suite_directories
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.discovery.declaration_text import DescribedModel, write_declaration
from trailhouse.models.checkpoints.discovery.found_models import FoundModel, find_models
from trailhouse.models.checkpoints.discovery.training_facts import Fact, TrainingFacts, read_training_facts
from trailhouse.models.checkpoints.model_config import read_config_of
from trailhouse.models.checkpoints.suite import Suite, list_suites, load_suite, parse_suite
from trailhouse.models.scoring.context_window import UNLIMITED_CONTEXT_LENGTH, find_position_count
from trailhouse.support.declarations import make_name
from trailhouse.support.files import write_whole
from trailhouse.support.progress import report_note
from trailhouse.support.wording import count_of


@dataclass(frozen=True)
class GivenFacts:
    """What the user says about all models of the folder; None for what is read from their files."""

    batch_tokens: int | None = None
    planned_steps: int | None = None


@dataclass(frozen=True)
class AddedSuite:
    """A suite that was declared from a folder, and its file."""

    suite: Suite
    file: Path
    models: list[DescribedModel]
    is_new: bool
    """False if the file declared the same models already."""


def add_found_suite(directory: Path, settings: Settings, name: str | None, given: GivenFacts) -> AddedSuite:
    """Find the models in a folder, and write their declaration to the directory of suites.

    The suite is called ``name``, or like the folder. Directories with a model that are left out are named to the user.

    Raises BadInputError if the folder holds no checkpoints, and UsageError if a number is neither given nor stated by
    the files, or if another suite has the name.
    """
    directory = directory.resolve()
    suite_id = name or make_name(directory, "suite", "give a name with --name")
    target = settings.suites_directory / f"{suite_id}.yaml"
    described = describe_models(directory, find_models(directory), given)
    text = write_declaration(suite_id, directory, described)
    suite = parse_suite(target, text)
    for one, model in zip(described, suite.models, strict=True):
        if model.location != str(one.found.directory):  # a declaration has no text with spaces at its ends
            raise BadInputError(f"{one.found.directory}: a declaration cannot hold this name", "rename the folder")
        if one.found.left_out:
            report_note(f"{one.found.directory}: left out, without a step in the name: {', '.join(one.found.left_out)}")
    if target.exists():
        if load_suite(target).models == suite.models:
            return AddedSuite(suite, target, described, is_new=False)
        raise UsageError(
            f"{target} exists and declares other models", "give another --name, or edit or remove the file"
        )
    if suite_id in {declared.suite_id for declared in list_suites(suite_directories(settings))}:
        raise UsageError(f"there is a suite called {suite_id!r} already", "give another name with --name")
    write_whole(target, text)
    return AddedSuite(suite, target, described, is_new=True)


def describe_models(directory: Path, found: list[FoundModel], given: GivenFacts) -> list[DescribedModel]:
    """Return the models with how they were trained. Raises UsageError that names what no file states."""
    facts = [read_training_facts(model) for model in found]
    tokens = [choose_fact(given.batch_tokens, "--batch-tokens", one.batch_tokens) for one in facts]
    steps = [choose_fact(given.planned_steps, "--planned-steps", one.planned_steps) for one in facts]
    described: list[DescribedModel] = []
    for model, read, batch_tokens, planned_steps in zip(found, facts, tokens, steps, strict=True):
        if batch_tokens is None or planned_steps is None:
            raise explain_missing_facts(directory, found, facts, given)
        refuse_too_few_steps(model, planned_steps)
        described.append(DescribedModel(model, batch_tokens, planned_steps, read_context_length(model), read.seed))
    return described


def choose_fact(given: int | None, option: str, read: Fact | None) -> Fact | None:
    """Return the number that the user gave, or else the one that was read."""
    return read if given is None else Fact(given, f"given by {option}")


def read_context_length(model: FoundModel) -> Fact:
    """Return how many tokens a model reads at once, by the configuration of its last checkpoint.

    Raises BadInputError if the configuration does not describe a model.
    """
    position_count = find_position_count(read_config_of(model.last_checkpoint).get_text_config())
    if position_count is None:
        return Fact(UNLIMITED_CONTEXT_LENGTH, "assumed, because config.json states no limit")
    origin = f"the most tokens that the model reads at once, from config.json of {model.last_checkpoint.name}"
    return Fact(position_count, origin)


def refuse_too_few_steps(model: FoundModel, planned_steps: Fact) -> None:
    """Raise UsageError if a model was trained for more steps than are planned."""
    last = max(model.checkpoints)
    if planned_steps.value < last:
        raise UsageError(
            f"{model.directory}: has a checkpoint of step {last}, and the planned steps are {planned_steps.value},"
            f" {planned_steps.origin}",
            f"state at least {last} with --planned-steps",
        )


def explain_missing_facts(
    directory: Path, found: list[FoundModel], facts: list[TrainingFacts], given: GivenFacts
) -> UsageError:
    """Return the error about numbers that no file states. It shows what was found, and names the options to add."""
    missing = {
        "batch_tokens (tokens per step)": (given.batch_tokens, [one.batch_tokens for one in facts], "--batch-tokens N"),
        "planned_steps": (given.planned_steps, [one.planned_steps for one in facts], "--planned-steps N"),
    }
    lacking = {
        name: option
        for name, (value, read, option) in missing.items()
        if value is None and any(x is None for x in read)
    }
    last = max(step for model in found for step in model.checkpoints)
    count = sum(len(model.checkpoints) for model in found)
    return UsageError(
        f"{directory}: no file states {' and '.join(lacking)}; found: {count_of(count, 'checkpoint')}, the last of step"
        f" {last}",
        f"add {' '.join(lacking.values())}",
    )
