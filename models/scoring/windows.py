"""Windows over documents that are longer than a model's context, and batches of windows of like length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MAX_PADDING_RATIO = 0.05


class Window(NamedTuple):
    """A stretch of one document that a model reads at once.

    The model reads the tokens ``start .. end - 2`` and predicts the positions ``first_target .. end - 1``.
    """

    document_id: int
    start: int
    first_target: int
    end: int

    @property
    def input_length(self) -> int:
        """Tokens the model reads."""
        return self.end - 1 - self.start


def plan_windows(document_id: int, token_count: int, context_length: int, stride: int) -> Iterator[Window]:
    """Yield windows that predict every position from 1 on exactly once, in order.

    The first window predicts as many positions as the context holds, each further one ``stride`` positions,
    so that every position but the first ``context_length`` is predicted from between
    ``context_length - stride + 1`` and ``context_length`` tokens. With context_length 4 and stride 2::

        position   0  1  2  3  4  5  6  7  8
        window 1   r  rp rp rp p
        window 2         r  r  r  rp p               r: read
        window 3               r  r  r  rp p         p: predicted

    What a position is predicted from depends on the tokens before it only: a document's scores do not change
    when text is appended to it.
    """
    if token_count > 1:
        yield Window(document_id, 0, 1, min(context_length + 1, token_count))
    for first_target in range(context_length + 1, token_count, stride):
        start = first_target - 1 + stride - context_length
        yield Window(document_id, start, first_target, min(first_target + stride, token_count))


def group_windows(
    windows: Iterable[Window], max_batch_tokens: int, enough_tokens: int | None = None
) -> Iterator[list[Window]]:
    """Yield batches of windows of like length, the longest first.

    No batch, padded to its longest window, exceeds ``max_batch_tokens``, unless a single window does. One of
    ``enough_tokens`` ends before a window that would be padded by more than ``MAX_PADDING_RATIO``. The largest batches
    come first, so that a lack of memory shows at once.
    """
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: window.input_length, reverse=True):
        if batch:
            longest = batch[0].input_length
            is_full = longest * (len(batch) + 1) > max_batch_tokens
            is_enough = enough_tokens is not None and longest * len(batch) >= enough_tokens
            if is_full or (is_enough and window.input_length < (1 - MAX_PADDING_RATIO) * longest):
                yield batch
                batch = []
        batch.append(window)
    if batch:
        yield batch


def group_documents(token_counts: Sequence[int], max_positions: int) -> Iterator[range]:
    """Yield runs of consecutive documents of together at most ``max_positions`` tokens, at least one each."""
    first, positions = 0, 0
    for document_id, token_count in enumerate(token_counts):
        if document_id > first and positions + token_count > max_positions:
            yield range(first, document_id)
            first, positions = document_id, 0
        positions += token_count
    if first < len(token_counts):
        yield range(first, len(token_counts))
