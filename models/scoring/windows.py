"""This module divides documents into windows that fit a model's context length, and groups windows into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MAX_PADDING_RATIO = 0.05


class Window(NamedTuple):
    """A range of one document's tokens that a model reads at once.

    The model reads the beginning of a text, then the tokens ``start .. end - 2``, and predicts the positions
    ``first_target .. end - 1``.
    """

    document_id: int
    start: int
    first_target: int
    end: int
    beginning_length: int = 0
    """Number of tokens of the beginning of a text, which stands before the tokens of the document."""

    @property
    def input_length(self) -> int:
        """Number of tokens that the model reads."""
        return self.beginning_length + self.end - 1 - self.start

    @property
    def target_count(self) -> int:
        """Number of positions that the window predicts."""
        return self.end - self.first_target


def plan_windows(
    document_id: int, token_count: int, context_length: int, stride: int, beginning_length: int = 0
) -> Iterator[Window]:
    """Yield the windows of a document in order. Together they predict every position except 0 exactly once.

    The beginning of a text stands before every window and has ``beginning_length`` tokens. If it has any, position 0 is
    predicted, too.

    Let C be the context length without the beginning, and S the stride. The first window predicts the positions up to
    C. Each further window predicts the next S positions. With C = 4, S = 2 and no beginning::

        position   0  1  2  3  4  5  6  7  8
        window 1   r  rp rp rp p                     r: read
        window 2         r  r  r  rp p               p: predicted
        window 3               r  r  r  rp p

    The window that predicts position t reads this number of the document's tokens before t::

        t                      for t <= C
        C - S + 1 .. C         for t > C

    This number does not depend on later tokens. So the existing scores of a document stay the same if text is appended.
    """
    place_count = context_length - beginning_length
    first_position = 0 if beginning_length else 1
    if token_count > first_position:
        yield Window(document_id, 0, first_position, min(place_count + 1, token_count), beginning_length)
    for first_target in range(place_count + 1, token_count, stride):
        start = first_target - 1 + stride - place_count
        yield Window(document_id, start, first_target, min(first_target + stride, token_count), beginning_length)


def group_windows(
    windows: Iterable[Window],
    max_batch_tokens: int,
    enough_tokens: int | None = None,
    switch_length: int | None = None,
) -> Iterator[list[Window]]:
    """Yield batches of windows of similar length. The longest come first, so that a lack of memory shows at once.

    A batch, including the padding to its longest window, holds at most ``max_batch_tokens`` tokens. A window with more
    tokens is a batch of its own. If a batch holds ``enough_tokens``, another window joins it only if the padding of
    this window is at most ``MAX_PADDING_RATIO`` of the length of the longest window. The windows of a
    batch all have at most ``switch_length`` tokens, or all have more tokens; see ``rotary_switch``.
    """
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: window.input_length, reverse=True):
        if batch:
            longest = batch[0].input_length
            is_full = longest * (len(batch) + 1) > max_batch_tokens
            is_enough = enough_tokens is not None and longest * len(batch) >= enough_tokens
            is_short = is_enough and window.input_length < (1 - MAX_PADDING_RATIO) * longest
            if is_full or is_short or are_separated(longest, window.input_length, switch_length):
                yield batch
                batch = []
        batch.append(window)
    if batch:
        yield batch


def are_separated(longest: int, length: int, switch_length: int | None) -> bool:
    """Return whether two texts must not share a batch, because only the longer one exceeds ``switch_length``.

    The longer text has ``longest`` tokens, and the other text has ``length`` tokens.
    """
    return switch_length is not None and length <= switch_length < longest


def group_documents(token_counts: Sequence[int], max_tokens: int) -> Iterator[range]:
    """Yield ranges of consecutive documents. The documents of a range have at most ``max_tokens`` tokens together.

    A document with more tokens is a range of its own.
    """
    first, total = 0, 0
    for document_id, token_count in enumerate(token_counts):
        if document_id > first and total + token_count > max_tokens:
            yield range(first, document_id)
            first, total = document_id, 0
        total += token_count
    if first < len(token_counts):
        yield range(first, len(token_counts))
