"""This module defines the settings of scoring. Some change the scores, others change only the speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trailhouse.errors import UsageError

# Increase this number when a change of the code changes scores, so that older scores count as outdated.
SCORING_METHOD = 1
QUANTA_PER_NAT = (0, 1_000, 10_000)
DTYPES = ("float32", "bfloat16", "float16")
SettingsRecord = dict[str, str | int | list[int] | None]
"""Settings by name, as they enter a key and the ledger."""


@dataclass(frozen=True)
class ScoringSettings:
    """How a corpus is scored.

    Raises UsageError if a value is not allowed.
    """

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of the weights. Log-probabilities are always computed in float32."""
    context_length: int | None = None
    """Largest number of tokens that the model reads at once; None for the largest number that the model allows."""
    stride: int | None = None
    """Number of positions that each window except the first predicts; None for half the context length."""
    text_beginning_token_ids: tuple[int, ...] = ()
    """Ids of the tokens that the model reads before every text. They count in the context length and have no scores."""
    quanta_per_nat: int = 10_000
    """Rounding of stored log-probabilities: 10000 for 1e-4 nats, 1000 for 1e-3 nats, 0 for no rounding."""
    with_entropy: bool = False
    with_target_rank: bool = False
    with_next_word: bool = False
    """Whether each token also gets the log-probability that the token after it begins a new word or ends the text."""
    is_compiled: bool = False
    """Whether torch.compile fuses the model's operations, which is faster on a GPU but changes scores' last digits."""
    max_batch_tokens: int | None = None
    """Number of tokens of one forward pass, including padding; None for a number that suits the device."""
    device: str = "auto"
    """The device the model runs on: auto, cpu, cuda, cuda:1 and so on."""

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

    def as_record(self) -> SettingsRecord:
        """Return the settings that are part of the score key, which is a hash of everything that determines the scores.

        With equal records, the same checkpoint gets the same scores on the same corpus. The device and the batch size
        are left out, because in float32 they change a score by less than the rounding of the stored score does.

        The beginning of a text is in the record only if it has tokens, and ``with_next_word`` and ``is_compiled`` only
        if they are True. So the keys from before these settings existed stay valid.
        """
        record: SettingsRecord = {
            "scoring_method": SCORING_METHOD,
            "dtype": self.dtype,
            "context_length": self.context_length,
            "stride": self.stride,
            "quanta_per_nat": self.quanta_per_nat,
            "with_entropy": self.with_entropy,
            "with_target_rank": self.with_target_rank,
            **self.beginning_record(),
        }
        added = {"with_next_word": self.with_next_word, "is_compiled": self.is_compiled}
        return record | {name: True for name, is_on in added.items() if is_on}

    def beginning_record(self) -> SettingsRecord:
        """Return the part of a key that states what the model reads before every text; empty if it reads nothing."""
        token_ids = self.text_beginning_token_ids
        return {"text_beginning_token_ids": list(token_ids)} if token_ids else {}
