"""What a model is, read from its configuration without loading its weights: the row of ``raw_model``."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.suite import ModelDeclaration

# A configuration beyond these is a mistake or an attack: building it would take for ever even without weights
CONFIGURATION_LIMITS = {
    "hidden_size": 1 << 20,
    "num_hidden_layers": 4_096,
    "num_attention_heads": 1 << 16,
    "vocab_size": 1 << 26,
    "intermediate_size": 1 << 24,
    "num_experts": 1 << 14,
    "num_local_experts": 1 << 14,
    "n_embd": 1 << 20,
    "n_layer": 4_096,
    "n_head": 1 << 16,
    "n_inner": 1 << 24,
    "d_model": 1 << 20,
    "ffn_dim": 1 << 24,
    "state_size": 1 << 16,
    "max_position_embeddings": 1 << 26,
    "n_positions": 1 << 20,
}


def refuse_undescribable(checkpoint: Checkpoint) -> None:
    """Raise BadInputError where config.json describes no causal language model; no weights are read."""
    _build_without_storage(read_config(checkpoint), checkpoint)


def describe_model(model: ModelDeclaration, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the row of ``raw_model`` without ``updated_at``.

    Parameters are counted on a model without storage; tied ones count once. Attention heads are 0 for
    architectures without attention.

    Errors: BadInputError where config.json describes no causal language model.
    """
    config = read_config(checkpoint)
    network = _build_without_storage(config, checkpoint)
    text_config = config.get_text_config()
    head_count = getattr(text_config, "num_attention_heads", None) or 0
    hidden_size = text_config.hidden_size
    head_dimension = getattr(text_config, "head_dim", None) or hidden_size // head_count if head_count else 0
    return {
        "model_id": checkpoint.model_id,
        "suite_id": checkpoint.suite_id,
        "model_name": model.model_name,
        "architecture": config.model_type,
        "parameter_count": sum(parameter.numel() for parameter in network.parameters()),
        "non_embedding_parameter_count": _count_non_embedding_parameters(network),
        "layer_count": text_config.num_hidden_layers,
        "hidden_size": hidden_size,
        "head_count": head_count,
        "head_dimension": head_dimension,
        "vocabulary_size": _count_embeddings(network),
        "context_length": model.context_length,
        "batch_tokens": model.batch_tokens,
        "planned_steps": model.planned_steps,
        "seed": model.seed,
        "tokenizer_id": checkpoint.tokenizer_id,
    }


def read_config(checkpoint: Checkpoint) -> PretrainedConfig:
    """Return the configuration of a checkpoint; BadInputError where config.json describes no model."""
    path = checkpoint.directory / "config.json"
    try:
        _refuse_absurd_sizes(json.loads(path.read_bytes()))
        config = AutoConfig.from_pretrained(checkpoint.directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever transformers trips over, it is the file's content
        problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise BadInputError(f"{path}: describes no model: {problem}", "copy the file again") from error
    assert isinstance(config, PretrainedConfig)
    return config


def _refuse_absurd_sizes(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    for name, limit in CONFIGURATION_LIMITS.items():
        value = content.get(name)
        if value is not None and not (isinstance(value, int) and 0 < value <= limit):
            raise ValueError(f"{name} is {value!r}")


def _build_without_storage(config: PretrainedConfig, checkpoint: Checkpoint) -> PreTrainedModel:
    try:
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    except Exception as error:
        problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise BadInputError(
            f"{checkpoint.directory / 'config.json'}: describes no causal language model: {problem}",
            "check that the checkpoint is one of a language model",
        ) from error
    assert isinstance(network, PreTrainedModel)
    return network


def _count_embeddings(network: PreTrainedModel) -> int:
    weight = network.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return weight.shape[0]


def _count_non_embedding_parameters(network: PreTrainedModel) -> int:
    """Count the parameters outside token and position embeddings and the output head."""
    embeddings = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    head = network.get_output_embeddings()  # type: ignore[no-untyped-call]
    excluded = {
        id(parameter) for module in (*embeddings, head) if module is not None for parameter in module.parameters()
    }
    return sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in excluded)
