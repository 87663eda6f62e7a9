"""Checks of names and paths that a command makes first: starting Prefect or loading a model library takes seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.declared_suites import find_declared_suite, find_named_model
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.texts.corpus import list_text_files
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.ngrams.ngram_corpus import read_ngram_corpora
from trailhouse.warehouse.ngrams.ngram_scores import SMOOTHINGS
from trailhouse.warehouse.schema.initialisation import require_schema


def check_suites(names: Iterable[str], settings: Settings) -> None:
    """Raise UsageError, or the errors of a wrong declaration, if there is no suite of one of these names.

    A directory is not looked into, because reading a run of the Trainer loads transformers.
    """
    for name in names:
        if not Path(name).is_dir():
            find_declared_suite(name, settings)


def check_device(settings: Settings) -> None:
    """Raise UsageError if the device is not known or not available here, even if no model will have to run.

    The devices ``auto`` and ``cpu`` are always there. Only the check of another one loads torch.
    """
    if settings.device not in ("auto", "cpu"):
        from trailhouse.models.scoring.devices import choose_device_map

        choose_device_map(settings.device)


def check_models(names: Iterable[str], settings: Settings) -> None:
    """Raise BadInputError if a name SUITE/MODEL@STEP has an unknown suite or model, or a step that is no number.

    A name that begins with the directory of a run of the Trainer is not checked, as in ``check_suites``.
    """
    for name in names:
        path = Path(name.partition("@")[0])
        if not path.is_dir() and not (path.parent != Path() and path.parent.is_dir()):
            find_named_model(name, settings)


def check_ngram_corpus(ngram_corpus_id: str, settings: Settings) -> None:
    """Raise BadInputError if no n-grams were counted under this name."""
    with connect(resolve_address(settings)) as client:
        require_schema(client)
        if not read_ngram_corpora(client, ngram_corpus_id):
            raise name_missing_counts(ngram_corpus_id)


def check_smoothings(names: Iterable[str]) -> None:
    """Raise UsageError if n-grams are not smoothed in one of these ways."""
    for name in names:
        if name not in SMOOTHINGS:
            raise UsageError(f"there is no smoothing {name!r}", f"choose {' or '.join(SMOOTHINGS)}")


def name_missing_counts(ngram_corpus_id: str) -> BadInputError:
    """Return the error about an n-gram corpus that was not counted."""
    return BadInputError(
        f"there are no counts of n-gram corpus {ngram_corpus_id!r}",
        "run `trailhouse phases count --corpus FILE --name NAME --words`",
    )


def check_texts(paths: Sequence[Path]) -> None:
    """Raise BadInputError if a path does not exist, or holds no file of texts. No file is read."""
    for _ in list_text_files(paths):
        pass


def check_files(paths: Sequence[Path]) -> None:
    """Raise BadInputError if a file does not exist."""
    for path in paths:
        if not path.is_file():
            raise BadInputError(f"{path}: there is no such file", "check the path")
