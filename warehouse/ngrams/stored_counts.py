"""This module writes the queries that read the counts of a training corpus, summed over its shards."""

from __future__ import annotations

from dataclasses import dataclass

from trailhouse.support.quoting import quote_literal
from trailhouse.warehouse.ngrams.ngram_corpus import CountedShard, NgramCorpus


@dataclass(frozen=True)
class StoredCounts:
    """The counts of a training corpus in the given shards."""

    corpus: NgramCorpus
    shards: tuple[CountedShard, ...]

    @property
    def unit_count(self) -> int:
        """The words or tokens of the training corpus."""
        return sum(shard.unit_count for shard in self.shards)

    def select(self, order: int, where: str = "true") -> str:
        """Return the query of the n-grams of one order: ``token_1`` to ``token_<order>`` and their ``occurrences``."""
        tokens = list_tokens(order)
        source = f"from raw_ngram_count prewhere {where} where {self._condition(order)}"
        if len(self.shards) == 1:  # every n-gram has one row
            return f"select {tokens}, occurrence_count as occurrences {source}"
        return f"select {tokens}, sum(occurrence_count) as occurrences {source} group by {tokens}"

    def _condition(self, order: int) -> str:
        names = ", ".join(quote_literal(shard.shard_id) for shard in self.shards)
        return f"{self.corpus.condition} and shard_id in ({names}) and ngram_order = {order}"


def list_tokens(order: int, first: int = 1) -> str:
    """Return the columns of an n-gram of the given order, separated by commas."""
    return ", ".join(f"token_{index}" for index in range(first, first + order))


def write_filter(tokens: str, ngram: str, units: str) -> str:
    """Return the condition that an n-gram, the columns ``tokens``, occurs in a text, or that it has the hash of one.

    ``ngram`` is the expression of the n-grams of the text in the table ``units``. n-grams are compared by hash, which
    is six times as fast as by their tokens; whoever uses the condition joins by the tokens.
    """
    return f"cityHash64({tokens}) in (select cityHash64{ngram} from {units})"
