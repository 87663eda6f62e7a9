"""This module cuts texts into windows: every position of a text with the four words or tokens after it.

The n-grams of order n are the first n columns of the windows that are at least n long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailhouse.errors import BadInputError
from trailhouse.warehouse.ngrams.reserved_tokens import LARGEST_TOKEN, MAXIMUM_ORDER, TEXT_BEGIN, TEXT_END

TokenNumbers = npt.NDArray[np.uint32]
WINDOW_COLUMNS = "token_1 UInt32, token_2 UInt32, token_3 UInt32, token_4 UInt32, token_5 UInt32, length UInt8"
# Windows that are sent to the warehouse together: 21 MB
BATCH_WINDOWS = 1_000_000


def cut_windows(texts: Iterable[TokenNumbers]) -> Iterator[pa.RecordBatch]:
    """Yield the windows of the texts in batches. The marks of beginning and end are windows and parts of windows, too.

    Raises BadInputError if a token number is so large that it stands for something else.
    """
    waiting: list[TokenNumbers] = []
    count = 0
    for text in texts:
        waiting.append(text)
        count += len(text) + 2
        if count >= BATCH_WINDOWS:
            yield from _cut_batches(waiting)
            waiting, count = [], 0
    if waiting:
        yield from _cut_batches(waiting)


def _cut_batches(texts: list[TokenNumbers]) -> Iterator[pa.RecordBatch]:
    begin, end = np.asarray([TEXT_BEGIN], np.uint32), np.asarray([TEXT_END], np.uint32)
    tokens = np.concatenate([part for text in texts for part in (begin, text, end)])
    if sum(np.count_nonzero(text > LARGEST_TOKEN) for text in texts):
        raise BadInputError(
            f"a token number is larger than {LARGEST_TOKEN}", "use a tokenizer with a smaller vocabulary"
        )
    sizes = np.asarray([len(text) + 2 for text in texts])
    remaining = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(tokens))
    lengths = np.minimum(remaining, MAXIMUM_ORDER).astype(np.uint8)
    padded = np.concatenate([tokens, np.zeros(MAXIMUM_ORDER - 1, np.uint32)])
    columns = [
        np.where(lengths > offset, padded[offset : offset + len(tokens)], 0).astype(np.uint32)
        for offset in range(MAXIMUM_ORDER)
    ]
    names = [*(f"token_{offset + 1}" for offset in range(MAXIMUM_ORDER)), "length"]
    batch = pa.record_batch([pa.array(column) for column in (*columns, lengths)], names=names)
    for start in range(0, len(batch), BATCH_WINDOWS):
        yield batch.slice(start, BATCH_WINDOWS)
