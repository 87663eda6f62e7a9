"""How a model is divided into a body and a head, and how many tokens a batch may have."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.scoring import forward
from trailhouse.models.scoring.forward import ForwardPass, inspect_forward_pass

TOKENS = torch.arange(1, 30)


def inspect(model, context_length: int = 32) -> ForwardPass:
    with torch.inference_mode():
        return inspect_forward_pass(model, TOKENS, context_length)


@pytest.mark.parametrize(
    ("wanted", "device", "is_divided", "vocabulary_size", "expected"),
    [
        (None, "cpu", True, 97, 4_096),
        (None, "cuda", True, 97, 32_768),
        (None, "mps", True, 97, 32_768),
        (7, "cuda", True, 97, 7),
        (None, "cpu", False, 97, 4_096),
        (None, "cuda", False, 1 << 12, 1 << 14),  # 2^26 logits, 256 MiB in float32
        (100_000, "cpu", False, (1 << 12) + 1, (1 << 14) - 4),
        (7, "cpu", False, 1 << 12, 7),
        (7, "cpu", False, 1 << 27, 1),
    ],
)
def test_a_batch_has_a_number_of_tokens_that_suits_the_device_and_the_logits(
    wanted, device, is_divided, vocabulary_size, expected
):
    body = nn.Identity() if is_divided else None
    found = ForwardPass(None, body, None, vocabulary_size).choose_batch_tokens(wanted, torch.device(device))
    assert found == expected


def test_the_hooks_of_the_probe_are_removed_even_after_an_error():
    model = build_random_model("gpt_neox")
    inspect(model)

    def fail(*_: object) -> None:
        raise ValueError("no")

    handle = model.gpt_neox.register_forward_pre_hook(fail)
    with pytest.raises(BadInputError):
        inspect(model)
    handle.remove()
    modules = (model, model.base_model, model.get_output_embeddings())
    assert [len(module._forward_hooks) for module in modules] == [0, 0, 0]


@pytest.mark.parametrize(("context_length", "expected"), [(1, 1), (2, 1), (3, 1), (8, 4), (32, 16), (1_000, 16)])
def test_the_probe_is_half_a_context_and_at_most_16_tokens(context_length, expected):
    model = build_random_model("gpt_neox")
    seen = []
    model.register_forward_pre_hook(
        lambda _, arguments, options: seen.append(tuple(options["input_ids"].shape)), with_kwargs=True
    )
    inspect(model, context_length)
    assert seen[0] == (1, expected)
    # The check of causality reads three versions of the text; a single token is not checked
    assert seen[1:] == ([] if context_length == 1 else [(3, min(16, context_length))])


class ScaledHead(nn.Linear):
    """A head that is more than a linear layer."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(hidden)


def replace_head(model) -> None:
    head = ScaledHead(32, VOCABULARY_SIZE, bias=False)
    model.set_output_embeddings(head)


def scale_hidden(model) -> None:
    model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0] * 2,))


def scale_logits(model) -> None:
    def double(_module, _inputs, output):
        output.logits = 2 * output.logits
        return output

    model.register_forward_hook(double)


def call_head_twice(model) -> None:
    head = model.get_output_embeddings()
    model.gpt_neox.register_forward_hook(lambda *_: (head(torch.zeros(1, 1, 32)), None)[1])


@pytest.mark.parametrize(
    ("change", "is_divided"),
    [(lambda _: None, True), (replace_head, False), (scale_hidden, False), (scale_logits, False),
     (call_head_twice, False)],
)  # fmt: skip
def test_a_model_is_divided_only_if_its_head_alone_makes_logits_of_what_the_body_returns(change, is_divided):
    torch.manual_seed(0)
    model = build_random_model("gpt_neox")
    change(model)
    found = inspect(model)
    assert (found.body is not None, found.head is not None) == (is_divided, is_divided)
    assert found.vocabulary_size == VOCABULARY_SIZE
    if is_divided:
        assert found.body is model.base_model
        assert found.head is model.get_output_embeddings()


@pytest.mark.parametrize("block_rows", [1, 2, 5, 256])
def test_the_scores_of_an_undivided_model_do_not_depend_on_the_blocks(monkeypatch, block_rows):
    model = build_random_model("gpt_neox")
    whole = inspect(model)
    undivided = dataclasses.replace(whole, body=None, head=None)
    monkeypatch.setattr(forward, "LOGIT_BLOCK_ROWS", block_rows)
    input_ids = torch.arange(1, 13).reshape(2, 6)
    outputs, targets = torch.tensor([0, 3, 4, 6, 10]), torch.tensor([2, 5, 6, 8, 12])
    options = {"with_entropy": True, "with_target_rank": True}
    calls = []
    hook = model.register_forward_hook(lambda *_: calls.append("the whole model"))
    with torch.inference_mode():
        one = whole.score_positions(input_ids, outputs, targets, **options)
        assert calls == []
        two = undivided.score_positions(input_ids, outputs, targets, **options)
        assert calls == ["the whole model"]
        hook.remove()
        expected = model(input_ids).logits.flatten(0, 1)[outputs].log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    torch.testing.assert_close(two.log_prob_nats, expected)
    torch.testing.assert_close(one.log_prob_nats, expected)
    torch.testing.assert_close(one.entropy_nats, two.entropy_nats)
    assert one.target_rank.tolist() == two.target_rank.tolist()


def test_outputs_are_equal_only_with_equal_shapes_and_values():
    left = torch.ones(2, 3)
    assert forward._are_equal(left, torch.ones(2, 3, dtype=torch.bfloat16))
    assert not forward._are_equal(left, torch.ones(3, 2))
    assert not forward._are_equal(left, torch.zeros(2, 3))
    assert not forward._are_equal("text", left)
