"""Checkpoints on disk: finding them, refusing broken ones, and their identity.

Owns what ``raw_checkpoint`` says about files. Nothing here loads weights, and nothing is written into a
checkpoint directory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.suite import ModelDeclaration, Suite
from trailhouse.models.tokenization import identify_tokenizer_of
from trailhouse.models.weight_files import check_weight_file, list_weight_files

HASH_BLOCK_BYTES = 1 << 20
# What trainers call a directory they are still writing, apart from names that begin with a dot
UNFINISHED_NAME = re.compile(r"(^tmp[-_.])|([-_.](tmp|temp|partial|incomplete|part)([-_.]|$))", re.IGNORECASE)


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one model after one optimizer step, with the identity of everything they need."""

    suite_id: str
    model_id: str
    step: int
    tokens_seen: int
    directory: Path
    weights_sha256: str
    """SHA-256 over the weight files in name order."""
    config_sha256: str
    tokenizer_id: str
    size_bytes: int
    """Size of the weight files."""


def locate_model(model: ModelDeclaration, data_directory: Path) -> Path:
    """Return the directory that holds the checkpoints of a model."""
    return data_directory / model.location  # an absolute location stays as it is


def list_checkpoint_directories(model: ModelDeclaration, data_directory: Path) -> dict[int, Path]:
    """Return the checkpoint directories of a model by step, in order; unfinished ones are left out.

    Errors: BadInputError where the directory is missing or holds none, or two stand for the same step.
    """
    location = locate_model(model, data_directory)
    if not location.is_dir():
        raise BadInputError(f"{location}: there is no such directory", "check location in the suite's YAML file")
    found: dict[int, Path] = {}
    for path in sorted(location.iterdir()):
        match = re.fullmatch(model.step_pattern, path.name)
        if match is None or not path.is_dir() or path.name.startswith(".") or UNFINISHED_NAME.search(path.name):
            continue
        step = _read_step(match, path)
        if step in found:
            raise BadInputError(f"{path} and {found[step]} are both step {step}", "remove one of the two")
        found[step] = path
    if not found:
        raise BadInputError(
            f"{location}: holds no checkpoint directories that match {model.step_pattern!r}",
            "check location and step_pattern in the suite's YAML file",
        )
    return dict(sorted(found.items()))


def discover_checkpoints(
    model: ModelDeclaration,
    suite: Suite,
    data_directory: Path,
    progress: Callable[[int], None] | None = None,
) -> list[Checkpoint]:
    """Return the checkpoints of a model, sorted by step and hashed; steps may be missing.

    ``progress`` is called with the bytes hashed since its last call.

    Errors: BadInputError naming the directory that lacks or misstates its weights, configuration or tokenizer.
    """
    return [
        read_checkpoint(model, suite, step, directory, progress)
        for step, directory in list_checkpoint_directories(model, data_directory).items()
    ]


def read_checkpoint(
    model: ModelDeclaration,
    suite: Suite,
    step: int,
    directory: Path,
    progress: Callable[[int], None] | None = None,
) -> Checkpoint:
    """Check and hash one checkpoint directory.

    Errors: as discover_checkpoints, for this directory alone.
    """
    config = directory / "config.json"
    if not config.is_file():
        raise BadInputError(f"{directory}: holds no config.json", "copy it beside the weights, or remove the directory")
    weight_files = list_weight_files(directory)
    for path in weight_files:
        check_weight_file(path)
    return Checkpoint(
        suite_id=suite.suite_id,
        model_id=f"{suite.suite_id}/{model.model_name}",
        step=step,
        tokens_seen=step * model.batch_tokens,
        directory=directory,
        weights_sha256=_hash_files(weight_files, progress or (lambda _: None)),
        config_sha256=_hash_files([config], lambda _: None),
        tokenizer_id=identify_tokenizer_of(directory),
        size_bytes=sum(path.stat().st_size for path in weight_files),
    )


def _read_step(match: re.Match[str], path: Path) -> int:
    text = next((group for group in match.groups() if group is not None), "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadInputError(
            f"{path}: step_pattern finds {text!r} and no step in this name", "let its first group match the digits"
        )
    return int(text)


def _hash_files(paths: list[Path], progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for block in _read_blocks(path):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()


def _read_blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(HASH_BLOCK_BYTES):
                yield block
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}", "check the file's permissions") from error
