"""This module defines suites: families of models that are compared with each other.

It finds suites by name, and reads them from YAML files. The module ``suite_declaration`` defines the fields of these
files. The package ``sources`` finds and fetches checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.suite_declaration import (
    AnyExistingModel,
    HubModel,
    ManifestModel,
    MiniatureModel,
    MiniatureSuite,
    expand_steps,
    names_hub_revision,
    parse_suite_file,
)
from trailhouse.models.texts.text_beginning import TextBeginningKind
from trailhouse.models.texts.tokenizer_rules import TokenizerRules
from trailhouse.support.declarations import read_declaration_text
from trailhouse.support.wording import suggest

DEFAULT_ARCHITECTURE = "gpt_neox"


@dataclass(frozen=True)
class TrainingRecipe:
    """The settings with which a model of a miniature suite is trained."""

    hidden_size: int
    layer_count: int
    head_count: int
    checkpoint_steps: tuple[int, ...]
    architecture: str = DEFAULT_ARCHITECTURE
    """One of the architectures that ``suite_declaration.MiniatureModel`` lists."""


@dataclass(frozen=True)
class KnownDamage:
    """Steps whose checkpoints are known to be damaged. Such checkpoints are reported by an audit, never scored."""

    steps: tuple[int, ...]
    problem: str


@dataclass(frozen=True)
class ModelDeclaration:
    """One model of a suite: one training run with its checkpoints."""

    model_name: str
    location: str
    """A directory, a repository of the hub, or a manifest file. For a miniature suite, the path of a directory relative
    to the directory of trained suites."""
    step_pattern: str
    """Regular expression for the name of a checkpoint directory or branch, see ``step_pattern``."""
    batch_tokens: int
    planned_steps: int
    context_length: int
    """Training sequence length in tokens."""
    seed: int | None
    recipe: TrainingRecipe | None = None
    source: str = "folder"
    expected_steps: tuple[int, ...] = ()
    """Steps that should have a checkpoint; empty if the suite does not declare them."""
    known_damage: tuple[KnownDamage, ...] = ()
    allow_pickle: bool = False
    """Whether weights may be read from pickle files if there are no safetensors. Only tensors are read from pickles."""
    final_revision: str = ""
    """Branch of the hub with the checkpoint of the last planned step. The branch's name need not match step_pattern."""
    repository: str = ""
    """Repository of the hub that holds the revisions which a manifest lists."""
    tokenizer: str = ""
    """A directory with the tokenizer, or a revision of a hub repository, written as OWNER/NAME@REVISION. Empty if the
    tokenizer lies beside the weights or in the folder of the checkpoints."""
    tokenizer_rules: TokenizerRules | None = None
    """The rules of the tokenizer with which the model was trained; None if the suite does not state them."""
    text_beginning: TextBeginningKind = "tokenizer"
    """What the model reads before every text."""

    def find_known_damage(self, step: int) -> str | None:
        """Return the damage that the suite declares for a step, or None."""
        return next((damage.problem for damage in self.known_damage if step in damage.steps), None)


@dataclass(frozen=True)
class Suite:
    """A suite as its YAML file declares it."""

    suite_id: str
    description: str
    source: str
    models: tuple[ModelDeclaration, ...]
    declaration: str
    """The unchanged text of the YAML file."""


def packaged_suites_directory() -> Path:
    """Return the directory of the suites that come with Trailhouse."""
    return Path(str(files("trailhouse.models.checkpoints") / "suites"))


def load_suite(path: Path) -> Suite:
    """Read one suite from its YAML file.

    Raises BadInputError naming file, line and field if a field is missing, unknown or wrong.
    """
    return parse_suite(path, read_declaration_text(path))


def parse_suite(path: Path, text: str) -> Suite:
    """Return the suite that the text of a YAML file declares. Relative locations are relative to the file's directory.

    Raises the errors of ``load_suite``.
    """
    declared = parse_suite_file(path, text)
    if isinstance(declared, MiniatureSuite):
        models = [_build_miniature_model(model, declared) for model in declared.models]
    else:
        models = [_build_existing_model(model, declared.source, path.parent) for model in declared.models]
    return Suite(declared.suite, declared.description, declared.source, tuple(models), text)


def require_locations(suite: Suite) -> None:
    """Raise BadInputError if a model is declared in a directory or manifest that does not exist."""
    if suite.source in ("hub", "miniature"):
        return
    for model in suite.models:
        if not Path(model.location).exists():
            raise BadInputError(
                f"model {model.model_name}: there is no {model.location}", "correct location in the YAML file"
            )


def list_suites(directories: Iterable[Path]) -> list[Suite]:
    """Return the suites of all ``*.yaml`` and ``*.yml`` files in the directories, sorted by name.

    Raises BadInputError if a file is wrong, or if two files declare the same suite.
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
    """Return the suite called ``name``, or the suite in the YAML file whose path is ``name``.

    Raises UsageError naming the declared suites if no suite has this name. Also raises the errors of ``load_suite``.
    """
    if name.endswith((".yaml", ".yml")):
        return load_suite(Path(name))
    suites = {suite.suite_id: suite for suite in list_suites(directories)}
    if name not in suites:
        known = ", ".join(suites) or "none"
        raise UsageError(
            f"there is no suite called {name!r}",
            f"{suggest(name, suites)}declare it in a YAML file; declared are: {known}",
        )
    return suites[name]


def _iterate_suite_files(directories: Iterable[Path]) -> Iterable[Path]:
    for directory in dict.fromkeys(directory.resolve() for directory in directories):
        if directory.is_dir():
            yield from sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])


def _build_miniature_model(model: MiniatureModel, suite: MiniatureSuite) -> ModelDeclaration:
    recipe = TrainingRecipe(
        hidden_size=model.hidden_size,
        layer_count=model.layer_count,
        head_count=model.head_count,
        checkpoint_steps=suite.checkpoint_steps,
        architecture=model.architecture,
    )
    return ModelDeclaration(
        model_name=model.name,
        location=f"{suite.suite}/{model.name}",
        step_pattern=r"step-(\d+)",
        batch_tokens=model.batch_tokens,
        planned_steps=model.planned_steps,
        context_length=model.context_length,
        seed=model.seed,
        recipe=recipe,
        source=suite.source,
        text_beginning=model.text_beginning,
        expected_steps=suite.checkpoint_steps,
    )


def _build_existing_model(model: AnyExistingModel, source: str, directory: Path) -> ModelDeclaration:
    """Return a model whose checkpoints exist already. ``directory`` is the directory of the suite's file."""
    location, tokenizer = model.location, model.tokenizer
    if not isinstance(model, HubModel):
        location = _resolve_path(location, directory)
    if tokenizer and not names_hub_revision(tokenizer):
        tokenizer = _resolve_path(tokenizer, directory)
    return ModelDeclaration(
        model_name=model.name,
        location=location,
        step_pattern=model.step_pattern,
        batch_tokens=model.batch_tokens,
        planned_steps=model.planned_steps,
        context_length=model.context_length,
        seed=model.seed,
        source=source,
        text_beginning=model.text_beginning,
        expected_steps=expand_steps(model.expected_steps),
        known_damage=tuple(KnownDamage(expand_steps(one.steps), one.problem) for one in model.known_damage),
        allow_pickle=model.allow_pickle,
        final_revision=model.final_revision if isinstance(model, HubModel) else "",
        repository=(model.repository or "") if isinstance(model, ManifestModel) else "",
        tokenizer=tokenizer,
        tokenizer_rules=model.tokenizer_rules,
    )


def _resolve_path(path: str, directory: Path) -> str:
    return str((directory / Path(path).expanduser()).resolve())
