"""This module defines how the next token is decoded from two models: the distribution, and how a token is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from trailhouse.errors import BadInputError

DecodingRecord = dict[str, str | int | float]
"""Settings by name, as they enter a generation key."""

DEFAULT_PLAUSIBILITY = 0.1  # alpha of Li et al. (2022)
CONTRASTIVE_WEIGHTS = (-1.0, 1.0)


@dataclass(frozen=True)
class Decoding:
    """How the distribution of the next token is made from p_s of the small model and p_l of the large model.

    ``interpolated`` is p' = ``small_weight`` p_s + ``large_weight`` p_l, without negative values and renormalised
    (Xia et al. 2023, equations 2 and 3). ``contrastive`` is log p_l - log p_s among the tokens whose p_l is at least
    ``plausibility`` times the largest p_l (Li et al. 2022). Its weights are -1 and 1.

    Raises BadInputError if a value is not allowed.
    """

    method: Literal["interpolated", "contrastive"]
    small_weight: float
    large_weight: float
    plausibility: float = DEFAULT_PLAUSIBILITY
    """Alpha of contrastive decoding. Interpolated decoding does not use it."""

    def __post_init__(self) -> None:
        for name in ("small_weight", "large_weight", "plausibility"):
            # 1 and 1.0 must give the same key, and so must 0.0 and -0.0
            object.__setattr__(self, name, float(getattr(self, name)) + 0.0)
        weights = (self.small_weight, self.large_weight)
        if self.method not in ("interpolated", "contrastive"):
            raise BadInputError(f"decoding method {self.method!r} is not known", "use interpolated or contrastive")
        for weight in weights:
            if not -1 <= weight <= 1:
                raise BadInputError(f"the weight λ = {weight:g} is outside [-1, 1]", "use a weight from -1 to 1")
        if max(weights) <= 0:
            raise BadInputError(
                f"the weights λ = ({weights[0]:g}, {weights[1]:g}) leave no token: none of them is positive",
                "give at least one model a positive weight",
            )
        if self.method == "contrastive":
            if weights != CONTRASTIVE_WEIGHTS:
                raise BadInputError("contrastive decoding has the weights λ = (-1, 1)", "leave out the weights")
            if not 0 < self.plausibility <= 1:
                raise BadInputError(
                    f"the plausibility {self.plausibility:g} is outside (0, 1]",
                    f"use a number above 0 and at most 1; Li et al. (2022) use {DEFAULT_PLAUSIBILITY:g}",
                )

    @property
    def name(self) -> str:
        """A short name for people: the name of the preset, or else the weights or the plausibility."""
        for name, preset in PRESETS.items():
            if preset.as_record() == self.as_record():
                return name
        if self.method == "contrastive":
            return f"contrastive {self.plausibility:g}"
        return f"λ=({self.small_weight:g}, {self.large_weight:g})"

    def as_record(self) -> DecodingRecord:
        """Return the settings that determine the distribution, as they enter a generation key."""
        if self.method == "contrastive":
            return {"method": self.method, "plausibility": self.plausibility}
        return {"method": self.method, "small_weight": self.small_weight, "large_weight": self.large_weight}


PRESETS: Mapping[str, Decoding] = {
    "ps-pl": Decoding("interpolated", 1, -1),
    "ps": Decoding("interpolated", 1, 0),
    "ps+pl": Decoding("interpolated", 1, 1),
    "pl": Decoding("interpolated", 0, 1),
    "pl-ps": Decoding("interpolated", -1, 1),
    "contrastive": Decoding("contrastive", *CONTRASTIVE_WEIGHTS),
}
"""The configurations of Xia et al. (2023) by name, and contrastive decoding."""

PAPER_PRESETS = ("ps-pl", "ps", "ps+pl", "pl", "pl-ps")
"""The presets of Xia et al. (2023), in the order of the paper's figures."""


def find_preset(name: str) -> Decoding:
    """Return the preset of a name. Raises BadInputError if there is none."""
    if name in PRESETS:
        return PRESETS[name]
    nearest = get_close_matches(name, PRESETS, n=1, cutoff=0.3)
    guess = f"did you mean {nearest[0]}? " if nearest else ""
    raise BadInputError(f"the preset {name!r} is not known", f"{guess}the presets are {', '.join(PRESETS)}")


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the distribution: the most probable one, or a random one of the nucleus.

    The nucleus is the smallest set of most probable tokens whose probabilities sum up to at least ``top_p``
    (Holtzman et al. 2020). Greedy decoding uses neither ``top_p`` nor ``seed``.

    Raises BadInputError if a value is not allowed.
    """

    method: Literal["greedy", "nucleus"]
    top_p: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "top_p", float(self.top_p))
        if self.method not in ("greedy", "nucleus"):
            raise BadInputError(f"sampling {self.method!r} is not known", "use greedy or nucleus")
        if not 0 < self.top_p <= 1:
            raise BadInputError(f"top_p is {self.top_p:g}", "use a number above 0 and at most 1")
        if not 0 <= self.seed < 1 << 63:
            raise BadInputError(f"the seed is {self.seed}", "use an integer of at least 0 and below 2^63")

    @property
    def name(self) -> str:
        """A short name for people, such as ``nucleus 0.9``."""
        return self.method if self.method == "greedy" else f"nucleus {self.top_p:g}"

    def as_record(self) -> DecodingRecord:
        """Return the settings that determine the tokens, as they enter a generation key."""
        if self.method == "greedy":
            return {"sampling": self.method}
        return {"sampling": self.method, "top_p": self.top_p, "seed": self.seed}
