"""This module scores texts by stupid backoff in SQL (Brants et al. 2007).

The score of a unit is the relative frequency of the longest n-gram that ends with it and occurs in the training corpus,
times 0.4 for each order by which the n-gram is shorter than it could be. A unit that does not occur counts as if it
occurred once. n-grams do not reach beyond the beginning of a text.
"""

from __future__ import annotations

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.ngrams.reserved_tokens import MAXIMUM_ORDER
from trailhouse.warehouse.ngrams.scored_units import write_ngram
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts, list_tokens, write_filter

ALPHA = 0.4


def insert_stupid_backoff(
    client: Client,
    counts: StoredCounts,
    units: str,
    target: str,
    constants: Mapping[str, str],
    settings: Mapping[str, int],
) -> None:
    """Insert the scores of all units and orders into ``target``. ``constants`` are its other columns, as SQL."""
    columns = ", ".join([*constants, "document_id", "unit_index", "ngram_order", "matched_order", "log_prob_nats"])
    client.command(
        f"insert into {target} ({columns}) select {', '.join(constants.values())}, document_id, unit_index,"
        f" ngram_order, {_MATCHED} as matched, {_LOG_PROB} from ({_write_units(counts, units)})"
        f" array join range(1, {MAXIMUM_ORDER + 1}) as ngram_order",
        parameters={"unit_count": counts.unit_count, "alpha": ALPHA},
        settings=dict(settings),
    )


# The order at which the backing off begins, and the one at which it ends: 0 if not even the unit occurs
_USABLE = "least(ngram_order, unit_index + 1)"
_MATCHED = f"arrayLastIndex(found -> found > 0, arraySlice(occurrences, 1, {_USABLE}))"
_LOG_PROB = (
    "if(matched = 0, -log({unit_count:Int64}), log(occurrences[matched]) - log(context_occurrences[matched]))"
    f" + ({_USABLE} - greatest(matched, 1)) * log({{alpha:Float64}})"
)


def _write_units(counts: StoredCounts, units: str) -> str:
    """Return the query of all units with the counts of the n-grams that end with them, and of the contexts of these."""
    joins, columns = "", []
    for order in range(1, MAXIMUM_ORDER + 1):
        reaching = f"context_length >= {order - 1}"
        wanted = write_filter(list_tokens(order), write_ngram(order), f"{units} where {reaching}")
        joins += (
            f" left join (select tuple({list_tokens(order)}) as ngram, occurrences from"
            f" ({counts.select(order, wanted)})) as found_{order} on found_{order}.ngram = tuple{write_ngram(order)}"
        )
        columns.append(f"if({reaching}, found_{order}.occurrences, 0)")
    # The context of a unit's n-gram is the shorter n-gram that ends with the unit before it.
    return (
        "select document_id, unit_index, occurrences, arrayPushFront(arrayPopBack(lagInFrame(occurrences) over"
        " (partition by document_id order by unit_index rows between unbounded preceding and current row)),"
        f" {{unit_count:Int64}}) as context_occurrences from"
        f" (select document_id, unit_index, arrayMap(x -> toInt64(x), [{', '.join(columns)}]) as occurrences"
        f" from {units} as unit{joins})"
    )
