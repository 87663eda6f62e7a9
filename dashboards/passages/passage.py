"""A passage: one document with the trend of every token in one model (Xia et al. 2023, table 3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from trailhouse.dashboards.colours import CATEGORIES
from trailhouse.support.visible_text import make_visible

WITHOUT_TREND = "without a trend"


@dataclass(frozen=True)
class PassageToken:
    """A token with its trend.

    ``category`` is the trend category. It is None if the token has no trend, for example if it belongs to the prompt
    with which a generated document begins, or if it is the first token of a document and has no score. The token covers
    the bytes of the document from ``byte_start`` up to, but not including, ``byte_end``.
    """

    position: int
    text: str
    category: str | None
    slope: float | None
    p_value: float | None
    byte_start: int = 0
    byte_end: int = 0


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
        return make_visible(
            f"{self.corpus_id}, document {self.document_id} ({self.document_name}): trends of {self.model_id}"
            f" after {self.start_percent}% of training, convention {self.convention_id}"
        )

    def count_categories(self) -> dict[str, int]:
        """Return the number of tokens in each trend category, in the order of the legend.

        The last two entries, ``other`` and ``without a trend``, have no mark.
        """
        counts = Counter(token.category or WITHOUT_TREND for token in self.tokens)
        names = [category.name for category in CATEGORIES]
        return {name: counts[name] for name in (*names, "other", WITHOUT_TREND)}
