"""This module scores words by stupid backoff over the counts of an infini-gram service (Liu et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import requests

from trailhouse.errors import BadInputError, UnreachableError, UsageError
from trailhouse.models.phases.ngram_provider import NgramScore

ALPHA = 0.4
MAXIMUM_ORDER = 5
TIMEOUT_SECONDS = 30


class InfiniGram:
    """The counts of one index of an infini-gram service.

    The service splits an n-gram into tokens of its own. The number of all units is that of the tokens of the index.

    Raises UsageError if the address is no http(s) URL.
    """

    name = "infini_gram"
    smoothing = "stupid_backoff"
    orders = tuple(range(1, MAXIMUM_ORDER + 1))

    def __init__(self, url: str, index: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no address of a service", "write it as https://HOST/")
        if not index:
            raise UsageError("the provider infini_gram needs an index", "name it: --index NAME")
        self._url = url
        self._index = index
        self._session = requests.Session()
        self._counts: dict[str, int] = {}
        self.inputs: Mapping[str, object] = {"url": url, "index": index, "unit_count": self.count("")}

    def score(self, words: Sequence[str]) -> Mapping[int, Sequence[NgramScore]]:
        """Return the scores of the words of one text, by order. n-grams do not reach beyond its beginning.

        Raises UnreachableError if the service does not answer, and BadInputError if its answer is no count.
        """
        matches = [self._find_matches(words, index) for index in range(len(words))]
        return {
            order: [self._back_off(found, min(order, index + 1)) for index, found in enumerate(matches)]
            for order in self.orders
        }

    def count(self, ngram: str) -> int:
        """Return how often an n-gram occurs; for an empty text, the number of tokens of the index."""
        if ngram not in self._counts:
            self._counts[ngram] = self._ask(ngram)
        return self._counts[ngram]

    def _find_matches(self, words: Sequence[str], index: int) -> list[float]:
        """Return the relative frequencies of the n-grams that end with a word, up to the longest one that occurs."""
        frequencies = []
        for order in range(1, min(MAXIMUM_ORDER, index + 1) + 1):
            first = index + 1 - order
            count = self.count(" ".join(words[first : index + 1]))
            if count == 0:
                break
            frequencies.append(count / max(1, self.count(" ".join(words[first:index]))))
        return frequencies

    def _back_off(self, frequencies: Sequence[float], usable_order: int) -> NgramScore:
        matched = min(len(frequencies), usable_order)
        frequency = frequencies[matched - 1] if matched else 1 / max(1, self.count(""))
        return NgramScore(math.log(frequency) + (usable_order - max(matched, 1)) * math.log(ALPHA), matched)

    def _ask(self, ngram: str) -> int:
        query = {"index": self._index, "query_type": "count", "query": ngram}
        try:
            response = self._session.post(self._url, json=query, timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            answer = response.json()
        except requests.JSONDecodeError as error:
            raise BadInputError(f"{self._url}: answers no JSON", "check the address of the service") from error
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self._url}: does not answer: {error}", "check the address, or try later"
            ) from error
        count = answer.get("count") if isinstance(answer, dict) else None
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            problem = answer.get("error", "no count") if isinstance(answer, dict) else "no object"
            raise BadInputError(f"{self._url}, index {self._index!r}: {problem}", "check the name of the index")
        return count
