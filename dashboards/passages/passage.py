"""What a passage is: a document as one model learned it (Xia et al. 2023, table 3)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """How a trend is shown: in a colour, and with a mark where there are no colours."""

    name: str
    meaning: str
    mark: str
    color: str


# Okabe and Ito's colours, which the colour-blind tell apart.
CATEGORIES = (
    Category("stagnated", "already learned", "=", "#0072B2"),
    Category("upward", "forgetting", "+", "#D55E00"),
    Category("downward", "still learning", "-", "#009E73"),
)


@dataclass(frozen=True)
class ModelSeries:
    """Perplexity of one token under the checkpoints of one model, in the order of the steps."""

    model_id: str
    steps: tuple[int, ...]
    perplexities: tuple[float, ...]


@dataclass(frozen=True)
class PassageToken:
    """A token with its trend; ``category`` is None where it has none: the first token, a prompt, a late start."""

    position: int
    text: str
    category: str | None
    slope: float | None
    p_value: float | None
    series: tuple[ModelSeries, ...] = ()


@dataclass(frozen=True)
class Passage:
    """A document under one model, start and convention."""

    corpus_id: str
    document_id: int
    document_name: str
    model_id: str
    convention_id: str
    start_percent: int
    tokens: tuple[PassageToken, ...]

    @property
    def title(self) -> str:
        """Which document, and whose trends from where on."""
        return (
            f"{self.corpus_id}, document {self.document_id} ({self.document_name}): trends of {self.model_id}"
            f" after {self.start_percent}% of training, convention {self.convention_id}"
        )

    def count_categories(self) -> dict[str, int]:
        """Tokens in each category, in the order of the legend; the last two have no colour."""
        counts = Counter(token.category or "without a trend" for token in self.tokens)
        names = [category.name for category in CATEGORIES]
        return {name: counts[name] for name in (*names, "other", "without a trend")}


def make_visible(text: str) -> str:
    """Spell out control and formatting characters, so that a text cannot steer what shows it; newlines stay."""
    return "".join(
        character if character == "\n" or unicodedata.category(character)[0] != "C" else escape_character(character)
        for character in text
    )


def escape_character(character: str) -> str:
    """Write a character as its code point; a tab as an arrow."""
    return "⇥" if character == "\t" else f"\\u{{{ord(character):x}}}"
