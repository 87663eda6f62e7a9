"""Tiny configurations of every model type that transformers knows, made from the default configurations.

``tests.support.architectures`` holds a few configurations that were written by hand, to have certain features.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from tests.support.architectures import CONTEXT_LENGTH, VOCABULARY_SIZE
from tests.support.beginning_tokenizers import BOS_ID, EOS_ID

# The special tokens of the tokenizers of tests.support.beginning_tokenizers. No text contains the token of padding.
SPECIAL_TOKEN_IDS = {"pad_token_id": 0, "bos_token_id": BOS_ID, "eos_token_id": EOS_ID}

# For each value, the names of the configuration entries that are reduced to this value. An entry that is smaller by
# default, or None, stays as it is. A head has 8 dimensions, and 4 heads make a width of 32.
#
# The entry index_n_heads is not reduced. DeepSeek V3.2 and its relatives attend to the tokens with the largest index
# scores. The index score of a token is 0 if all index heads reject the token. With few heads, many tokens would have
# the score 0, and the length of the row would decide which of these the model attends to. With 16 heads or more, as in
# real models, this does not happen in the tests.
LARGEST_VALUES: Mapping[int, str] = {
    VOCABULARY_SIZE: (
        "vocab_size vocab_size_per_layer_input audio_vocab_size encoder_hash_byte_group_vocab ngram_vocab_size_base "
        "unpadded_vocab_size pronunciation_vocab_size shape_vocab_size"
    ),
    64: (
        "intermediate_size decoder_ffn_dim encoder_ffn_dim ffn_dim dff dim_ff d_inner ffn_hidden_size "
        "intermediate_size_mlp dense_intermediate_size shared_intermediate_size feed_forward_size mamba_d_ssm "
        "image_size max_source_positions"
    ),
    CONTEXT_LENGTH: (
        "max_position_embeddings n_positions max_seq_len max_target_positions context_length n_ctx hidden_size "
        "d_model n_embd emb_dim backbone_hidden_size hidden_size_global adapter_in_dim adapter_out_dim "
        "adapter_input_size input_embedding_size output_embedding_size log_scaling_n_floor floor_scale rel_extent "
        "chroma_length audio_chunk_size prompt_mid_dim"
    ),
    16: (
        "moe_intermediate_size shared_expert_intermediate_size shared_experts_intermediate_size embedding_size "
        "expert_ffn_hidden_size moe_shared_expert_intermediate_size kv_lora_rank q_lora_rank o_lora_rank "
        "hidden_size_per_layer_input laurel_rank hc_lowrank adapter_rank dim_model_base num_centroids "
        "original_max_position_embeddings relative_max_distance router_hidden_size pronunciation_embed_dim "
        "shape_embed_dim block_multiple_of patch_size num_mel_bins"
    ),
    8: (
        "head_dim v_head_dim qk_rope_head_dim qk_nope_head_dim index_head_dim linear_key_head_dim "
        "linear_value_head_dim linear_head_dim swa_head_dim mamba_head_dim dim_head kv_channels attention_head_size "
        "mamba_d_state state_size ssm_state_size sliding_window sliding_window_size window_size attention_window_size "
        "local_attention attention_chunk_size keep_window_size local_attention_window_len index_topk chunk_size "
        "mamba_chunk_size block_size index_block_size mm_tokens_per_image local_attn_chunk_length "
        "lsh_attn_chunk_length d_rel centroid_intermediate_top_k split_ngram_parts num_buckets "
        "position_bias_num_buckets mamba_n_heads mamba_num_heads"
    ),
    4: (
        "num_attention_heads n_head n_heads num_heads attention_heads decoder_attention_heads encoder_attention_heads "
        "num_encoder_attention_heads num_decoder_attention_heads swa_num_attention_heads linear_num_value_heads "
        "linear_num_heads num_experts n_routed_experts num_local_experts moe_num_experts rotary_dim zero_expert_num "
        "o_groups index_topk_blocks prompt_length heads_per_ngram"
    ),
    2: (
        "num_hidden_layers num_layers n_layer n_layers decoder_layers encoder_layers num_encoder_layers "
        "num_decoder_layers num_key_value_heads swa_num_key_value_heads linear_num_key_heads num_experts_per_tok "
        "moe_topk moe_k no_rope_layer_interval global_attn_every_n_layers layer_group_size sliding_window_pattern "
        "attn_layer_period n_groups n_layers_per_attn_res_block num_random_blocks depth num_codebooks rescale_every"
    ),
    1: (
        "n_group topk_group first_k_dense_replace num_dense_layers n_shared_experts num_shared_experts "
        "moe_num_shared_experts attn_layer_offset num_kv_shared_layers"
    ),
}
LARGEST_VALUE_OF = {name: value for value, names in LARGEST_VALUES.items() for name in names.split()}
LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
LAYER_KINDS = ("layer_types", "mlp_layer_types", "layers_block_type", "block_types")
MAX_LAYER_COUNT = 8

# By model type: entries that the general rules would leave large, or make inconsistent with others
EXCEPTIONS: Mapping[str, Mapping[str, Any]] = {
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}}
    },
    "dbrx": {
        "attn_config": {"rope_theta": 1e4, "kv_n_heads": 2, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 16},
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_shared_experts": 1, "n_routed_experts": 4, "num_experts_per_tok": 2},
    "dots3_note_text": {
        "sliding_window": 8,
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 16,
        "swa_kv_lora_rank": 16,
        "swa_head_dim": 8,
        "swa_qk_nope_head_dim": 4,
        "swa_v_head_dim": 8,
    },
    "dots3_note_vision_encoder": {
        "mlp_layer_types": ["dense", "sparse"],
        "per_layer_config": {1: {"num_local_experts": 4, "num_experts_per_tok": 2}},
    },
    "gemma3n_text": {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_hidden_layers": 4,
        "num_kv_shared_layers": 2,
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 4},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": 8,
        "indexer_compress_ratio": 2,
    },
    # The seed makes the hashes equal in every forward pass
    "reformer": {"hash_seed": 0, "axial_pos_shape": (4, 8), "axial_pos_embds_dim": (16, 16)},
    "xlm": {"causal": True},
    "xlnet": {"attn_type": "uni"},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 5},
    "zamba2": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
}


def configure_tiny(model_type: str) -> PretrainedConfig:
    """Return a tiny configuration of a model type: few layers, though of each kind; width 32, few heads and experts."""
    return shrink(CONFIG_MAPPING[model_type])


def shrink(configuration_class: type[PretrainedConfig]) -> PretrainedConfig:
    """Return the default configuration of a class with small sizes. Configurations nested in it get small sizes too."""
    default = configuration_class()
    values = default.__dict__
    parameters = inspect.signature(configuration_class.__init__).parameters
    entries = {name: _shrink_entry(name, one.default, values.get(name)) for name, one in parameters.items()}
    entries = {name: value for name, value in entries.items() if value is not None}
    if "num_key_value_heads" in entries and values["num_key_value_heads"] == values["num_attention_heads"]:
        entries["num_key_value_heads"] = entries["num_attention_heads"]
    layer_count = _count_layers(default)
    entries |= {name: layer_count for name in LAYER_COUNTS if name in entries}
    return configuration_class(**entries | EXCEPTIONS.get(configuration_class.model_type, {}))


def _shrink_entry(name: str, default: object, value: object) -> object:
    """Return the small value of a configuration entry, or None to let the configuration class choose it.

    ``default`` is the default of the class's parameter, and ``value`` the value in an instance with all defaults.
    """
    if isinstance(value, PretrainedConfig):
        return shrink(type(value))
    if name in SPECIAL_TOKEN_IDS:
        return None if value is None else SPECIAL_TOKEN_IDS[name]
    if name == "is_decoder":  # BERT and its relatives are causal only as decoders
        return True
    if isinstance(default, int) and not isinstance(default, bool):
        return _shrink_count(name, default)
    return None


def _shrink_count(name: str, value: int) -> int:
    if name.endswith(("_token_id", "_token_index")):
        return value if value < VOCABULARY_SIZE else VOCABULARY_SIZE - 1
    if name == "vocab_size":
        return VOCABULARY_SIZE
    return min(value, LARGEST_VALUE_OF.get(name, value))


def _count_layers(default: PretrainedConfig) -> int:
    """Return how many layers are needed to have one of each kind: at least 2, at most ``MAX_LAYER_COUNT``."""
    count = 2
    for name in LAYER_KINDS:
        kinds = list(default.__dict__.get(name) or ())
        firsts = [kinds.index(kind) + 1 for kind in set(kinds)]
        count = max([count, *firsts])
    return min(count, MAX_LAYER_COUNT)
