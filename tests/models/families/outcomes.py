"""The declared outcome of every model type that is not scored right, and the types that the test suite always checks.

Every causal language model type of transformers that is not named here must be scored and evaluated right.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.models.families.family_check import Verdict


@dataclass(frozen=True)
class Refusal:
    """A type that is refused."""

    message_part: str
    """A part of the message that a user sees."""
    explanation: str
    """Which property of the type is the reason."""


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
# Types that are refused
REFUSED = {
    "blt": Refusal(
        "states no hidden_size or num_hidden_layers",
        "It consists of four transformers of different sizes, and transformers cannot read it back as a causal model.",
    ),
    "cpmant": Refusal("its outputs depend on later tokens", "It attends to the whole text in both directions."),
    "doge": Refusal(
        "nats alone",
        "Beyond `keep_window_size` tokens, it attends to those with the largest scores. Equal tokens have equal scores"
        " in the first layer, and which of them are taken depends on the length of the row. A context length of at most"
        " `keep_window_size` has right scores.",
    ),
    "prophetnet": Refusal(
        "does not run on 32 tokens",
        "It predicts two tokens ahead, so it has two positions fewer than config.json states. With a context length of"
        " `max_position_embeddings` - 2, it runs.",
    ),
    "reformer": Refusal(
        "nats alone",
        "It sorts tokens by random hashes and attends within chunks of them, so an output depends on how many tokens"
        " follow.",
    ),
}
# Types that, with bfloat16 weights, multiply a bfloat16 tensor by a float32 one, which torch does not do
REFUSED_IN_HALF_PRECISION = ("xlnet", "xlstm")
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


def find_surprise(verdict: Verdict) -> str:
    """Return how a verdict differs from the declared outcome, or an empty text."""
    name, declared = verdict.model_type, REFUSED.get(verdict.model_type)
    if declared is not None and (verdict.outcome != "refused" or declared.message_part not in verdict.reason):
        return f"{name} is {verdict.outcome} ({verdict.reason}), and a refusal is declared: {declared.message_part}"
    if declared is None and verdict.outcome != "right":
        return f"{name} is {verdict.outcome}: {verdict.reason}"
    if (name in REFUSED_IN_HALF_PRECISION) != bool(verdict.half_precision_refusal):
        return f"{name} in bfloat16 is {verdict.half_precision_refusal or 'right, and a refusal is declared'}"
    return ""
