"""This module counts the active parameters of a model, which are the parameters that are used for one token.

In a mixture of experts, the active parameters are fewer than all parameters, because a token uses only a few experts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel  # importing the latter takes seconds

# Names of the configuration entries that state the number of experts (EXPERT_COUNT_KEYS) and the number of experts
# that are used for one token (EXPERTS_PER_TOKEN_KEYS)
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
    """Return the number of parameters that are used for one token; tied parameters count once.

    The count includes as many experts as the router chooses for one token. Shared experts and the router are counted
    as a whole. If neither the configuration nor a router states how many experts are used for a token, all parameters
    are counted.
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
    """Return the number of experts whose weights one parameter holds.

    The result is 1 for a parameter that belongs to no expert or to a shared expert.
    """
    parts = name.split(".")
    if "router" in parts or "shared" in name or len(shape) < 2:
        return 1
    if "experts" in parts:
        if len(shape) > 2:
            return shape[0]
        return expert_count if expert_count and shape[0] % expert_count == 0 else 1
    # In some model classes, a parameter of the feed-forward block holds the matrices of all experts. Its shape is
    # (experts, rows, columns). The weight of a depthwise convolution also has three dimensions, but the second is 1.
    return expert_count if len(shape) == 3 and shape[0] == expert_count and shape[1] > 1 else 1


def _read_count(config: PretrainedConfig, names: tuple[str, ...]) -> int | None:
    """Return the first positive integer among the configuration entries ``names``, or None if there is none.

    The entries of ``config`` are read before the entries of ``config.ffn_config``, if it exists.
    """
    for part in (config, getattr(config, "ffn_config", None)):
        for name in names:
            value = getattr(part, name, None)
            if isinstance(value, int) and value > 0:
                return value
    return None


def _find_router_choice(model: PreTrainedModel) -> int | None:
    """Return how many experts the first router of the model chooses for a token; None if the model has no router."""
    for name, module in model.named_modules():
        value = getattr(module, "top_k", None)
        if isinstance(value, int) and value > 0 and name:
            return value
    return None
