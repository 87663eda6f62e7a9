"""A batch is halved when the memory runs out, whichever error says so, and later batches stay smaller."""

import gc
import weakref

import pytest
import torch

from trailhouse.errors import UsageError
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch, is_out_of_memory

FAILURES = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("could not create a primitive"),
    RuntimeError("could not execute a primitive"),
]


def count_tokens(part):
    return 10 * len(part)


def make_forward(room, failure, calls):
    def forward(part):
        calls.append(len(part))
        if len(part) > room:
            raise failure
        return [-item for item in part]

    return forward


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_batch_is_halved_until_it_fits_and_later_batches_start_at_that_size(failure):
    batch_size, calls = ShrinkingBatch(1_000, torch.device("cpu")), []
    forward = make_forward(3, failure, calls)
    items = list(range(11))
    parts = list(batch_size.run(items, count_tokens, forward))
    assert [item for part, _ in parts for item in part] == items
    assert [score for _, scores in parts for score in scores] == [-item for item in items]
    assert calls == [11, 5, 2, 1, 2, 1, 2, 1, 2]
    assert batch_size.max_tokens == 25
    calls.clear()
    assert [item for part, _ in batch_size.run(items, count_tokens, forward) for item in part] == items
    assert max(calls) <= 2, "a size that failed is not tried again"


def test_a_batch_of_just_the_allowed_size_is_run_at_once_and_a_larger_one_is_halved_before():
    batch_size, calls = ShrinkingBatch(40, torch.device("cpu")), []
    forward = make_forward(99, MemoryError(), calls)
    list(batch_size.run(range(4), count_tokens, forward))
    list(batch_size.run(range(5), count_tokens, forward))
    assert calls == [4, 2, 3]
    assert batch_size.max_tokens == 40


def test_one_item_is_tried_whatever_its_size_and_named_where_it_does_not_fit():
    batch_size, calls = ShrinkingBatch(4, torch.device("cpu")), []
    assert list(batch_size.run([7], count_tokens, make_forward(1, MemoryError(), calls))) == [([7], [-7])]
    with pytest.raises(UsageError, match="10 tokens at once do not fit the memory of cpu: MemoryError: full"):
        list(batch_size.run([7], count_tokens, make_forward(0, MemoryError("full"), calls)))


def test_other_errors_are_raised_as_they_are():
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    batch_size = ShrinkingBatch(100, torch.device("cpu"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        list(batch_size.run([1, 2], count_tokens, make_forward(0, RuntimeError("shape mismatch"), [])))
    assert batch_size.max_tokens == 100


@pytest.mark.parametrize(("device", "count"), [("cpu", 0), ("cuda", 2)])
def test_the_memory_that_torch_holds_on_a_gpu_is_returned_after_every_failure(device, count, monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(device))
    list(ShrinkingBatch(100, torch.device(device)).run(range(4), count_tokens, make_forward(1, MemoryError(), [])))
    assert emptied == [device] * count


def test_nothing_of_a_failed_attempt_is_in_memory_at_the_next():
    tensors, seen = [], []

    def forward(part):
        gc.collect()
        seen.append([reference() for reference in tensors])
        result = torch.zeros(len(part))
        tensors.append(weakref.ref(result))
        if len(part) > 1:
            raise MemoryError
        return len(part)

    list(ShrinkingBatch(100, torch.device("cpu")).run([1, 2], count_tokens, forward))
    assert seen == [[], [None], [None, None]]
