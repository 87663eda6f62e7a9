"""This module defines the fields of a suite's YAML file as pydantic classes.

Each source of checkpoints has one class for its suites and one class for their models. The module ``suite`` converts
objects of these classes to the Suite that the rest of Trailhouse uses.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    RootModel,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from trailhouse.models.checkpoints.step_pattern import find_pattern_problem
from trailhouse.models.texts.text_beginning import TextBeginningKind
from trailhouse.models.texts.tokenizer_rules import TokenizerRules
from trailhouse.support.declarations import (
    Count,
    Declaration,
    Name,
    PositiveCount,
    Text,
    list_field_names,
    mistake,
    parse_declaration,
    unknown_field,
)

MAXIMUM_RANGE_STEPS = 100_000
REPOSITORY_PATTERN = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
CHECKPOINT_OR_STEP = r"(?:checkpoint|step)-?(\d+)"


class StepRange(Declaration):
    """The range ``{from: a, to: b, every: c}``, which stands for the steps a, a + c, a + 2c, ... up to b."""

    first: Count = Field(alias="from")
    last: Count = Field(alias="to")
    every: PositiveCount

    @field_validator("last")
    @classmethod
    def _check_order(cls, last: int, info: ValidationInfo) -> int:
        first = info.data.get("first", 0)
        if last < first:
            raise mistake(f"a whole number of at least {first} is expected here", "correct the number")
        return last

    @field_validator("every")
    @classmethod
    def _check_number(cls, every: int, info: ValidationInfo) -> int:
        if (info.data.get("last", 0) - info.data.get("first", 0)) // every > MAXIMUM_RANGE_STEPS:
            raise mistake(f"gives more than {MAXIMUM_RANGE_STEPS} numbers", "use a larger number")
        return every


DeclaredStep = Annotated[
    Annotated[Count, Tag("step")] | Annotated[StepRange, Tag("range")],
    Discriminator(lambda entry: "range" if isinstance(entry, dict | StepRange) else "step"),
]
DeclaredSteps = Annotated[tuple[DeclaredStep, ...], Field(min_length=1)]


def expand_steps(declared: tuple[int | StepRange, ...]) -> tuple[int, ...]:
    """Return the declared single steps and the steps of all ranges, sorted and without repetition."""
    steps: set[int] = set()
    for entry in declared:
        steps.update([entry] if isinstance(entry, int) else range(entry.first, entry.last + 1, entry.every))
    return tuple(sorted(steps))


def _check_step_pattern(pattern: str) -> str:
    problem = find_pattern_problem(pattern)
    if problem is not None:
        raise mistake(problem, r"write it like step-(\d+) or step(?P<step>\d+)")
    return pattern


def _check_repository(repository: str) -> str:
    if not REPOSITORY_PATTERN.fullmatch(repository):
        raise mistake(f"{repository!r} is no repository of the hub", "write it like owner/name")
    return repository


def names_hub_revision(tokenizer: str) -> bool:
    """Return whether the field ``tokenizer`` names a revision of a hub repository, and not a directory.

    A text with an @ names a revision, unless it begins with a slash, a dot or a tilde.
    """
    return "@" in tokenizer and not tokenizer.startswith(("/", ".", "~"))


def _check_tokenizer(tokenizer: str) -> str:
    repository, _, revision = tokenizer.rpartition("@")
    if names_hub_revision(tokenizer) and not (revision and REPOSITORY_PATTERN.fullmatch(repository)):
        raise mistake(
            f"{tokenizer!r} is no revision of a hub repository",
            "write it like owner/name@main, or write the path of a directory",
        )
    return tokenizer


StepPattern = Annotated[Text, AfterValidator(_check_step_pattern)]
TokenizerLocation = Annotated[Text, AfterValidator(_check_tokenizer)]
Repository = Annotated[Text, AfterValidator(_check_repository)]


class DeclaredModel(Declaration):
    """The fields that every model has, whatever its source."""

    name: Name
    batch_tokens: PositiveCount
    planned_steps: PositiveCount
    context_length: PositiveCount
    seed: Count | None = None
    text_beginning: TextBeginningKind = "tokenizer"


class MiniatureModel(DeclaredModel):
    """A model that Trailhouse itself trains before the model is scored for the first time."""

    hidden_size: PositiveCount
    layer_count: PositiveCount
    head_count: PositiveCount
    architecture: Literal["gpt_neox", "mamba2", "rwkv"] = "gpt_neox"

    @model_validator(mode="after")
    def _check_divisors(self) -> MiniatureModel:
        if self.hidden_size % self.head_count:
            raise mistake("does not divide hidden_size", "choose a divisor of hidden_size", "head_count")
        if self.batch_tokens % self.context_length:
            raise mistake("is no multiple of context_length", "choose a multiple of it", "batch_tokens")
        if self.architecture == "rwkv" and self.layer_count < 2:
            raise mistake("is too small for RWKV", "use at least 2 layers", "layer_count")
        return self


class DeclaredDamage(Declaration):
    """Steps whose checkpoints are known to be damaged, and a description of the damage."""

    steps: DeclaredSteps
    problem: Text


class ExistingModel(DeclaredModel):
    """A model whose checkpoints exist already."""

    location: Text
    expected_steps: DeclaredSteps = ()
    known_damage: Annotated[tuple[DeclaredDamage, ...], Field(min_length=1)] = ()
    allow_pickle: bool = False
    tokenizer: TokenizerLocation = ""
    tokenizer_rules: TokenizerRules | None = None


class FolderModel(ExistingModel):
    """A model whose checkpoints are the subdirectories of a folder. Any program may have written them."""

    step_pattern: StepPattern = CHECKPOINT_OR_STEP


class TrainerModel(ExistingModel):
    """A model whose checkpoints were written by the Hugging Face Trainer."""

    step_pattern: StepPattern = r"checkpoint-(\d+)"


class HubModel(ExistingModel):
    """A model whose checkpoints are branches of a hub repository."""

    location: Repository
    step_pattern: StepPattern = CHECKPOINT_OR_STEP
    final_revision: Text = ""


class ManifestModel(ExistingModel):
    """A model whose checkpoints are listed in a manifest file."""

    step_pattern: ClassVar[str] = r"(\d+)"
    repository: Repository | None = None


class SuiteFields(Declaration):
    """The fields that every suite has.

    If a model in ``models`` lacks a field, the model gets the field from ``shared``. A model has its own known damage
    and that of ``shared``.
    """

    suite: Name
    description: Text
    shared: dict[str, object] = Field(default_factory=dict)
    model_class: ClassVar[type[DeclaredModel]]

    @field_validator("shared")
    @classmethod
    def _check_shared(cls, shared: dict[str, object]) -> dict[str, object]:
        known = list_field_names(cls.model_class) - {"name"}
        for field in shared:
            if field not in known:
                raise unknown_field(field, known)
        return shared

    @field_validator("models", check_fields=False)
    @classmethod
    def _check_names(cls, models: tuple[DeclaredModel, ...]) -> tuple[DeclaredModel, ...]:
        names = [model.name for model in models]
        for name in names:
            if names.count(name) > 1:
                raise mistake(f"two models are called {name!r}", "give every model its own name")
        return models


class MiniatureSuite(SuiteFields):
    """A suite of models that Trailhouse itself trains. Every model has checkpoints at the declared steps."""

    model_class = MiniatureModel
    source: Literal["miniature"]
    checkpoint_steps: Annotated[tuple[Count, ...], Field(min_length=1)]
    models: Annotated[tuple[MiniatureModel, ...], Field(min_length=1)]

    @field_validator("checkpoint_steps")
    @classmethod
    def _check_order(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if any(left >= right for left, right in pairwise(steps)):
            raise mistake("the numbers do not increase", "write each number once, in increasing order")
        return steps

    @model_validator(mode="after")
    def _check_last_step(self) -> MiniatureSuite:
        for index, model in enumerate(self.models):
            if self.checkpoint_steps[-1] != model.planned_steps:
                problem = "is not the last of checkpoint_steps"
                raise mistake(problem, "make the two agree", "models", index, "planned_steps")
        return self


class FolderSuite(SuiteFields):
    """A suite whose models lie in folders of this machine."""

    model_class = FolderModel
    source: Literal["folder"]
    models: Annotated[tuple[FolderModel, ...], Field(min_length=1)]


class TrainerSuite(SuiteFields):
    """A suite whose models lie in output directories of the Hugging Face Trainer."""

    model_class = TrainerModel
    source: Literal["trainer"]
    models: Annotated[tuple[TrainerModel, ...], Field(min_length=1)]


class HubSuite(SuiteFields):
    """A suite whose models are repositories of the hub."""

    model_class = HubModel
    source: Literal["hub"]
    models: Annotated[tuple[HubModel, ...], Field(min_length=1)]


class ManifestSuite(SuiteFields):
    """A suite whose models are described by manifest files."""

    model_class = ManifestModel
    source: Literal["manifest"]
    models: Annotated[tuple[ManifestModel, ...], Field(min_length=1)]


AnyExistingModel = FolderModel | TrainerModel | HubModel | ManifestModel
ExistingSuite = FolderSuite | TrainerSuite | HubSuite | ManifestSuite


class SuiteFile(RootModel[Annotated[MiniatureSuite | ExistingSuite, Field(discriminator="source")]]):
    """A suite's YAML file."""


def parse_suite_file(path: Path, text: str) -> MiniatureSuite | ExistingSuite:
    """Return the suite that the text of a YAML file declares. Raises the errors of ``parse_declaration``."""
    return parse_declaration(path, text, SuiteFile, heirs="models", shared="shared", added=("known_damage",)).root
