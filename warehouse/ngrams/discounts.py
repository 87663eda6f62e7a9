"""This module computes the discounts of modified Kneser-Ney smoothing (Chen and Goodman 1998, section 5.3).

    Y = n1 / (n1 + 2 n2),  D1 = 1 - 2 Y n2 / n1,  D2 = 2 - 3 Y n3 / n2,  D3+ = 3 - 4 Y n4 / n3

n1 to n4 are the numbers of n-grams that occur exactly once to four times. Every order has discounts of its own: one set
for its counts, which a model of this order uses, and one for its continuation counts, for models of higher orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from trailhouse.support.progress import report_note, report_progress
from trailhouse.warehouse.ngrams.reserved_tokens import MAXIMUM_ORDER, TEXT_BEGIN
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts, list_tokens

# Discounts in place of those that counts of counts do not determine; lmplz has the same for --discount_fallback
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Discounts:
    """The discounts of n-grams that occur once, twice, and three times or more."""

    once: float
    twice: float
    more: float

    def write(self, count: str) -> str:
        """Return the SQL expression of the discount of a count."""
        return f"multiIf({count} = 0, 0, {count} = 1, {self.once!r}, {count} = 2, {self.twice!r}, {self.more!r})"


def read_discounts(
    client: Client, counts: StoredCounts, settings: Mapping[str, int]
) -> tuple[dict[int, Discounts], dict[int, Discounts]]:
    """Return the discounts of the counts of every order, and those of the continuation counts of all but the highest.

    Where the counts of counts do not determine them, as in small or pruned texts, they are ``FALLBACK``, and the user
    is told.
    """
    queries = [(order, False, counts.select(order, exclude_beginning(order))) for order in range(1, MAXIMUM_ORDER + 1)]
    queries += [(order, True, select_continuations(counts, order)) for order in range(1, MAXIMUM_ORDER)]
    found: dict[bool, dict[int, Discounts]] = {False: {}, True: {}}
    for index, (order, is_continuation, query) in enumerate(queries):
        report_progress("Reading counts of counts", index, len(queries))
        numbers = ", ".join(f"countIf(occurrences = {count})" for count in range(1, 5))
        counts_of_counts = [
            int(number)
            for number in client.query(f"select {numbers} from ({query})", settings=dict(settings)).result_rows[0]
        ]
        discounts = compute_discounts(counts_of_counts)
        if discounts is None:
            what = "continuation counts" if is_continuation else "counts"
            report_note(
                f"the {what} of order {order} have no Kneser-Ney discounts ({counts_of_counts} n-grams occur 1 to 4"
                f" times): {FALLBACK} are taken instead"
            )
        found[is_continuation][order] = discounts or Discounts(*FALLBACK)
    report_progress("Reading counts of counts", len(queries), len(queries))
    return found[False], found[True]


def compute_discounts(counts_of_counts: Sequence[int]) -> Discounts | None:
    """Return the discounts, or None if a count of counts is 0 or a discount is not between 0 and its count."""
    n1, n2, n3, n4 = counts_of_counts
    if not n1 or not n2 or not n3:
        return None
    y = n1 / (n1 + 2 * n2)
    amounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    is_valid = all(0 <= amount <= count for count, amount in enumerate(amounts, start=1))
    return Discounts(*amounts) if is_valid else None


def exclude_beginning(order: int) -> str:
    """Return the condition that leaves out the beginning of a text as a unigram, because no model predicts it."""
    return f"token_1 != {TEXT_BEGIN}" if order == 1 else "true"


def select_continuations(counts: StoredCounts, order: int, where: str = "true", where_longer: str = "true") -> str:
    """Return the query of the continuation counts of one order: ``token_1`` to ``token_<order>`` and ``occurrences``.

    The continuation count of an n-gram is the number of different words or tokens that stand before it. At the
    beginning of a text nothing else can stand before it, so that there it is the count itself. ``where`` is a condition
    on these n-grams, and ``where_longer`` the same one on the n-grams that are one longer, from ``token_2`` on.
    """
    tokens = list_tokens(order)
    renamed = ", ".join(f"token_{index + 1} as word_{index}" for index in range(1, order + 1))
    words = ", ".join(f"word_{index}" for index in range(1, order + 1))
    query = (
        f"select {', '.join(f'word_{index} as token_{index}' for index in range(1, order + 1))}, count() as occurrences"
        f" from (select {renamed} from ({counts.select(order + 1, where_longer)})) group by {words}"
    )
    if order == 1:
        return query
    beginning = counts.select(order, f"token_1 = {TEXT_BEGIN} and ({where})")
    return f"{query} union all select {tokens}, toUInt64(occurrences) as occurrences from ({beginning})"
