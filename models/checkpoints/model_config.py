"""This module builds the row of a model in ``raw_model`` from its config.json, without loading weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.active_parameters import count_active_parameters
from trailhouse.models.checkpoints.checkpoint import Checkpoint, check_config_file
from trailhouse.models.checkpoints.hash_cache import HashCache
from trailhouse.models.checkpoints.library_errors import describe_error
from trailhouse.models.checkpoints.suite import ModelDeclaration

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

# The largest values that are accepted in config.json. Larger values are mistakes or attacks, and building such a model
# would take too long even without weights.
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
    "max_seq_len": 1 << 26,
}


@dataclass(frozen=True)
class ModelRecord:
    """A row of ``raw_model`` without ``updated_at``."""

    model_id: str
    suite_id: str
    model_name: str
    architecture: str
    parameter_count: int
    """Number of parameters; tied parameters count once."""
    active_parameter_count: int
    """Number of parameters that work on one token."""
    non_embedding_parameter_count: int
    layer_count: int
    hidden_size: int
    head_count: int
    """Number of attention heads; 0 for an architecture without attention."""
    head_dimension: int
    vocabulary_size: int
    context_length: int
    batch_tokens: int
    planned_steps: int
    seed: int | None
    tokenizer_id: str


def check_model_config(checkpoint: Checkpoint) -> None:
    """Raise BadInputError if config.json does not describe a causal language model. No weights are read."""
    build_without_weights(checkpoint)


def build_without_weights(checkpoint: Checkpoint) -> PreTrainedModel:
    """Return the model that config.json describes, on torch's meta device, which stores no weights.

    Raises BadInputError if config.json does not describe a causal language model.
    """
    return build_network(read_config(checkpoint), checkpoint.directory)


def build_network(config: PretrainedConfig, directory: Path) -> PreTrainedModel:
    """Return the model that the configuration of a checkpoint directory describes, on torch's meta device.

    Raises BadInputError if the configuration does not describe a causal language model.
    """
    try:
        with torch.device("meta"):
            network: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                config, trust_remote_code=False
            )
    except Exception as error:
        raise BadInputError(
            f"{directory / 'config.json'}: describes no causal language model: {describe_error(error)}",
            "check that the checkpoint is one of a language model",
        ) from error
    return network


def read_model_record(model: ModelDeclaration, checkpoint: Checkpoint) -> ModelRecord:
    """Return the record of a model. Its parameters are counted on torch's meta device, which stores no weights.

    Raises BadInputError if config.json does not describe a causal language model, or states no width or no number of
    layers.
    """
    config = read_config(checkpoint)
    network = build_without_weights(checkpoint)
    text_config = config.get_text_config()
    head_count = read_count(text_config, "num_attention_heads") or 0
    hidden_size, layer_count = (read_count(text_config, name) for name in ("hidden_size", "num_hidden_layers"))
    if hidden_size is None or layer_count is None:
        raise BadInputError(
            f"{checkpoint.directory / 'config.json'}: {config.model_type} states no hidden_size or num_hidden_layers",
            "leave the checkpoint out: a model needs both to be described",
        )
    head_dimension = read_count(text_config, "head_dim") or hidden_size // head_count if head_count else 0
    return ModelRecord(
        model_id=checkpoint.model_id,
        suite_id=checkpoint.suite_id,
        model_name=model.model_name,
        architecture=config.model_type,
        parameter_count=sum(parameter.numel() for parameter in network.parameters()),
        active_parameter_count=count_active_parameters(network),
        non_embedding_parameter_count=_count_non_embedding_parameters(network),
        layer_count=layer_count,
        hidden_size=hidden_size,
        head_count=head_count,
        head_dimension=head_dimension,
        vocabulary_size=_count_embeddings(network),
        context_length=model.context_length,
        batch_tokens=model.batch_tokens,
        planned_steps=model.planned_steps,
        seed=model.seed,
        tokenizer_id=checkpoint.tokenizer_id,
    )


def read_config(checkpoint: Checkpoint) -> PretrainedConfig:
    """Return the configuration of a checkpoint. The result is cached, so later calls do not read config.json.

    Raises BadInputError if config.json does not describe a model.
    """
    return _read_config_file(checkpoint.directory, checkpoint.config_sha256)


def read_config_of(directory: Path) -> PretrainedConfig:
    """Return the configuration of a checkpoint directory.

    Raises BadInputError if config.json is missing, too large, or does not describe a model.
    """
    check_config_file(directory / "config.json")
    return _read_config_file(directory, HashCache().hash_file(directory / "config.json"))


def read_count(config: PretrainedConfig, name: str) -> int | None:
    """Return a positive integer entry of a configuration, or None if the entry is missing or not positive.

    An entry of -1 stands for "unlimited" in some configurations. If the entry differs between the layers, the result
    is the mean over the layers, rounded down. The dimension of the attention heads of Gemma 4 is such an entry.
    """
    layers: Sequence[PretrainedConfig] = ()
    if name in (getattr(config, "per_layer_attributes", None) or ()):
        layers = config.per_layer_config
    values = [getattr(layer, name, None) for layer in layers] if layers else [getattr(config, name, None)]
    counts = [value for value in values if isinstance(value, int) and value > 0]
    return sum(counts) // len(counts) if counts else None


@lru_cache(maxsize=4_096)
def _read_config_file(directory: Path, _config_sha256: str) -> PretrainedConfig:
    path = directory / "config.json"
    try:
        _refuse_absurd_sizes(json.loads(path.read_bytes()))
        config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises errors of many kinds for a wrong file
        raise BadInputError(f"{path}: describes no model: {describe_error(error)}", "copy the file again") from error
    assert isinstance(config, PretrainedConfig)
    return config


def _refuse_absurd_sizes(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    for name, limit in CONFIGURATION_LIMITS.items():
        value = content.get(name)
        if name == "max_position_embeddings" and value == -1:  # -1 means no limit in XLNet
            continue
        # Gemma 3n states the sizes of its layers in a list
        sizes = value if isinstance(value, list) else [value]
        if value is not None and not all(isinstance(size, int) and 0 < size <= limit for size in sizes):
            raise ValueError(f"{name} is {value!r}"[:200])


def _count_embeddings(network: PreTrainedModel) -> int:
    weight = network.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return weight.shape[0]


def _count_non_embedding_parameters(network: PreTrainedModel) -> int:
    """Count all parameters except those of the token embeddings, position embeddings and output head."""
    embeddings = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    head = network.get_output_embeddings()  # type: ignore[no-untyped-call]
    excluded = {
        id(parameter) for module in (*embeddings, head) if module is not None for parameter in module.parameters()
    }
    return sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in excluded)
