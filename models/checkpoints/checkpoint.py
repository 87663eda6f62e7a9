"""A checkpoint: the weights of one model after one optimizer step, and its identity.

Owns what ``raw_checkpoint`` says, and reading it from a directory. Nothing here loads weights, and nothing is
written into a checkpoint directory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.hash_cache import HashMemory
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import (
    WeightFile,
    check_weight_file,
    combine_weight_hashes,
    list_weight_files,
)
from trailhouse.models.texts.tokenizer import identify_tokenizer_of

MAXIMUM_CONFIGURATION_BYTES = 4 << 20


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one model after one optimizer step, with the identity of everything they need."""

    suite_id: str
    model_id: str
    step: int
    tokens_seen: int
    directory: Path
    """Holds configuration and tokenizer; the weights, too, unless the checkpoint is remote."""
    weights_sha256: str
    """Identity of the weights, see ``weight_files.combine_weight_hashes``."""
    config_sha256: str
    tokenizer_id: str
    size_bytes: int
    """Size of the weight files."""
    source: str = ""
    """Directory, or repository of the hub."""
    revision: str = ""
    commit_hash: str = ""
    """Commit of the hub that the revision pointed at; empty for a local directory."""
    weight_files: tuple[WeightFile, ...] = ()
    is_pickled: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether the weights must be fetched before they can be loaded."""
        return bool(self.commit_hash)


def read_checkpoint(
    model: ModelDeclaration,
    suite: Suite,
    position: TrainingPosition,
    directory: Path,
    memory: HashMemory | None = None,
    progress: Callable[[int], None] | None = None,
) -> Checkpoint:
    """Check and hash one checkpoint directory.

    ``progress`` is called with the bytes hashed since its last call.

    Errors: BadInputError naming the directory that lacks or misstates its weights, configuration or tokenizer.
    """
    memory = memory or HashMemory()
    config = directory / "config.json"
    refuse_wrong_configuration_file(config)
    paths = list_weight_files(directory, allow_pickle=model.allow_pickle)
    for path in paths:
        check_weight_file(path)
    files = tuple(WeightFile(path.name, path.stat().st_size, memory.hash_file(path, progress)) for path in paths)
    return Checkpoint(
        suite_id=suite.suite_id,
        model_id=f"{suite.suite_id}/{model.model_name}",
        step=position.step,
        tokens_seen=position.tokens_seen,
        directory=directory,
        weights_sha256=combine_weight_hashes(files),
        config_sha256=memory.hash_file(config),
        tokenizer_id=identify_tokenizer_of(directory),
        size_bytes=sum(file.size_bytes for file in files),
        source=str(directory),
        weight_files=files,
        is_pickled=paths[0].suffix == ".bin",
    )


def refuse_wrong_configuration_file(config: Path) -> None:
    """Raise BadInputError where config.json is missing or too large to be one."""
    if not config.is_file():
        raise BadInputError(
            f"{config.parent}: holds no config.json", "copy it beside the weights, or remove the directory"
        )
    if config.stat().st_size > MAXIMUM_CONFIGURATION_BYTES:
        raise BadInputError(f"{config}: larger than 4 MiB", "copy the model's own config.json")
