"""What decides a score, and what only decides how fast it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trailhouse.errors import UsageError

# Raised whenever the same settings would give other scores than before, so that old scores count as stale.
SCORING_METHOD = 1
QUANTA_PER_NAT = (0, 1_000, 10_000)
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class ScoringSettings:
    """How a corpus is scored.

    Errors: UsageError where a value makes no sense.
    """

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of the weights; log-probabilities are float32 in every case."""
    context_length: int | None = None
    """Tokens a model reads at most at once; None for as many as the model has positions."""
    stride: int | None = None
    """Positions a further window of a long document predicts; None for half the context."""
    quanta_per_nat: int = 10_000
    """Rounding of stored log-probabilities: 10000 = 1e-4 nats, 1000 = 1e-3 nats, 0 = lossless."""
    with_entropy: bool = False
    with_target_rank: bool = False
    is_compiled: bool = False
    """Whether torch.compile fuses the model's operations: faster on a GPU, and other in the last digits."""
    max_batch_tokens: int | None = None
    """Tokens of one forward pass, padding included; None for what suits the device."""
    device: str = "auto"
    """Where the model runs: auto, cpu, cuda, cuda:1 and so on."""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UsageError(f"dtype {self.dtype!r} is not known", f"use one of {', '.join(DTYPES)}")
        if self.quanta_per_nat not in QUANTA_PER_NAT:
            raise UsageError(f"quanta_per_nat {self.quanta_per_nat} is not known", "use 10000, 1000 or 0 (lossless)")
        for name in ("context_length", "stride", "max_batch_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}", "use at least 1, or leave it out")
        if self.context_length is not None and self.stride is not None and self.stride > self.context_length:
            raise UsageError(
                f"stride {self.stride} is larger than context_length {self.context_length}",
                "use a stride of at most the context length",
            )

    def as_record(self) -> dict[str, Any]:
        """Return what decides a score, for the ledger: equal records and inputs give equal scores.

        The device and the batch size are left out: in float32 they move a score by less than its rounding.
        """
        record = {
            "scoring_method": SCORING_METHOD,
            "dtype": self.dtype,
            "context_length": self.context_length,
            "stride": self.stride,
            "quanta_per_nat": self.quanta_per_nat,
            "with_entropy": self.with_entropy,
            "with_target_rank": self.with_target_rank,
        }
        # Left out where it is not chosen: scores from before it could be are the same
        return {**record, "is_compiled": True} if self.is_compiled else record
