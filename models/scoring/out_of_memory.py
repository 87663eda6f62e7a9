"""Running out of memory: how it is recognised, and batches that are halved until they fit the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from trailhouse.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

# The CPU allocator raises a plain RuntimeError, and so does C++ code whose allocation fails.
_ALLOCATION_FAILURES = ("allocate memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that something did not fit the memory of its device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in _ALLOCATION_FAILURES)


class ShrinkingBatch:
    """The number of tokens that one batch of a model may hold; it is halved whenever the memory runs out.

    It never grows again, so one object serves a model for as long as it is loaded.
    """

    def __init__(self, max_tokens: int, device: torch.device) -> None:
        self.max_tokens = max_tokens
        self._device = device

    def run(
        self,
        batch: Sequence[Item],
        count_tokens: Callable[[Sequence[Item]], int],
        forward: Callable[[Sequence[Item]], Result],
    ) -> Iterator[tuple[Sequence[Item], Result]]:
        """Yield (part, ``forward(part)``) for the parts of a batch, in order.

        The batch is one part where it holds at most ``max_tokens`` and fits the memory, as ``count_tokens`` counts
        with padding; otherwise it is halved, and its halves again.

        Raises UsageError if a single item does not fit the memory.
        """
        waiting = [batch]
        while waiting:
            part = waiting.pop()
            token_count = count_tokens(part)
            if len(part) == 1 or token_count <= self.max_tokens:
                results = self._try(forward, part)
                if results:
                    yield part, results[0]
                    continue
                self._shrink(part, token_count)
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]

    @staticmethod
    def _try(forward: Callable[[Sequence[Item]], Result], part: Sequence[Item]) -> list[Result]:
        """Return the result in a list, which is empty where the memory ran out.

        What happens next is left to the caller: inside ``except``, the traceback keeps the tensors in memory.
        """
        try:
            return [forward(part)]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return []

    def _shrink(self, part: Sequence[object], token_count: int) -> None:
        if len(part) == 1:
            raise UsageError(
                f"{token_count} tokens at once do not fit the memory of {self._device}",
                "use a smaller context length or another device",
            )
        self.max_tokens = max(1, token_count // 2)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
