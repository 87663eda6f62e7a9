"""This module scores texts by interpolated modified Kneser-Ney smoothing in SQL (Chen and Goodman 1998).

    q_0 = 1 / V,  q_k(w | h) = (a(h w) - D(a(h w))) / a(h) + (D1 N1 + D2 N2 + D3 N3) / a(h) q_{k-1}(w | h')

a are the continuation counts of order k, a(h) their sum over all w, N1 to N3 the numbers of w for which they are 1, 2
and more, and h' is h without its first word. The model of order n has the counts themselves in place of a at its order
n. If h was not seen, q_k is q_{k-1}. V is the number of different words or tokens, with the end of a text and one for
unknown words. The beginning of a text is the context of its first words; before it there is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError
from trailhouse.support.progress import report_progress
from trailhouse.warehouse.ngrams.discounts import Discounts, exclude_beginning, read_discounts, select_continuations
from trailhouse.warehouse.ngrams.ngram_corpus import describe_pruning
from trailhouse.warehouse.ngrams.reserved_tokens import MAXIMUM_ORDER
from trailhouse.warehouse.ngrams.scored_units import write_ngram
from trailhouse.warehouse.ngrams.scratch_tables import open_scratch_table
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts, list_tokens, write_filter

FOLLOWER_COLUMNS = f"{', '.join(f'token_{index} UInt32' for index in range(1, MAXIMUM_ORDER + 1))}, occurrences UInt64"
# One row per (unit, order): what its counts give, and the weight of the next lower order
LEVEL_COLUMNS = (
    "document_id Int32, unit_index Int32, level UInt8, is_found Bool,"
    " probability Float64, lower_weight Float64, continuation_probability Float64, continuation_lower_weight Float64"
)


def insert_kneser_ney(
    client: Client,
    counts: StoredCounts,
    units: str,
    target: str,
    constants: Mapping[str, str],
    settings: Mapping[str, int],
) -> None:
    """Insert the log-probabilities of all units and orders into ``target``.

    ``constants`` are the other columns of ``target``, as SQL.

    Raises BadInputError if the counts are pruned: the discounts need the n-grams that occur once.
    """
    corpus = counts.corpus
    if corpus.least_pruned_order:
        raise BadInputError(
            f"n-gram corpus {corpus.ngram_corpus_id!r} was counted {describe_pruning(corpus.least_pruned_order)},"
            " so that Kneser-Ney smoothing is not defined",
            "use --smoothing stupid_backoff, or count into another corpus without pruning",
        )
    of_counts, of_continuations = read_discounts(client, counts, settings)
    words = counts.select(1, exclude_beginning(1))
    vocabulary_size = client.query(f"select count() + 1 from ({words})", settings=dict(settings)).result_rows[0][0]
    with open_scratch_table(client, "ngram_level", LEVEL_COLUMNS, "(document_id, unit_index, level)") as levels:
        for order in range(1, MAXIMUM_ORDER + 1):
            report_progress("Scoring n-grams", order - 1, MAXIMUM_ORDER)
            discounts = [of_counts[order], *([of_continuations[order]] if order < MAXIMUM_ORDER else [])]
            _insert_level(client, counts, units, levels, order, discounts, settings)
        report_progress("Scoring n-grams", MAXIMUM_ORDER, MAXIMUM_ORDER)
        columns = ", ".join([*constants, "document_id", "unit_index", "ngram_order", "matched_order", "log_prob_nats"])
        client.command(
            f"insert into {target} ({columns}) select {', '.join(constants.values())}, document_id, unit_index,"
            f" model.1, model.2, log(model.3) from ({_write_interpolation(levels)}) array join models as model",
            parameters={"vocabulary_size": vocabulary_size},
            settings=dict(settings),
        )


def _insert_level(
    client: Client,
    counts: StoredCounts,
    units: str,
    levels: str,
    order: int,
    discounts: Sequence[Discounts],
    settings: Mapping[str, int],
) -> None:
    """Insert the rows of one order for the units that have enough context.

    ``discounts`` are those of the counts and, below the highest order, those of the continuation counts.
    """
    wanted, wanted_longer = exclude_beginning(order), "true"
    if order > 1:
        context, usable = write_ngram(order - 1, first=1), f"{units} where context_length >= {order - 1}"
        wanted = write_filter(list_tokens(order - 1), context, usable)
        wanted_longer = write_filter(list_tokens(order - 1, 2), context, usable)
    queries = [counts.select(order, wanted), select_continuations(counts, order, wanted, wanted_longer)]
    with ExitStack() as tables:
        sources = []
        for name, query, amounts in zip(("seen", "continued"), queries, discounts, strict=False):
            table = tables.enter_context(open_scratch_table(client, "ngram_follower", FOLLOWER_COLUMNS))
            columns = f"{list_tokens(order)}, occurrences"
            client.command(f"insert into {table} ({columns}) select {columns} from ({query})", settings=dict(settings))
            sources.append((name, table, amounts))
        client.command(f"insert into {levels} {_write_level(sources, units, order)}", settings=dict(settings))


def _write_level(sources: Sequence[tuple[str, str, Discounts]], units: str, order: int) -> str:
    """Return the query of the rows of one order from the n-grams that follow the contexts of the units."""
    joins, values = "", ["seen.occurrences > 0"]
    for name, table, amounts in sources:
        joins += _write_joins(name, table, units, order)
        total = f"{name}_context.total"
        values += [
            f"if({total} = 0, 0, ({name}.occurrences - {amounts.write(f'{name}.occurrences')}) / {total})",
            f"if({total} = 0, 1, ({amounts.once!r} * {name}_context.n1 + {amounts.twice!r} * {name}_context.n2"
            f" + {amounts.more!r} * {name}_context.n3) / {total})",
        ]
    values += ["0", "1"] * (2 - len(sources))
    return (
        f"select document_id, unit_index, {order}, {', '.join(values)} from"
        f" (select * from {units} where context_length >= {order - 1}) as unit{joins}"
    )


def _write_joins(name: str, table: str, units: str, order: int) -> str:
    """Return the joins of the units with their n-grams, as ``name``, and with the sums over their contexts."""
    context = list_tokens(order - 1) or "0"
    endings = write_filter(list_tokens(order), write_ngram(order), f"{units} where context_length >= {order - 1}")
    unit_context = f"tuple{write_ngram(order - 1, first=1)}" if order > 1 else "tuple(0)"
    return (
        f" left join (select tuple({list_tokens(order)}) as ngram, occurrences from {table}"
        f" where {endings}) as {name} on {name}.ngram = tuple{write_ngram(order)}"
        f" left join (select tuple({context}) as context, sum(occurrences) as total, countIf(occurrences = 1) as n1,"
        f" countIf(occurrences = 2) as n2, countIf(occurrences > 2) as n3 from {table} group by context)"
        f" as {name}_context on {name}_context.context = {unit_context}"
    )


def _write_interpolation(levels: str) -> str:
    """Return the query with the probability under the model of every order, as ``models``: (order, matched, value)."""
    arrays = {
        name: f"arrayMap(row -> row.{position}, rows)"
        for position, name in enumerate(("level", "is_found", "own", "weight", "lower_own", "lower_weight"), start=1)
    }
    lower = ["1 / {vocabulary_size:Int64} as q_0"]
    models = []
    for order in range(1, MAXIMUM_ORDER + 1):
        # an order for which the text has too little context adds nothing
        own, weight = f"if(depth < {order}, 0, own[{order}])", f"if(depth < {order}, 1, weight[{order}])"
        matched = f"toUInt8(arrayLastIndex(found -> found, arraySlice(is_found, 1, {order})))"
        models.append(f"(toUInt8({order}), {matched}, {own} + {weight} * q_{order - 1})")
        if order < MAXIMUM_ORDER:
            deeper = f"lower_own[{order}] + lower_weight[{order}] * q_{order - 1}"
            lower.append(f"if(depth < {order}, q_{order - 1}, {deeper}) as q_{order}")
    named = ", ".join(f"{expression} as {name}" for name, expression in arrays.items())
    rows = "(level, is_found, probability, lower_weight, continuation_probability, continuation_lower_weight)"
    return (
        f"select document_id, unit_index, [{', '.join(models)}] as models, {', '.join(lower)} from"
        f" (select document_id, unit_index, {named}, length(rows) as depth from"
        f" (select document_id, unit_index, arraySort(groupArray({rows})) as rows from {levels}"
        " group by document_id, unit_index))"
    )
