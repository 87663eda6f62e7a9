"""The declared outcome of every model type that is not scored right, and the types that the test suite always checks.

Every causal language model type of transformers that is not named here must be scored and evaluated right.
"""

from __future__ import annotations

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

READS_ANOTHER_MODEL = "reads hidden states of another model, for which it drafts text"
WRITES_SOUND = "writes sound, and has no configuration of its own for text"

# Types of which no model is built
NOT_TRIED = {
    "gemma3n": "its image encoder needs the package timm, which is not installed; gemma3n_text is tried",
    "gemma4_assistant": READS_ANOTHER_MODEL,
    "gemma4_unified_assistant": READS_ANOTHER_MODEL,
    "musicgen": WRITES_SOUND,
    "musicgen_melody": WRITES_SOUND,
}
# Types that are refused, with a part of the message
REFUSED = {
    "blt": "states no hidden_size or num_hidden_layers",
    "cpmant": "its outputs depend on later tokens",
    "prophetnet": "does not run on 32 tokens",
    "reformer": "nats alone",
}
# Well-known types, and types that are unlike the others
SAMPLE = (
    "bert",
    "bloom",
    "deepseek_v3",
    "falcon",
    "gemma2",
    "gpt2",
    "gpt_neo",
    "gpt_neox",
    "gpt_oss",
    "gptj",
    "llama",
    "mamba",
    "mistral",
    "mixtral",
    "mpt",
    "olmo2",
    "opt",
    "phi3",
    "prophetnet",
    "qwen2",
    "reformer",
    "roberta",
    "rwkv",
    "xlnet",
    "zamba2",
)
TRIED_COUNT = 184
"""Number of types of which a model is built."""


def list_types() -> list[str]:
    """Return the model types of the installed transformers that have a causal language model."""
    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def list_tried_types() -> list[str]:
    """Return the types of which a model is built."""
    return [model_type for model_type in list_types() if model_type not in NOT_TRIED]


def find_surprise(model_type: str, outcome: str, reason: str) -> str:
    """Return how an outcome differs from the declared one, or an empty text."""
    if model_type in REFUSED and (outcome != "refused" or REFUSED[model_type] not in reason):
        return f"{model_type} is {outcome} ({reason}), and a refusal is declared: {REFUSED[model_type]}"
    if model_type not in REFUSED and outcome != "right":
        return f"{model_type} is {outcome}: {reason}"
    return ""
