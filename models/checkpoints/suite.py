"""Suites: families of models that are compared with each other, declared in YAML files.

Owns the declaration of a suite and finding it by name; where its checkpoints lie and how they are reached is the
business of ``sources``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.step_pattern import find_pattern_problem
from trailhouse.support.declarations import DeclarationMapping, read_declaration

SUITE_FIELDS = {"suite", "description", "source", "shared", "models"}
MODEL_FIELDS = {"name", "batch_tokens", "planned_steps", "context_length", "seed"}
FOUND_MODEL_FIELDS = {"location", "step_pattern", "expected_steps", "known_damage", "allow_pickle"}
SOURCE_SUITE_FIELDS: dict[str, set[str]] = {
    "folder": set(),
    "trainer": set(),
    "hub": set(),
    "manifest": set(),
    "miniature": {"checkpoint_steps"},
}
SOURCE_MODEL_FIELDS = {
    "folder": FOUND_MODEL_FIELDS,
    "trainer": FOUND_MODEL_FIELDS,
    "hub": FOUND_MODEL_FIELDS | {"final_revision"},
    "manifest": FOUND_MODEL_FIELDS - {"step_pattern"} | {"repository"},
    "miniature": {"hidden_size", "layer_count", "head_count", "architecture"},
}
DEFAULT_STEP_PATTERNS = {
    "folder": r"(?:checkpoint|step)-?(\d+)",
    "trainer": r"checkpoint-(\d+)",
    "hub": r"(?:checkpoint|step)-?(\d+)",
    "manifest": r"(\d+)",
}
REPOSITORY_PATTERN = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")

DEFAULT_ARCHITECTURE = "gpt_neox"
ARCHITECTURES = {DEFAULT_ARCHITECTURE, "mamba2", "rwkv"}


@dataclass(frozen=True)
class TrainingRecipe:
    """What a model of a miniature suite needs beyond its declaration in order to be trained on the spot."""

    hidden_size: int
    layer_count: int
    head_count: int
    checkpoint_steps: tuple[int, ...]
    architecture: str = DEFAULT_ARCHITECTURE
    """Family of the model: one of ARCHITECTURES."""


@dataclass(frozen=True)
class KnownDamage:
    """Checkpoints that are known to be no good: they are named by the audit and never scored."""

    steps: tuple[int, ...]
    problem: str


@dataclass(frozen=True)
class ModelDeclaration:
    """One model of a suite: one training run of which checkpoints were kept."""

    model_name: str
    location: str
    """Where the checkpoints are: a directory (below the data directory for a miniature suite), a repository of
    the hub, or a manifest file."""
    step_pattern: str
    """Regular expression for the name of a checkpoint directory or branch, see ``checkpoint_names``."""
    batch_tokens: int
    planned_steps: int
    context_length: int
    """Training sequence length in tokens."""
    seed: int | None
    recipe: TrainingRecipe | None = None
    source: str = "folder"
    expected_steps: tuple[int, ...] = ()
    """Steps of which a checkpoint should exist; empty where that is not declared."""
    known_damage: tuple[KnownDamage, ...] = ()
    allow_pickle: bool = False
    """Whether weights may be read from pickles, as tensors only, where there are no safetensors."""
    final_revision: str = ""
    """Branch of the hub that holds the checkpoint after the planned steps, whatever its name."""
    repository: str = ""
    """Repository of the hub that the revisions of a manifest belong to."""

    def find_known_damage(self, step: int) -> str | None:
        """Return what the declaration says is wrong with a step, or None."""
        return next((damage.problem for damage in self.known_damage if step in damage.steps), None)


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
    return Path(str(files("trailhouse.models.checkpoints") / "suites"))


def load_suite(path: Path) -> Suite:
    """Read one suite from its YAML file.

    Errors: BadInputError naming file, line, field and hint for anything that is missing, unknown or wrong.
    """
    text, mapping = read_declaration(path)
    source = mapping.read_choice("source", set(SOURCE_SUITE_FIELDS))
    mapping.refuse_unknown(SUITE_FIELDS | SOURCE_SUITE_FIELDS[source])
    suite_id = mapping.read_name("suite")
    known = MODEL_FIELDS | SOURCE_MODEL_FIELDS[source]
    shared = mapping.read_optional_mapping("shared")
    if shared is not None:
        shared.refuse_unknown(known - {"name"})
    declared = [model.inherit(shared) for model in mapping.read_mappings("models")]
    for model in declared:
        model.refuse_unknown(known)
        model.read_name("name")
    if source == "miniature":
        checkpoint_steps = mapping.read_integers("checkpoint_steps", minimum=0)
        models = [_read_miniature_model(model, suite_id, checkpoint_steps) for model in declared]
    else:
        models = [_read_found_model(model, source, path.parent) for model in declared]
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
    model_name = mapping.read_name("name")
    recipe = TrainingRecipe(
        hidden_size=mapping.read_integer("hidden_size", minimum=1),
        layer_count=mapping.read_integer("layer_count", minimum=1),
        head_count=mapping.read_integer("head_count", minimum=1),
        checkpoint_steps=checkpoint_steps,
        architecture=(
            mapping.read_choice("architecture", ARCHITECTURES)
            if "architecture" in mapping.nodes
            else DEFAULT_ARCHITECTURE
        ),
    )
    model = _read_model(mapping, f"{suite_id}/{model_name}", r"step-(\d+)", recipe)
    if recipe.hidden_size % recipe.head_count:
        raise mapping.fail("head_count", "does not divide hidden_size", "choose a divisor of hidden_size")
    if model.batch_tokens % model.context_length:
        raise mapping.fail("batch_tokens", "is no multiple of context_length", "choose a multiple of it")
    if checkpoint_steps[-1] != model.planned_steps:
        raise mapping.fail("planned_steps", "is not the last of checkpoint_steps", "make the two agree")
    return replace(model, source="miniature", expected_steps=checkpoint_steps)


def _read_found_model(mapping: DeclarationMapping, source: str, directory: Path) -> ModelDeclaration:
    """Read a model whose checkpoints exist already; ``directory`` is that of the suite's file."""
    pattern = mapping.read_text("step_pattern", DEFAULT_STEP_PATTERNS[source])
    problem = find_pattern_problem(pattern)
    if problem is not None:
        raise mapping.fail("step_pattern", problem, r"write it like step-(\d+) or step(?P<step>\d+)")
    damage = tuple(_read_known_damage(entry) for entry in mapping.read_optional_mappings("known_damage"))
    return replace(
        _read_model(mapping, _read_location(mapping, source, directory), pattern, None),
        source=source,
        expected_steps=mapping.read_number_grid("expected_steps", minimum=0),
        known_damage=damage,
        allow_pickle=mapping.read_flag("allow_pickle"),
        final_revision=mapping.read_text("final_revision") if "final_revision" in mapping.nodes else "",
        repository=_read_repository(mapping, "repository") if "repository" in mapping.nodes else "",
    )


def _read_location(mapping: DeclarationMapping, source: str, directory: Path) -> str:
    if source == "hub":
        return _read_repository(mapping, "location")
    return str((directory / Path(mapping.read_text("location")).expanduser()).resolve())


def _read_repository(mapping: DeclarationMapping, key: str) -> str:
    repository = mapping.read_text(key)
    if not REPOSITORY_PATTERN.fullmatch(repository):
        raise mapping.fail(key, f"{repository!r} is no repository of the hub", "write it like owner/name")
    return repository


def _read_known_damage(mapping: DeclarationMapping) -> KnownDamage:
    mapping.refuse_unknown({"steps", "problem"})
    mapping.read_text("problem")
    steps = mapping.read_number_grid("steps", minimum=0)
    if not steps:
        raise mapping.fail("steps", "this field is missing", "list the steps that are damaged")
    return KnownDamage(steps, mapping.read_text("problem"))


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
