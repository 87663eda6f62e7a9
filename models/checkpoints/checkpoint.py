"""This module defines a checkpoint: the weights of one model after one optimizer step, and their identity.

It reads the content of a row of ``raw_checkpoint`` from a checkpoint's directory. It does not load weights, and does
not write to this directory.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import (
    WeightFile,
    check_index,
    check_weight_file,
    combine_weight_hashes,
    list_weight_files,
)
from trailhouse.models.texts.tokenizer import TokenizerFiles, has_tokenizer

MAXIMUM_CONFIGURATION_BYTES = 4 << 20


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one model after one optimizer step, and the identity of everything needed to run the model."""

    suite_id: str
    model_id: str
    step: int
    tokens_seen: int
    directory: Path
    """Local directory with config.json and, unless the checkpoint is remote, the weights."""
    weights_sha256: str
    """Hash that identifies the weights, see ``weight_files.combine_weight_hashes``."""
    config_sha256: str
    tokenizer_id: str
    size_bytes: int
    """Total size of the weight files."""
    source: str = ""
    """Local directory, or repository of the Hugging Face hub."""
    revision: str = ""
    commit_hash: str = ""
    """Commit to which the branch on the hub pointed; empty for a local directory."""
    weight_files: tuple[WeightFile, ...] = ()
    is_pickled: bool = False
    tokenizer_files: TokenizerFiles | None = None
    """The tokenizer if it does not lie in ``directory``, or if the suite states its rules; otherwise None."""

    @property
    def is_remote(self) -> bool:
        """Whether the weights must be downloaded before they can be loaded."""
        return bool(self.commit_hash)

    @property
    def location(self) -> str:
        """The local directory or the hub's revision, for use in messages."""
        return self.revision or str(self.directory)

    @property
    def tokenizer(self) -> TokenizerFiles:
        """The tokenizer with which texts are encoded for the model."""
        return self.tokenizer_files or TokenizerFiles(self.directory)


def read_checkpoint(
    model: ModelDeclaration,
    suite: Suite,
    position: TrainingPosition,
    directory: Path,
    hash_cache: HashCache | None = None,
    progress: Callable[[int], None] | None = None,
    tokenizer_directory: Path | None = None,
) -> Checkpoint:
    """Return the checkpoint in a directory, after checking and hashing its files.

    ``progress`` is called with the number of bytes hashed since its last call. If the suite declares a tokenizer,
    ``tokenizer_directory`` holds it.

    Raises BadInputError if weights, config.json or tokenizer are missing or damaged.
    """
    hash_cache = hash_cache or HashCache()
    config = directory / "config.json"
    paths = list_weight_files(directory, allow_pickle=model.allow_pickle)
    check_config_file(config)
    for path in paths:
        check_weight_file(path)
    if paths[0].suffix != ".bin":
        check_index(directory, paths)
    tokenizer = TokenizerFiles(tokenizer_directory or _find_tokenizer(model, directory), model.tokenizer_rules)
    files = tuple(WeightFile(path.name, path.stat().st_size, hash_cache.hash_file(path, progress)) for path in paths)
    return Checkpoint(
        suite_id=suite.suite_id,
        model_id=f"{suite.suite_id}/{model.model_name}",
        step=position.step,
        tokens_seen=position.tokens_seen,
        directory=directory,
        weights_sha256=combine_weight_hashes(files),
        config_sha256=hash_cache.hash_file(config),
        tokenizer_id=tokenizer.identify(),
        size_bytes=sum(file.size_bytes for file in files),
        source=str(directory),
        weight_files=files,
        is_pickled=paths[0].suffix == ".bin",
        tokenizer_files=tokenizer,
    )


def _find_tokenizer(model: ModelDeclaration, directory: Path) -> Path:
    """Return the directory with a checkpoint's tokenizer.

    It is the checkpoint's directory, unless only the folder of all checkpoints holds a tokenizer. The Hugging Face
    Trainer leaves it there if it was not told of the tokenizer.
    """
    folder = Path(model.location)
    is_in_folder = directory.parent == folder and not has_tokenizer(directory) and has_tokenizer(folder)
    return folder if is_in_folder else directory


def check_config_file(config: Path) -> None:
    """Raise BadInputError if config.json is missing, larger than 4 MiB, or no JSON object."""
    if not config.is_file():
        raise BadInputError(
            f"{config.parent}: holds no config.json", "copy it beside the weights, or remove the directory"
        )
    if config.stat().st_size > MAXIMUM_CONFIGURATION_BYTES:
        raise BadInputError(f"{config}: larger than 4 MiB", "copy the model's own config.json")
    try:
        content = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise BadInputError(f"{config}: describes no model: it is no JSON object", "copy the file again")
