"""This module chooses the n-gram model and the models that a figure of phases shows, and describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from trailhouse.dashboards.figures.sequences.measure import write_range
from trailhouse.support.visible_text import make_label

MOST_MODELS = 12
NGRAM_MODEL = ("unit", "predictor_source", "smoothing", "provider")
"""The columns that name an n-gram model and what it predicts."""
WITHOUT_WORDS = "The words were not published, so n is not known and there are no intervals over words."
POSITIVE_STEPS = "Step 0 has no place on a logarithmic axis."
Row = dict[str, Any]


def choose_ngrams(rows: Sequence[Row], height: str) -> tuple[list[Row], int]:
    """Return the rows of one n-gram model, and the number of other n-gram models.

    Words come before tokens. Then the n-gram model with the most models is chosen, then stupid backoff, then the one
    whose n-grams correlate best, by the column ``height``.
    """
    found = group_rows(rows, NGRAM_MODEL)

    def rank(key: tuple[Any, ...]) -> tuple[Any, ...]:
        heights = (row[height] for row in found[key] if row[height] is not None)
        model_count = len({row["model_id"] for row in found[key]})
        return key[0] == "word", model_count, key[2] == "stupid_backoff", max(heights, default=-1.0), key

    chosen = max(found, key=rank, default=())
    return found.get(chosen, []), max(0, len(found) - 1)


def group_rows(rows: Iterable[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Return the rows by their values in the columns."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return groups


def choose_models(rows: Iterable[Row]) -> tuple[dict[str, list[Row]], int]:
    """Return the rows of the models that have a panel, the smallest first, and the number of models without one.

    Of more than twelve models, one run of each architecture and size is shown: the one whose name comes first.
    """
    models: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["parameter_count"], row["model_id"])):
        models.setdefault(row["model_id"], []).append(row)
    shown = list(models)
    if len(shown) > MOST_MODELS:
        first: dict[tuple[Any, ...], str] = {}
        for model_id, (row, *_) in models.items():
            first.setdefault((row["architecture"], row["parameter_count"]), model_id)
        shown = list(first.values())[:MOST_MODELS]
    return {model_id: models[model_id] for model_id in shown}, len(models) - len(shown)


def describe_ngrams(rows: Sequence[Row], other_count: int) -> list[str]:
    """Return the sentences of a caption about the n-gram model that is shown, and those that are not."""
    first = rows[0]
    made = {"published": "published by Michaelov et al. 2025"}.get(first["provider"], f"by {first['provider']}")
    sentences = [
        f"N-grams of {first['unit']}s counted in {make_label(first['predictor_source'])}, "
        f"{first['smoothing'].replace('_', ' ').replace('kneser ney', 'Kneser-Ney')}, {made}."
    ]
    if other_count:
        sentences.append(f"Not shown: other n-gram models ({other_count}).")
    return sentences


def describe_count(rows: Iterable[Row], column: str, name: str) -> str:
    """Return the sentence that says how many words or tokens there are; of published results it is unknown."""
    counts = [row[column] for row in rows if row[column] is not None]
    return f"n = {write_range(counts)} {name}." if counts else WITHOUT_WORDS


def describe_left_out(model_count: int) -> list[str]:
    """Return the sentence about models without a panel, if there are any."""
    return [f"Not shown: runs with other seeds ({model_count})."] if model_count else []


def keep_known(rows: Iterable[Row], *columns: str) -> list[Row]:
    """Return the rows of positive steps in which all columns are known, by ascending step."""
    known = (row for row in rows if row["step"] > 0 and all(row[column] is not None for column in columns))
    return sorted(known, key=lambda row: row["step"])


def find_limits(rows: Iterable[Row], *columns: str, margin: float = 0.05) -> tuple[float, float] | None:
    """Return the limits of a vertical axis that all panels share, or None if nothing is known."""
    values = [row[column] for row in rows if row["step"] > 0 for column in columns if row[column] is not None]
    if not values:
        return None
    room = margin * (max(values) - min(values) or 1)
    return min(values) - room, max(values) + room


def name_model(rows: Sequence[Row]) -> str:
    """Return the name of a model within its suite, for the title of its panel."""
    return make_label(rows[0]["model_id"]).rpartition("/")[2]


def has_known(*columns: str) -> Callable[..., bool]:
    """Return a function that says whether a table has a row of a positive step in which the columns are known."""
    return lambda rows, *_companions: bool(keep_known(rows.to_pylist(), *columns))
