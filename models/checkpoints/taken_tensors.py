"""This module compares the tensors of a checkpoint with the tensors of the model that config.json describes.

transformers raises no error if the checkpoint holds a tensor that the model does not use. The scores are right only if
they do not need this tensor. For example, no score needs a causal mask that older versions of transformers saved.
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
# Heads of BERT that classify whole texts. The logits of the next token do not depend on them.
SENTENCE_HEADS = re.compile(r"(^|\.)(pooler|seq_relationship)\.")
LAYER_NUMBER = re.compile(r"(?P<layer>(^|\.)(layers|h|blocks)\.(?P<number>\d+)\.)")
# Tensors of a layer for multi-token prediction. The logits of the next token do not depend on such a layer.
FURTHER_PREDICTION = re.compile(r"\.(eh_proj|enorm|hnorm|shared_head)\.|(^|\.)mtp")
INTEGER_TYPES = re.compile(r"[IU]\d+|BOOL|u?int\d+|bool")


def find_untaken_tensor(model: PreTrainedModel, tensors: Tensors) -> str | None:
    """Return a message about the first tensor of a checkpoint that does not fit the model, or None if all tensors fit.

    A tensor does not fit

    - if it holds integers where the model has floating-point numbers, which means that it is quantised and lacks its
      scale,
    - if the model does not use it, although a score may need it, or
    - if another tensor of the checkpoint has the same name in the model.

    The model may be on torch's meta device, because only the names and types of its tensors are read.
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
    """Return a message about the first tensor in ``unexpected`` that a score may need, or None if there is none.

    ``unexpected`` holds the names of the tensors that transformers did not load. Names that ``find_untaken_tensor``
    checks are skipped.
    """
    known = {target for target, _ in _name_targets(model, tensors).values()}
    names = sorted(name for name in unexpected if name not in known and not _is_not_needed(name, name, model, tensors))
    return f"the tensor {names[0]} is not used by {type(model).__name__} ({len(names)} in all)" if names else None


def is_computed_buffer(name: str) -> bool:
    """Return whether a tensor with this name is a causal mask or a buffer that models compute from config.json."""
    return bool(COMPUTED_BUFFERS.search(name) or MASK_BUFFERS.search(name))


def _find_second_source(targets: Mapping[str, tuple[str, bool]]) -> str | None:
    """Return a message if two tensors of the checkpoint have the same name in the model, so that one would be lost.

    ``targets`` is a result of ``_name_targets``. Tensors that the model joins or splits are skipped.
    """
    sources: dict[str, str] = {}
    for name, (target, is_joined) in sorted(targets.items()):
        if not is_joined and target in sources:
            return f"the tensors {sources[target]} and {name} are both for {target} of the model"
        if not is_joined:
            sources[target] = name
    return None


def _name_targets(model: PreTrainedModel, names: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Return, for every tensor of a checkpoint, its name in the model and whether the model joins or splits the tensor.

    The names are computed by transformers' own functions for loading a model.
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
    """Return whether scores are right without a tensor that the model does not use.

    ``name`` is the tensor's name in the checkpoint, and ``target`` is its name in the model.
    """
    if COMPUTED_BUFFERS.search(name) or SENTENCE_HEADS.search(name):
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
    # The checkpoint has more layers than the model, and transformers ignores the tensors of the additional layers. The
    # scores are right only if such a layer is one for multi-token prediction.
    return any(FURTHER_PREDICTION.search(other) for other in tensors if layer["layer"] in other)


def _has_shape_of_mask(shape: tuple[int, ...]) -> bool:
    """Return whether a shape is that of a causal mask, for example (1, 1, T, T), or of one number to fill it."""
    is_square = len(shape) >= 2 and shape[-1] == shape[-2] and set(shape[:-2]) <= {1}
    return is_square or shape in ((), (1,))
