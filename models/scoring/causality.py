"""This module checks that a model is causal, which means that no output depends on a later token.

At initialisation, an output hardly depends on any other token. So a small effect of later tokens does not prove that a
model is causal. Therefore the effect of later tokens on earlier outputs is compared with the effect of earlier tokens
on later outputs. In a model that is not causal, both effects are of similar size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.failing_models import refusing_failures

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# Number of tokens before the first changed token. Some models read each block of tokens in both directions. Such a
# model looks causal if the first changed token begins a block. The number is prime, so few block sizes divide it.
KEPT_TOKEN_COUNT = 7
# Largest effect of later tokens that rounding can explain, as a share of the effect of earlier tokens, by dtype
LARGEST_SHARES = {torch.float32: 1e-3}
LARGEST_SHARE_IN_HALF_PRECISION = 0.1
# Smallest share of the later logits that must change when earlier tokens are changed. If fewer logits change, an
# effect of later tokens might be missed too.
SMALLEST_CHANGED_SHARE = 0.01


def refuse_non_causal(model: PreTrainedModel, token_ids: Tensor) -> None:
    """Raise BadInputError if later tokens change earlier outputs, or if earlier tokens hardly change later outputs.

    ``token_ids`` (T,) is on the model's device. The model reads three versions of it: the unchanged tokens, the tokens
    with another end, and the tokens with another beginning. They form one batch, so that all versions are rounded in
    the same way. A single token is not checked.
    """
    if len(token_ids) < 2:
        return
    token_ids = _avoid_padding(token_ids, model)
    start = min(KEPT_TOKEN_COUNT, len(token_ids) - 1)
    other_ids = _avoid_padding(token_ids + max(1, _count_tokens(model) // 2), model)
    rows = torch.stack(
        [
            token_ids,
            torch.cat([token_ids[:start], other_ids[start:]]),
            torch.cat([other_ids[:start], token_ids[start:]]),
        ]
    )
    with _filling_zeros(model), refusing_failures(model, rows):
        logits = model(input_ids=rows, use_cache=False).logits  # (3, T, V)
    largest_share = LARGEST_SHARES.get(logits.dtype, LARGEST_SHARE_IN_HALF_PRECISION)
    if logits.isnan().any():
        return  # scores that are not finite are refused elsewhere
    whole, with_other_end, with_other_beginning = logits.float()
    effect_of_later = _average_change(whole[:start], with_other_end[:start])
    effect_of_earlier = _average_change(whole[start:], with_other_beginning[start:])
    if effect_of_later > largest_share * effect_of_earlier:
        raise BadInputError(
            f"the model {type(model).__name__} is no causal language model: its outputs depend on later tokens",
            "score models that predict each token from the ones before it; check is_decoder in config.json",
        )
    changed = (whole[start:] != with_other_beginning[start:]).float().mean().item()
    if changed < SMALLEST_CHANGED_SHARE:
        raise BadInputError(
            f"the outputs of the model {type(model).__name__} hardly depend on other tokens, so it cannot be seen"
            " whether it is a causal language model",
            "check the weights, or score it with --dtype float32",
        )


def _avoid_padding(token_ids: Tensor, model: PreTrainedModel) -> Tensor:
    """Return the token ids modulo the size of the model's vocabulary, with padding tokens replaced by another token.

    Some models do not count padding tokens as positions. So a padding token would shift the positions of later tokens.
    """
    vocabulary_size, padding_id = _count_tokens(model), getattr(model.config.get_text_config(), "pad_token_id", None)
    token_ids = token_ids % vocabulary_size
    return (
        token_ids
        if padding_id is None
        else token_ids.where(token_ids != padding_id, (padding_id + 1) % vocabulary_size)
    )


def _count_tokens(model: PreTrainedModel) -> int:
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight.shape[0]


def _average_change(left: Tensor, right: Tensor) -> float:
    return (left - right).nan_to_num(0.0).abs().mean(dtype=torch.float64).item()  # the difference of infinities is NaN


@contextmanager
def _filling_zeros(model: nn.Module) -> Iterator[None]:
    """Replace parameters that are all zero by random numbers while the ``with`` block runs.

    At initialisation, many models have zeros in the LM head or in the last projection of every layer. These zeros hide
    all effects of tokens on outputs.
    """
    zeros = [parameter for name, parameter in model.named_parameters() if _is_hidden(name, parameter)]
    generators: dict[torch.device, torch.Generator] = {}
    try:
        with torch.no_grad():
            for parameter in zeros:
                generator = generators.setdefault(parameter.device, torch.Generator(parameter.device).manual_seed(0))
                width = parameter.shape[-1] if parameter.ndim > 1 else 1
                parameter.normal_(std=1 / math.sqrt(width), generator=generator)
        yield
    finally:
        with torch.no_grad():
            for parameter in zeros:
                parameter.zero_()


def _is_hidden(name: str, parameter: nn.Parameter) -> bool:
    """Return whether all values of a parameter are zero, and the parameter is not a bias.

    The first value is tested before the other values, because this test is fast.
    """
    if parameter.is_meta or parameter.numel() == 0 or name.endswith("bias") or not parameter.is_floating_point():
        return False
    return parameter.flatten()[0].item() == 0 and not parameter.any()
