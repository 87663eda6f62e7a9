"""This module compares the tensors of a checkpoint with those of the model class that config.json names.

A tensor that the model does not take is left out of every score without a word. So it must be a tensor that no score
needs, such as a causal mask that older versions of transformers saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""The type and shape of every tensor of a checkpoint, by name."""

# Buffers that every model computes from config.json
COMPUTED_BUFFERS = re.compile(
    r"(^|\.)((original_)?inv_freq|(cos|sin)_cached|freqs_cis|position_ids|causal_mask|embed_positions\.weights"
    r"|_float_tensor|(encoder|decoder)\.version)$"
)
MASK_BUFFERS = re.compile(r"(^|\.)(attn|attention|crossattention)\.(bias|masked_bias)$")
LAYER_NUMBER = re.compile(r"(?P<layer>(^|\.)(layers|h|blocks)\.(?P<number>\d+)\.)")
# Parts of a layer that predicts a token further ahead. Such layers are trained beside the model.
FURTHER_PREDICTION = re.compile(r"\.(eh_proj|enorm|hnorm|shared_head)\.|(^|\.)mtp")
INTEGER_TYPES = re.compile(r"U?I\d+|BOOL|u?int\d+|bool")


def find_untaken_tensor(model: PreTrainedModel, tensors: Tensors) -> str | None:
    """Return what is wrong with the first tensor that the model does not take as it is; None if nothing is wrong.

    The model may be on torch's meta device, because only the names and types of its tensors are read. A tensor of
    integers in place of floating-point numbers is a quantised one without its scale.
    """
    own = model.state_dict()
    targets = _name_targets(model, tensors)
    if getattr(model, "hf_quantizer", None) is None:
        for name, (target, _) in targets.items():
            if target in own and own[target].is_floating_point() and INTEGER_TYPES.fullmatch(tensors[name][0]):
                return f"the tensor {name} holds whole numbers ({tensors[name][0]}), which are no weights by themselves"
    untaken = sorted(
        name
        for name, (target, _) in targets.items()
        if target not in own and not _is_not_needed(name, target, model, tensors)
    )
    if untaken:
        return f"the tensor {untaken[0]} is not used by {type(model).__name__} ({len(untaken)} in all)"
    return _find_second_source({name: target for name, target in targets.items() if target[0] in own})


def find_unexpected_tensor(model: PreTrainedModel, tensors: Tensors, unexpected: Iterable[str]) -> str | None:
    """Return what is wrong with the first tensor that transformers left out; None if no score needs such a tensor."""
    known = {target for target, _ in _name_targets(model, tensors).values()}
    names = sorted(name for name in unexpected if name not in known and not _is_not_needed(name, name, model, tensors))
    return f"the tensor {names[0]} is not used by {type(model).__name__} ({len(names)} in all)" if names else None


def is_computed_buffer(name: str) -> bool:
    """Return whether a name is that of a buffer that models compute from config.json, or of a causal mask."""
    return bool(COMPUTED_BUFFERS.search(name) or MASK_BUFFERS.search(name))


def _find_second_source(targets: Mapping[str, tuple[str, bool]]) -> str | None:
    """Return which two tensors of the checkpoint are both for one tensor of the model, of which one would be lost."""
    sources: dict[str, str] = {}
    for name, (target, is_joined) in sorted(targets.items()):
        if not is_joined and target in sources:
            return f"the tensors {sources[target]} and {name} are both for {target} of the model"
        if not is_joined:
            sources[target] = name
    return None


def _name_targets(model: PreTrainedModel, names: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Return the name in the model of every tensor of a checkpoint, and whether it is joined with or cut into others.

    The names are those that transformers itself computes when it loads a model.
    """
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    own, prefix = model.state_dict(), model.base_model_prefix
    mapping = get_model_conversion_mapping(model, None, getattr(model, "hf_quantizer", None))
    renamings = [one for one in mapping if isinstance(one, WeightRenaming)]
    converters = [one for one in mapping if isinstance(one, WeightConverter)]
    targets = {}
    for name in names:
        target, pattern = rename_source_key(name, renamings, converters, prefix, own)
        if target not in own and name in own:
            target, pattern = rename_source_key(name, [], [], prefix, own)
        targets[name] = (target, pattern is not None)
    return targets


def _is_not_needed(name: str, target: str, model: PreTrainedModel, tensors: Tensors) -> bool:
    """Return whether no score needs a tensor that the model does not take."""
    if COMPUTED_BUFFERS.search(name):
        return True
    if MASK_BUFFERS.search(name):
        return _has_shape_of_mask(tensors[name][1] if name in tensors else ())
    patterns = getattr(model, "_keys_to_ignore_on_load_unexpected", None) or ()
    if not any(re.search(pattern, target) for pattern in patterns if not pattern.endswith("bias")):
        return False
    layer = LAYER_NUMBER.search(name)
    layer_count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    if layer is None or layer_count is None or int(layer["number"]) < layer_count:
        return True
    # transformers ignores the layer of this number whatever it holds
    return any(FURTHER_PREDICTION.search(other) for other in tensors if layer["layer"] in other)


def _has_shape_of_mask(shape: tuple[int, ...]) -> bool:
    """Return whether a shape is that of a causal mask, (1, 1, T, T), or of the one value that stands for a masked."""
    is_square = len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3]
    return is_square or shape in ((), (1,))
