"""Directories that hold something else than a model's weights say what it is and how to make a model of it."""

from __future__ import annotations

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import read_checkpoint
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import choose_weight_names

MODEL = ModelDeclaration("m", "run", r"(\d+)", 1, 10, 8, None)
CONTENTS = {
    "adapter": (
        ["adapter_config.json", "adapter_model.safetensors"],
        "an adapter and not the model",
        "merge_and_unload",
    ),
    "gguf": (["model-Q4_K_M.gguf"], "weights for llama.cpp", "gguf_file"),
    "fsdp": (["config.json", "pytorch_model_fsdp_0"], "the shards of FSDP", "accelerate merge-weights"),
    "fsdp shards": (["__0_0.distcp", ".metadata"], "the shards of FSDP", "accelerate merge-weights"),
    "megatron": (["mp_rank_00", "mp_rank_01"], "the shards of Megatron", "export_ckpt"),
    "megatron pipeline": (["mp_rank_00_000"], "the shards of Megatron", "export_ckpt"),
    "megatron distributed": (["__0_0.distcp", "common.pt", "metadata.json"], "the shards of Megatron", "export_ckpt"),
    "deepspeed": (["config.json", "global_step3000", "latest"], "the shards of DeepSpeed", "zero_to_fp32.py"),
    "deepspeed shards": (["mp_rank_00_model_states.pt"], "the shards of DeepSpeed", "zero_to_fp32.py"),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_directory_without_readable_weights_says_what_it_holds_and_what_converts_it(tmp_path, content):
    names, message, command = CONTENTS[content]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInputError, match=f"^{tmp_path}: holds {message} ") as caught:
        read_checkpoint(MODEL, Suite("s", "", "folder", (MODEL,), ""), TrainingPosition(1, 1), tmp_path)
    assert command in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    with pytest.raises(ValueError, match=f"holds {message} "):
        choose_weight_names(names, allow_pickle=True)


def test_an_adapter_beside_the_weights_of_a_repository_is_refused():
    with pytest.raises(ValueError, match=r"an adapter \(adapter_model\.safetensors\) lies beside"):
        choose_weight_names(["model.safetensors", "adapter_model.safetensors"], allow_pickle=False)


@pytest.mark.parametrize("other", ["global_step3000", "model.gguf"])
def test_pickled_weights_beside_other_files_are_what_the_message_is_about(tmp_path, other):
    names = ["pytorch_model.bin", other]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInputError, match=r"the weights are pickled \(pytorch_model\.bin\)"):
        read_checkpoint(MODEL, Suite("s", "", "folder", (MODEL,), ""), TrainingPosition(1, 1), tmp_path)
    with pytest.raises(ValueError, match=r"the weights are pickled \(pytorch_model\.bin\)"):
        choose_weight_names(names, allow_pickle=False)


def test_shards_of_a_trainer_beside_readable_weights_are_left_alone():
    names = ["model.safetensors", "global_step3000", "optimizer.pt"]
    assert choose_weight_names(names, allow_pickle=False) == ["model.safetensors"]
