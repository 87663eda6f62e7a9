"""This module counts the parameters that work on one token, which are fewer than all in a mixture of experts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel  # importing the latter takes seconds

# The names that configurations have for the number of experts, and for how many of them work on a token
EXPERT_COUNT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
EXPERTS_PER_TOKEN_KEYS = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
    "moe_k",
)
EXPERT_OF_LIST = re.compile(r"(?P<list>(^|.*\.)experts)\.(?P<number>\d+)\.")


def count_active_parameters(model: PreTrainedModel) -> int:
    """Return the number of parameters that work on one token; tied parameters count once.

    Of the experts, as many are counted as the router chooses for a token. Shared experts and the router are counted as
    a whole. If the configuration does not say how many experts work on a token, all are counted.
    """
    config = model.config.get_text_config()
    per_token = _read_count(config, EXPERTS_PER_TOKEN_KEYS) or _find_router_choice(model)
    if per_token is None:
        return sum(parameter.numel() for parameter in model.parameters())
    expert_count = _read_count(config, EXPERT_COUNT_KEYS)
    lists: dict[str, set[str]] = {}
    for name, _ in model.named_parameters():
        if match := EXPERT_OF_LIST.match(name):
            lists.setdefault(match["list"], set()).add(match["number"])
    total = 0
    for name, parameter in model.named_parameters():
        match = EXPERT_OF_LIST.match(name)
        count = len(lists[match["list"]]) if match else _count_experts(name, tuple(parameter.shape), expert_count)
        total += parameter.numel() * min(per_token, count) // count
    return total


def _count_experts(name: str, shape: tuple[int, ...], expert_count: int | None) -> int:
    """Return over how many experts a parameter is spread; 1 if it belongs to no experts, or to shared ones."""
    parts = name.split(".")
    if "router" in parts or "shared" in name or len(shape) < 2:
        return 1
    if "experts" in parts:
        if len(shape) > 2:
            return shape[0]
        return expert_count if expert_count and shape[0] % expert_count == 0 else 1
    # Some classes keep the matrices of all experts in the feed-forward block itself. Convolutions have a 1 there.
    return expert_count if len(shape) == 3 and shape[0] == expert_count and shape[1] > 1 else 1


def _read_count(config: PretrainedConfig, names: tuple[str, ...]) -> int | None:
    """Return the first positive integer of these names in the configuration or in the one of its feed-forward block."""
    for part in (config, getattr(config, "ffn_config", None)):
        for name in names:
            value = getattr(part, name, None)
            if isinstance(value, int) and value > 0:
                return value
    return None


def _find_router_choice(model: PreTrainedModel) -> int | None:
    """Return how many experts the first router of the model chooses, or None if it has no router."""
    for name, module in model.named_modules():
        value = getattr(module, "top_k", None)
        if isinstance(value, int) and value > 0 and name:
            return value
    return None
