"""Suites: families of models that are compared with each other, declared in YAML files.

Owns the declaration of a suite and finding it by name; where its checkpoints lie on disk is the business of
``checkpoint``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.declaration import DeclarationMapping, read_declaration

DEFAULT_STEP_PATTERN = r"(?:checkpoint|step)-?(\d+)"
SUITE_FIELDS = {"suite", "description", "source", "models"}
MODEL_FIELDS = {"name", "batch_tokens", "planned_steps", "context_length", "seed"}
SOURCE_SUITE_FIELDS: dict[str, set[str]] = {"folder": set(), "miniature": {"checkpoint_steps"}}
SOURCE_MODEL_FIELDS = {
    "folder": {"location", "step_pattern"},
    "miniature": {"hidden_size", "layer_count", "head_count"},
}


@dataclass(frozen=True)
class TrainingRecipe:
    """What a model of a miniature suite needs beyond its declaration in order to be trained on the spot."""

    hidden_size: int
    layer_count: int
    head_count: int
    checkpoint_steps: tuple[int, ...]


@dataclass(frozen=True)
class ModelDeclaration:
    """One model of a suite: one training run of which checkpoints were kept."""

    model_name: str
    location: str
    """Directory of the checkpoints: absolute for a folder, below the data directory for a miniature suite."""
    step_pattern: str
    """Regular expression for the name of a checkpoint directory; its first group is the step."""
    batch_tokens: int
    planned_steps: int
    context_length: int
    """Training sequence length in tokens."""
    seed: int | None
    recipe: TrainingRecipe | None = None


@dataclass(frozen=True)
class Suite:
    """A suite as its YAML file declares it."""

    suite_id: str
    description: str
    source: str
    models: tuple[ModelDeclaration, ...]
    declaration: str
    """The YAML text as it was read."""


def packaged_suites_directory() -> Path:
    """Return the directory of the suites that come with Trailhouse."""
    return Path(str(files("trailhouse.models") / "suites"))


def load_suite(path: Path) -> Suite:
    """Read one suite from its YAML file.

    Errors: BadInputError naming file, line, field and cure for anything that is missing, unknown or wrong.
    """
    text, mapping = read_declaration(path)
    source = mapping.read_choice("source", set(SOURCE_SUITE_FIELDS))
    mapping.refuse_unknown(SUITE_FIELDS | SOURCE_SUITE_FIELDS[source])
    suite_id = mapping.read_name("suite")
    if source == "miniature":
        checkpoint_steps = mapping.read_integers("checkpoint_steps", minimum=0)
        models = [_read_miniature_model(model, suite_id, checkpoint_steps) for model in mapping.read_mappings("models")]
    else:
        models = [_read_folder_model(model, path.parent) for model in mapping.read_mappings("models")]
    names = [model.model_name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise mapping.fail("models", f"two models are called {name!r}", "give every model its own name")
    return Suite(suite_id, mapping.read_text("description"), source, tuple(models), text)


def list_suites(directories: Iterable[Path]) -> list[Suite]:
    """Return the suites of all ``*.yaml`` files in the directories, sorted by name.

    Errors: BadInputError for a file that is wrong, and for two files that declare the same suite.
    """
    suites: dict[str, tuple[Suite, Path]] = {}
    for path in _iterate_suite_files(directories):
        suite = load_suite(path)
        if suite.suite_id in suites:
            other = suites[suite.suite_id][1]
            raise BadInputError(f"{path} and {other} both declare the suite {suite.suite_id!r}", "rename one of them")
        suites[suite.suite_id] = (suite, path)
    return [suite for _, (suite, _) in sorted(suites.items())]


def find_suite(name: str, directories: Iterable[Path]) -> Suite:
    """Return the suite called ``name``, or the one in the YAML file at the path ``name``.

    Errors: UsageError naming the suites there are where none is called so; BadInputError as in load_suite.
    """
    if name.endswith((".yaml", ".yml")):
        return load_suite(Path(name))
    suites = {suite.suite_id: suite for suite in list_suites(directories)}
    if name not in suites:
        known = ", ".join(suites) or "none"
        raise UsageError(f"there is no suite called {name!r}", f"declare it in a YAML file; declared are: {known}")
    return suites[name]


def _iterate_suite_files(directories: Iterable[Path]) -> Iterable[Path]:
    for directory in dict.fromkeys(directory.resolve() for directory in directories):
        if directory.is_dir():
            yield from sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])


def _read_miniature_model(
    mapping: DeclarationMapping, suite_id: str, checkpoint_steps: tuple[int, ...]
) -> ModelDeclaration:
    mapping.refuse_unknown(MODEL_FIELDS | SOURCE_MODEL_FIELDS["miniature"])
    model_name = mapping.read_name("name")
    recipe = TrainingRecipe(
        hidden_size=mapping.read_integer("hidden_size", minimum=1),
        layer_count=mapping.read_integer("layer_count", minimum=1),
        head_count=mapping.read_integer("head_count", minimum=1),
        checkpoint_steps=checkpoint_steps,
    )
    model = _read_model(mapping, f"{suite_id}/{model_name}", r"step-(\d+)", recipe)
    if recipe.hidden_size % recipe.head_count:
        raise mapping.fail("head_count", "does not divide hidden_size", "choose a divisor of hidden_size")
    if model.batch_tokens % model.context_length:
        raise mapping.fail("batch_tokens", "is no multiple of context_length", "choose a multiple of it")
    if checkpoint_steps[-1] != model.planned_steps:
        raise mapping.fail("planned_steps", "is not the last of checkpoint_steps", "make the two agree")
    return model


def _read_folder_model(mapping: DeclarationMapping, directory: Path) -> ModelDeclaration:
    mapping.refuse_unknown(MODEL_FIELDS | SOURCE_MODEL_FIELDS["folder"])
    mapping.read_name("name")
    pattern = mapping.read_text("step_pattern", DEFAULT_STEP_PATTERN)
    try:
        group_count = re.compile(pattern).groups
    except re.error as error:
        raise mapping.fail("step_pattern", f"no regular expression: {error}", "correct it") from error
    if group_count < 1:
        raise mapping.fail("step_pattern", "has no group for the step", r"write it like step-(\d+)")
    location = (directory / Path(mapping.read_text("location")).expanduser()).resolve()
    return _read_model(mapping, str(location), pattern, None)


def _read_model(
    mapping: DeclarationMapping, location: str, step_pattern: str, recipe: TrainingRecipe | None
) -> ModelDeclaration:
    return ModelDeclaration(
        model_name=mapping.read_name("name"),
        location=location,
        step_pattern=step_pattern,
        batch_tokens=mapping.read_integer("batch_tokens", minimum=1),
        planned_steps=mapping.read_integer("planned_steps", minimum=1),
        context_length=mapping.read_integer("context_length", minimum=1),
        seed=mapping.read_optional_integer("seed", minimum=0),
        recipe=recipe,
    )
