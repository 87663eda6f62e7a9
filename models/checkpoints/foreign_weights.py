"""This module says what a directory without readable weights holds instead, and how to make a model of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

ADAPTER_NAMES = ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json")
ADAPTER_HINT = (
    "merge the adapter into its model with peft (merge_and_unload, then save_pretrained), or move it to a directory of"
    " its own"
)

# What a name tells about the content of a directory, and what turns the content into a model
FOREIGN_FORMATS = (
    (re.compile(r"adapter_(model\.(safetensors|bin)|config\.json)"), "an adapter and not the model", ADAPTER_HINT),
    (
        re.compile(r".+\.gguf"),
        "weights for llama.cpp",
        "copy the safetensors that they were made from, or load them with gguf_file=... and save_pretrained",
    ),
    (
        re.compile(r"pytorch_model_fsdp(_\d+)?(\.bin)?|.+\.distcp"),
        "the shards of FSDP",
        "consolidate them: accelerate merge-weights DIRECTORY_OF_SHARDS OUTPUT_DIRECTORY",
    ),
    (
        re.compile(r"global_step\d+|(bf16_)?zero_pp_rank_.+|mp_rank_\d+_model_states\.pt"),
        "the shards of DeepSpeed",
        "consolidate them: python zero_to_fp32.py DIRECTORY OUTPUT_DIRECTORY --safe_serialization",
    ),
)


def find_adapter(names: Iterable[str]) -> str | None:
    """Return the name of an adapter's file among the names of a directory's files, or None."""
    present = set(names)
    return next((name for name in ADAPTER_NAMES if name in present), None)


def explain_foreign_weights(names: Iterable[str]) -> tuple[str, str] | None:
    """Return a message and a hint about weights of another format among the names in a directory, or None."""
    present = sorted(names)
    for pattern, content, hint in FOREIGN_FORMATS:
        found = next((name for name in present if pattern.fullmatch(name)), None)
        if found is not None:
            return f"holds {content} ({found}), and no model that can be read", hint
    return None
