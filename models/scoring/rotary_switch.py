"""This module finds models whose rotary frequencies depend on the length of the sequence that they read.

With rope type ``longrope`` (Phi-3, Phi-MoE), a model uses other frequencies for all positions if the sequence has more
than ``original_max_position_embeddings`` tokens. Texts of one batch are padded to one length, so texts on both sides of
this number must not share a batch.

The other rope types of transformers do not depend on the length: ``linear``, ``yarn`` and ``llama3`` are fixed when the
model is loaded, and ``dynamic`` changes only beyond ``max_position_embeddings``, which no window exceeds.
"""

from __future__ import annotations

from transformers import PretrainedConfig

SWITCHING_TYPE = "longrope"


def find_switch_length(config: PretrainedConfig) -> int | None:
    """Return the largest number of tokens that a model reads with its frequencies for short texts.

    Returns None if the model's frequencies do not depend on the number of tokens.
    """
    text_config = config.get_text_config()
    parameters = getattr(text_config, "rope_parameters", None) or {}
    # Some models have parameters for each type of layer
    nested = [entry for entry in parameters.values() if isinstance(entry, dict)]
    lengths = [
        entry.get("original_max_position_embeddings") or text_config.max_position_embeddings
        for entry in nested or [parameters]
        if entry.get("rope_type") == SWITCHING_TYPE
    ]
    return min(lengths, default=None)
