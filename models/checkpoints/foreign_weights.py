"""This module recognises weights in formats that Trailhouse cannot read, and says how to convert them.

The formats are adapters, weights for llama.cpp, and the shards of FSDP and DeepSpeed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ADAPTER_NAMES = ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json")
ADAPTER_HINT = (
    "merge the adapter into its model with peft (merge_and_unload, then save_pretrained), or move it to a directory of"
    " its own"
)

# For each format: a pattern of its file names, a description of its content, and a hint how to convert the content
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
    """Return the first name in ``names`` that belongs to an adapter's file, or None if there is no such name."""
    present = set(names)
    return next((name for name in ADAPTER_NAMES if name in present), None)


def explain_foreign_weights(names: Iterable[str]) -> tuple[str, str] | None:
    """Return a message and a hint if a directory holds weights in one of ``FOREIGN_FORMATS``, otherwise None.

    ``names`` holds the names of the directory's files and subdirectories.
    """
    present = sorted(names)
    for pattern, content, hint in FOREIGN_FORMATS:
        found = next((name for name in present if pattern.fullmatch(name)), None)
        if found is not None:
            return f"holds {content} ({found}), and no model that can be read", hint
    return None
