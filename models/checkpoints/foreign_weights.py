"""This module recognises weights in formats that Trailhouse cannot read, and says how to convert them.

The formats are adapters, weights for llama.cpp, and the shards of Megatron, FSDP and DeepSpeed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ADAPTER_NAMES = ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json")
ADAPTER_HINT = (
    "merge the adapter into its model with peft (merge_and_unload, then save_pretrained), or move it to a directory of"
    " its own"
)


@dataclass(frozen=True)
class ForeignFormat:
    """A format of weights that Trailhouse cannot read."""

    file_names: re.Pattern[str]
    """Pattern of the complete names of the files and subdirectories of this format."""
    content: str
    hint: str
    """How to convert the weights."""


# The first format whose pattern matches a name is reported. Megatron stands before FSDP, because its checkpoints may
# also have files whose names match the pattern of FSDP.
FOREIGN_FORMATS = (
    ForeignFormat(
        re.compile(r"adapter_(model\.(safetensors|bin)|config\.json)"), "an adapter and not the model", ADAPTER_HINT
    ),
    ForeignFormat(
        re.compile(r".+\.gguf"),
        "weights for llama.cpp",
        "copy the safetensors that they were made from, or load them with gguf_file=... and save_pretrained",
    ),
    ForeignFormat(
        re.compile(r"mp_rank_\d+(_\d+)*|common\.pt"),
        "the shards of Megatron",
        "convert them with Megatron-Bridge: AutoBridge.from_hf_pretrained(MODEL).export_ckpt(DIRECTORY,"
        " OUTPUT_DIRECTORY)",
    ),
    ForeignFormat(
        re.compile(r"pytorch_model_fsdp(_\d+)?(\.bin)?|.+\.distcp"),
        "the shards of FSDP",
        "consolidate them: accelerate merge-weights DIRECTORY_OF_SHARDS OUTPUT_DIRECTORY",
    ),
    ForeignFormat(
        re.compile(r"global_step\d+|(bf16_)?zero_pp_rank_.+|mp_rank_\d+_model_states\.pt"),
        "the shards of DeepSpeed",
        "consolidate them: python zero_to_fp32.py DIRECTORY OUTPUT_DIRECTORY --safe_serialization",
    ),
)


def find_adapter(names: Iterable[str]) -> str | None:
    """Return the first name in ``names`` that belongs to an adapter's file, or None if there is no such name."""
    present = set(names)
    return next((name for name in ADAPTER_NAMES if name in present), None)


def find_foreign_format(names: Iterable[str]) -> ForeignFormat | None:
    """Return the format of a directory's weights if it is one of ``FOREIGN_FORMATS``, otherwise None.

    ``names`` holds the names of the directory's files and subdirectories.
    """
    present = list(names)
    return next((one for one in FOREIGN_FORMATS if any(one.file_names.fullmatch(name) for name in present)), None)


def explain_foreign_weights(names: Iterable[str]) -> tuple[str, str] | None:
    """Return a message and a hint if a directory holds weights in one of ``FOREIGN_FORMATS``, otherwise None.

    ``names`` holds the names of the directory's files and subdirectories.
    """
    present = sorted(names)
    found = find_foreign_format(present)
    if found is None:
        return None
    example = next(name for name in present if found.file_names.fullmatch(name))
    return f"holds {found.content} ({example}), and no model that can be read", found.hint
