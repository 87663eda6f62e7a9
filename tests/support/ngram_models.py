"""n-gram models by their definitions, in plain Python and double precision, as references for tests."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

BEGIN, END = "<s>", "</s>"


def count_ngrams(texts: Sequence[Sequence[str]], order: int, *, has_marks: bool = False) -> Counter[tuple[str, ...]]:
    """Return the n-grams of one order; with the marks of the beginning and end of every text if asked for."""
    marked = [[BEGIN, *text, END] if has_marks else list(text) for text in texts]
    return Counter(tuple(text[i : i + order]) for text in marked for i in range(len(text) - order + 1))


def back_off(texts: Sequence[Sequence[str]], context: Sequence[str], word: str, order: int) -> tuple[float, int]:
    """Return the logarithm of the stupid-backoff score of a word, and the order at which the backing off ends."""
    total = sum(map(len, texts))
    history = tuple(context[max(0, len(context) - order + 1) :])
    factor = 1.0
    while history:
        count = count_ngrams(texts, len(history) + 1)[(*history, word)]
        if count:
            return math.log(factor * count / count_ngrams(texts, len(history))[history]), len(history) + 1
        history, factor = history[1:], factor * 0.4
    count = count_ngrams(texts, 1)[(word,)]
    return math.log(factor * max(count, 1) / total), 1 if count else 0


class KneserNey:
    """Interpolated modified Kneser-Ney smoothing of one order, equation by equation (Chen and Goodman 1998)."""

    def __init__(self, texts: Sequence[Sequence[str]], order: int) -> None:
        self.order = order
        words = {word for text in texts for word in text} | {END}
        self.uniform = 1 / (len(words) + 1)  # one for unknown words
        self.counts = {order: self._drop_beginning(count_ngrams(texts, order, has_marks=True))}
        for lower in range(order - 1, 0, -1):
            raw = count_ngrams(texts, lower, has_marks=True)
            before: dict[tuple[str, ...], set[str]] = defaultdict(set)
            for ngram in count_ngrams(texts, lower + 1, has_marks=True):
                before[ngram[1:]].add(ngram[0])
            continued = Counter({ngram: len(before[ngram]) if ngram[0] != BEGIN else raw[ngram] for ngram in raw})
            self.counts[lower] = self._drop_beginning(continued)
        self.discounts = {level: self._find_discounts(counts) for level, counts in self.counts.items()}

    @staticmethod
    def _drop_beginning(counts: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
        return Counter({ngram: count for ngram, count in counts.items() if ngram != (BEGIN,)})

    @staticmethod
    def _find_discounts(counts: Counter[tuple[str, ...]]) -> tuple[float, float, float, float]:
        n = Counter(counts.values())
        if 0 in (n[1], n[2], n[3]):
            return (0.0, 0.5, 1.0, 1.5)
        y = n[1] / (n[1] + 2 * n[2])
        found = tuple(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))
        return (0.0, *found) if all(0 <= found[i - 1] <= i for i in (1, 2, 3)) else (0.0, 0.5, 1.0, 1.5)

    def predict(self, context: Sequence[str], word: str) -> float:
        """Return the probability of a word after all words before it in its text."""
        history = (BEGIN, *context)
        history = history[max(0, len(history) - self.order + 1) :]
        return self._interpolate(history, word)

    def _interpolate(self, history: tuple[str, ...], word: str) -> float:
        level = len(history) + 1
        lower = self._interpolate(history[1:], word) if history else self.uniform
        followers = [count for ngram, count in self.counts[level].items() if ngram[:-1] == history]
        total = sum(followers)
        if not total:
            return lower
        discount = self.discounts[level]
        count = self.counts[level][(*history, word)]
        kept = sum(discount[min(follower, 3)] for follower in followers)
        return (count - discount[min(count, 3)]) / total + kept / total * lower
