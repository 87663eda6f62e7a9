"""This module computes self-BLEU, which measures how much the texts of a set resemble each other.

The BLEU of a text against all other texts needs, for each of its n-grams, the largest number of occurrences in one of
the other texts. Two numbers for each n-gram suffice for all texts: the largest and the second largest number of
occurrences in one text. So the time grows with the number of texts, and not with its square.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.helpers import extract_all_word_ngrams
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from trailhouse.errors import BadInputError

NGrams = Counter[tuple[str, ...]]

MAX_ORDER = 4


def compute_self_bleu(texts: Sequence[str]) -> float:
    """Return the mean BLEU of each text against all other texts, from 0 to 100 (Zhu et al. 2018).

    Low values mean diverse texts. BLEU is that of sacrebleu for single sentences: its tokenizer 13a, up to four-grams,
    exponential smoothing, and orders that a text is too short for are left out. Raises BadInputError if there are fewer
    than two texts.
    """
    if len(texts) < 2:
        raise BadInputError(f"self-BLEU compares texts with each other, and there are {len(texts)}", "give at least 2")
    tokenize = Tokenizer13a()  # type: ignore[no-untyped-call]
    extracted = [extract_all_word_ngrams(tokenize(text.rstrip()), 1, MAX_ORDER) for text in texts]
    ngrams: list[NGrams] = [counts for counts, _ in extracted]
    lengths = [length for _, length in extracted]
    largest, second, owner = _rank_counts(ngrams)
    total = 0.0
    for index, counts in enumerate(ngrams):
        matched = [0] * MAX_ORDER
        possible = [0] * MAX_ORDER
        for ngram, count in counts.items():
            in_others = second[ngram] if owner[ngram] == index else largest[ngram]
            matched[len(ngram) - 1] += min(count, in_others)
            possible[len(ngram) - 1] += count
        nearest = _find_nearest_length(lengths, index)
        bleu = BLEU.compute_bleu(matched, possible, lengths[index], nearest, smooth_method="exp", effective_order=True)
        total += bleu.score
    return total / len(texts)


def _rank_counts(ngrams: Sequence[NGrams]) -> tuple[NGrams, NGrams, dict[tuple[str, ...], int]]:
    """Return the largest and second largest count of each n-gram in one text, and the index of the first text."""
    largest: NGrams = Counter()
    second: NGrams = Counter()
    owner: dict[tuple[str, ...], int] = {}
    for index, counts in enumerate(ngrams):
        for ngram, count in counts.items():
            if count > largest[ngram]:
                second[ngram], largest[ngram], owner[ngram] = largest[ngram], count, index
            else:
                second[ngram] = max(second[ngram], count)
    return largest, second, owner


def _find_nearest_length(lengths: Sequence[int], index: int) -> int:
    """Return the length of another text that is nearest to the length of text ``index``; the shorter one of two."""
    others = (length for other, length in enumerate(lengths) if other != index)
    return min(others, key=lambda length: (abs(length - lengths[index]), length))
