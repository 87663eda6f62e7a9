"""This module recognises that a device has run out of memory, and halves batches until they fit the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from trailhouse.errors import UsageError
from trailhouse.models.checkpoints.library_errors import describe_error

Item = TypeVar("Item")
Result = TypeVar("Result")

# A failed allocation on the CPU raises a plain RuntimeError. Its message contains one of these texts. The last two are
# of oneDNN, which does not say why an operation could not be prepared or run; a lack of memory is the usual reason.
_ALLOCATION_FAILURES = (
    "allocate memory",
    "std::bad_alloc",
    "could not create a primitive",
    "could not execute a primitive",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of a device was too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in _ALLOCATION_FAILURES)


class ShrinkingBatch:
    """The largest number of tokens in a batch of one model. It is halved whenever the memory runs out.

    The number never grows again. Use the same object for as long as the model is loaded.
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

        A batch that has at most ``max_tokens`` tokens and fits the memory is one part. Any other batch is halved, and
        its halves are halved again if necessary. ``count_tokens`` counts the tokens of a part, including padding.

        Raises UsageError if a single item does not fit the memory.
        """
        waiting = [batch]
        while waiting:
            part = waiting.pop()
            token_count = count_tokens(part)
            if len(part) == 1 or token_count <= self.max_tokens:
                results, failure = self._try(forward, part)
                if results:
                    yield part, results[0]
                    continue
                self._shrink(part, token_count, failure)
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]

    @staticmethod
    def _try(forward: Callable[[Sequence[Item]], Result], part: Sequence[Item]) -> tuple[list[Result], str]:
        """Return ``[forward(part)]``, or an empty list and the text of the error if the memory ran out.

        The caller reacts to the empty list after the ``except`` block has ended. Inside the block, the traceback would
        keep the tensors of the failed forward pass in memory.
        """
        try:
            return [forward(part)], ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return [], describe_error(error)

    def _shrink(self, part: Sequence[object], token_count: int, failure: str) -> None:
        if len(part) == 1:
            raise UsageError(
                f"{token_count} tokens at once do not fit the memory of {self._device}: {failure}",
                "use a smaller context length or another device",
            )
        self.max_tokens = max(1, token_count // 2)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
