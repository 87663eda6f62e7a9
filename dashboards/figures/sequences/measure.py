"""This module defines what figures of texts show: perplexity or, for models with other tokenizers, bits per byte."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

from trailhouse.dashboards.figures.axes import VALIDATION, VALIDATION_BITS, HorizontalAxis


class Measure(NamedTuple):
    """The column of a mart that the vertical axes show, its name, and the validation axis in the same unit."""

    column: str
    name: str
    validation: HorizontalAxis


PERPLEXITY = Measure("perplexity", "Perplexity", VALIDATION)
BITS_PER_BYTE = Measure("bits_per_byte", "Bits per byte", VALIDATION_BITS)
MEASURE_COLUMNS = tuple(
    f"{measure.column}{end}" for measure in (PERPLEXITY, BITS_PER_BYTE) for end in ("", "_lower", "_upper")
)


def choose_measure(rows: pa.Table, tokenizer_column: str) -> Measure:
    """Return perplexity if all values of ``tokenizer_column`` are true, else bits per byte.

    The column says whether a model has the tokenizer with which the texts were made.
    """
    return PERPLEXITY if all(rows[tokenizer_column].to_pylist()) else BITS_PER_BYTE


def write_range(counts: Iterable[int]) -> str:
    """Write the smallest and the largest count, or the count if all are equal."""
    ordered = sorted(counts)
    return f"{ordered[0]:,}" if ordered[0] == ordered[-1] else f"{ordered[0]:,} to {ordered[-1]:,}"
