"""A passage: one document with the trend of every token in one model (Xia et al. 2023, table 3)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass

from trailhouse.dashboards.colours import CATEGORIES

WITHOUT_TREND = "without a trend"


@dataclass(frozen=True)
class ModelSeries:
    """The perplexity of one token at every checkpoint of one model, in the order of the steps."""

    model_id: str
    steps: tuple[int, ...]
    perplexities: tuple[float, ...]


@dataclass(frozen=True)
class PassageToken:
    """A token with its trend.

    ``category`` is the trend category. It is None if the token has no trend, for example if it belongs to the prompt
    with which a generated document begins, or if it is the first token of a document and has no score.
    """

    position: int
    text: str
    category: str | None
    slope: float | None
    p_value: float | None
    series: tuple[ModelSeries, ...] = ()


@dataclass(frozen=True)
class Passage:
    """A document with the trends of its tokens in one model, for one start and one convention of the trend fit."""

    corpus_id: str
    document_id: int
    document_name: str
    model_id: str
    convention_id: str
    start_percent: int
    tokens: tuple[PassageToken, ...]

    @property
    def title(self) -> str:
        """The title, which states the document, the model, and the start and the convention of the trend fit."""
        return (
            f"{self.corpus_id}, document {self.document_id} ({self.document_name}): trends of {self.model_id}"
            f" after {self.start_percent}% of training, convention {self.convention_id}"
        )

    def count_categories(self) -> dict[str, int]:
        """Return the number of tokens in each trend category, in the order of the legend.

        The last two entries, ``other`` and ``without a trend``, have no colour.
        """
        counts = Counter(token.category or WITHOUT_TREND for token in self.tokens)
        names = [category.name for category in CATEGORIES]
        return {name: counts[name] for name in (*names, "other", WITHOUT_TREND)}


def make_visible(text: str) -> str:
    """Return a text in which visible characters replace control and formatting characters, except newlines.

    Otherwise a text of the warehouse could change how a terminal or browser shows other texts.
    """
    return "".join(
        character if character == "\n" or unicodedata.category(character)[0] != "C" else write_code_point(character)
        for character in text
    )


def write_code_point(character: str) -> str:
    """Return the code point of a character in hexadecimal digits, or an arrow for a tab."""
    return "⇥" if character == "\t" else f"\\u{{{ord(character):x}}}"
