"""What an audit says: one finding for every checkpoint and check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "wrong", "known", "unchecked"]

# Every check with what it asks, in the order in which they are reported
CHECKS = {
    "declaration": "the suite does not name the step as damaged",
    "presence": "every declared step has a checkpoint",
    "writing": "nothing is still being written",
    "completeness": "all files are there, whole, and describe a model",
    "values": "no weight is NaN or infinite",
    "shapes": "the tensors are those of the model's other checkpoints, and fit config.json",
    "configuration": "config.json is that of the model's other checkpoints",
    "tokenizer": "the tokenizer is that of the model's other checkpoints",
    "duplicate": "no other checkpoint of the suite has the same weights",
    "shard": "no shard is that of a later checkpoint",
    "revision": "weights, config.json and tokenizer are those that were scored",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check of one checkpoint."""

    model_id: str
    step: int
    check_name: str
    status: Status
    message: str = ""
    """What was found; empty where all is well."""
    hint: str = ""
    place: str = ""
    """Directory or revision."""
    commit_hash: str = ""
    weights_sha256: str = ""

    def forgive(self, problem: str) -> Finding:
        """Return this finding as one that the suite's declaration knows of."""
        return replace(self, status="known", message=f"{self.message} ({problem})" if self.message else problem)
