"""Untrusted checkpoints: functions that damage a sound checkpoint directory, or add code to it.

If the code of a checkpoint is run, it creates the file ``canary``, by which a test notices it. Checkpoints with a
damage of ``REFUSED`` must not be scored. Checkpoints of ``HARMLESS`` contain code, but are sound without it: they must
be scored, and the code must not be run.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

# damages a checkpoint: (directory of the checkpoint, path of the canary) -> a value that is not used
Inflict = Callable[[Path, Path], object]


@dataclass(frozen=True)
class BadCheckpoint:
    """A damage, and a text that the message about it must contain."""

    inflict: Inflict
    named: str


class _Gadget:
    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.function, self.arguments


def _gadgets(canary: Path) -> dict[str, object]:
    return {
        "system": _Gadget(os.system, f"touch {canary}"),
        "eval": _Gadget(eval, f"open({str(canary)!r}, 'w').close()"),
        "exec": _Gadget(exec, f"open({str(canary)!r}, 'w').close()"),
        "open": _Gadget(open, str(canary), "w"),
    }


def _weights(directory: Path) -> Path:
    return directory / "model.safetensors"


def _pickle_beside(gadget: str, protocol: int) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        _weights(directory).unlink()
        content = {"weight": _gadgets(canary)[gadget]}
        (directory / "pytorch_model.bin").write_bytes(pickle.dumps(content, protocol=protocol))

    return inflict


def _torch_archive(gadget: str) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        _weights(directory).unlink()
        torch.save({"weight": torch.zeros(2), "evil": _gadgets(canary)[gadget]}, directory / "pytorch_model.bin")

    return inflict


def _pickle_in_disguise(directory: Path, canary: Path) -> None:
    _weights(directory).write_bytes(pickle.dumps(_gadgets(canary)["system"]))


def _edit_bytes(change: Callable[[bytes], bytes]) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        _weights(directory).write_bytes(change(_weights(directory).read_bytes()))

    return inflict


def _edit_header(change: Callable[[dict[str, Any], list[str]], object]) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        content = _weights(directory).read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + size])
        change(header, sorted(name for name in header if name != "__metadata__"))
        changed = json.dumps(header).encode()
        _weights(directory).write_bytes(struct.pack("<Q", len(changed)) + changed + content[8 + size :])

    return inflict


def _replace_header(header: bytes, claimed: int | None = None) -> Inflict:
    def change(content: bytes) -> bytes:
        return struct.pack("<Q", len(header) if claimed is None else claimed) + header

    return _edit_bytes(change)


def _edit_tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        tensors = {name: values.copy() for name, values in load_file(_weights(directory)).items()}
        change(tensors)
        save_file(tensors, _weights(directory), metadata={"format": "pt"})

    return inflict


def _index(content: object) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        _weights(directory).rename(directory / "model-00001-of-00001.safetensors")
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / "model.safetensors.index.json").write_text(text)

    return inflict


def _index_of(name: object) -> Inflict:
    return _index({"metadata": {}, "weight_map": {"a": name}})


def _link_out(name: str) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        outside = directory.parent / f"outside-{directory.name}-{name}"
        (directory / name).rename(outside)
        (directory / name).symlink_to(outside)

    return inflict


def _link_shard_out(directory: Path, canary: Path) -> None:
    name = "model-00001-of-00001.safetensors"
    _index({"metadata": {}, "weight_map": dict.fromkeys(load_file(_weights(directory)), name)})(directory, canary)
    _link_out(name)(directory, canary)


def _fifo(name: str) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        (directory / name).unlink()
        os.mkfifo(directory / name)

    return inflict


def _write(name: str, content: bytes) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        (directory / name).write_bytes(content)

    return inflict


def _sparse(name: str, size_bytes: int) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        os.truncate(directory / name, size_bytes)

    return inflict


def _edit_json(name: str, **changes: object) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        path = directory / name
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return inflict


def _remote_code(name: str, **changes: object) -> Inflict:
    def inflict(directory: Path, canary: Path) -> None:
        code = f"open({str(canary)!r}, 'w').close()\nclass Evil: pass\n"
        (directory / "evil.py").write_text(code)
        _edit_json(name, **changes)(directory, canary)

    return inflict


def _plant(value: float) -> Inflict:
    return _edit_tensors(lambda tensors: tensors[max(tensors)].flat.__setitem__(-1, value))


def _set_offsets(name_index: int, offsets: list[int]) -> Inflict:
    return _edit_header(lambda header, names: header[names[name_index]].update(data_offsets=offsets))


def _shift_offsets(shift: int) -> Inflict:
    def change(header: dict[str, Any], names: list[str]) -> None:
        entry = header[names[1]]
        entry["data_offsets"] = [offset + shift for offset in entry["data_offsets"]]

    return _edit_header(change)


DOUBLING = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}] * 40}
ENDLESS = {"type": "Split", "pattern": {"Regex": "([a-z ]+[a-z ]+)+#"}, "behavior": "Isolated", "invert": False}
CAUSAL = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}
NO_SAFETENSORS = "no complete safetensors file"
PICKLED = "the weights are pickled"
NO_MODEL = "describes no"

REFUSED: dict[str, BadCheckpoint] = {
    # pickles, which the suite does not allow
    "pickle_system": BadCheckpoint(_pickle_beside("system", 2), PICKLED),
    "pickle_eval_archive": BadCheckpoint(_torch_archive("eval"), PICKLED),
    "pickle_in_disguise": BadCheckpoint(_pickle_in_disguise, NO_SAFETENSORS),
    "pickle_in_index": BadCheckpoint(_index_of("pytorch_model.bin"), "is no file name of safetensors"),
    # headers that contradict the file
    "header_of_four_exbibytes": BadCheckpoint(_edit_bytes(lambda c: struct.pack("<Q", 2**62) + c[8:]), NO_SAFETENSORS),
    "header_longer_than_file": BadCheckpoint(_replace_header(b"{}", 90_000_000), NO_SAFETENSORS),
    "header_of_garbage": BadCheckpoint(_replace_header(b"\xff" * 64), NO_SAFETENSORS),
    "header_nested_deeply": BadCheckpoint(_replace_header(b"[" * 100_000), NO_SAFETENSORS),
    "header_without_tensors": BadCheckpoint(_replace_header(b"{}"), "holds no tensors"),
    "offsets_overlap": BadCheckpoint(_shift_offsets(-4), NO_SAFETENSORS),
    "offsets_leave_a_hole": BadCheckpoint(_shift_offsets(4), NO_SAFETENSORS),
    "offsets_out_of_range": BadCheckpoint(_set_offsets(0, [0, 2**40]), NO_SAFETENSORS),
    "offsets_backwards": BadCheckpoint(_set_offsets(0, [64, 0]), NO_SAFETENSORS),
    "offsets_negative": BadCheckpoint(_set_offsets(0, [-8, 8]), NO_SAFETENSORS),
    "dtype_of_another_size": BadCheckpoint(_edit_header(lambda h, n: h[n[0]].update(dtype="F64")), NO_SAFETENSORS),
    "dtype_unknown": BadCheckpoint(_edit_header(lambda h, n: h[n[0]].update(dtype="X7")), NO_SAFETENSORS),
    "shape_overflows": BadCheckpoint(_edit_header(lambda h, n: h[n[0]].update(shape=[2**63, 2])), NO_SAFETENSORS),
    "shape_too_large": BadCheckpoint(_edit_header(lambda h, n: h[n[0]].update(shape=[10**6, 10**6])), NO_SAFETENSORS),
    "truncated": BadCheckpoint(_edit_bytes(lambda content: content[:-8]), NO_SAFETENSORS),
    "empty": BadCheckpoint(_edit_bytes(lambda content: b""), NO_SAFETENSORS),
    # paths that lead out of the checkpoint
    "index_leads_up": BadCheckpoint(_index_of("../model.safetensors"), "is no file name"),
    "index_is_absolute": BadCheckpoint(_index_of("/etc/passwd.safetensors"), "is no file name"),
    "index_names_a_number": BadCheckpoint(_index_of(7), "is no file name"),
    "index_names_nothing": BadCheckpoint(_index({"weight_map": {}}), "names no files"),
    "index_nested_deeply": BadCheckpoint(_index("[" * 100_000), "not an index"),
    "index_names_a_missing_shard": BadCheckpoint(_index_of("model-00002-of-00002.safetensors"), "is not there"),
    "link_leads_out": BadCheckpoint(_link_out("model.safetensors"), "leads out of the checkpoint"),
    "shard_link_leads_out": BadCheckpoint(_link_shard_out, "leads out of the checkpoint"),
    "weights_are_a_pipe": BadCheckpoint(_fifo("model.safetensors"), "holds no model.safetensors"),
    "config_is_a_pipe": BadCheckpoint(_fifo("config.json"), "holds no config.json"),
    # configurations that are damaged, absurd or do not fit the weights
    "config_wants_remote_code": BadCheckpoint(
        _remote_code("config.json", model_type="evil", auto_map=CAUSAL), NO_MODEL
    ),
    "config_is_garbage": BadCheckpoint(_write("config.json", b"\x00{"), NO_MODEL),
    "config_is_a_list": BadCheckpoint(_write("config.json", b"[1]"), NO_MODEL),
    "config_nested_deeply": BadCheckpoint(_write("config.json", b"[" * 200_000), NO_MODEL),
    "config_is_huge": BadCheckpoint(_sparse("config.json", 64 << 20), "larger than 4 MiB"),
    "config_absurdly_wide": BadCheckpoint(_edit_json("config.json", hidden_size=2**40), NO_MODEL),
    "config_absurdly_deep": BadCheckpoint(_edit_json("config.json", num_hidden_layers=10**9), NO_MODEL),
    "config_absurd_vocabulary": BadCheckpoint(_edit_json("config.json", vocab_size=10**12), NO_MODEL),
    "config_negative": BadCheckpoint(_edit_json("config.json", num_attention_heads=-2), NO_MODEL),
    "config_of_another_model": BadCheckpoint(_edit_json("config.json", hidden_size=32), "and config.json says"),
    # tokenizers that are damaged or take too much memory or time
    "tokenizer_multiplies_texts": BadCheckpoint(_edit_json("tokenizer.json", normalizer=DOUBLING), "times longer"),
    "tokenizer_never_ends": BadCheckpoint(_edit_json("tokenizer.json", pre_tokenizer=ENDLESS), "gives up on a text"),
    "tokenizer_is_garbage": BadCheckpoint(_write("tokenizer.json", b"{"), "the tokenizer does not load"),
    "tokenizer_nested_deeply": BadCheckpoint(_write("tokenizer.json", b"[" * 200_000), "the tokenizer does not load"),
    "tokenizer_is_huge": BadCheckpoint(_sparse("tokenizer.json", 1 << 30), "larger than 128 MiB"),
    # weights with NaN or infinity, and a missing tensor
    "nan": BadCheckpoint(_plant(float("nan")), "holds NaN or infinity"),
    "infinity": BadCheckpoint(_plant(float("inf")), "holds NaN or infinity"),
    "tensor_missing": BadCheckpoint(_edit_tensors(lambda tensors: tensors.pop(max(tensors))), "is missing"),
}

# for suites with `allow_pickle: true`: pickles that contain more than tensors
REFUSED_PICKLES: dict[str, BadCheckpoint] = {
    f"allowed_{kind}_{gadget}": BadCheckpoint(make(gadget), "the model does not load")
    for gadget in ("system", "eval", "exec", "open")
    for kind, make in (("archive", _torch_archive), ("pickle", lambda name: _pickle_beside(name, 2)))
}

HARMLESS: dict[str, Inflict] = {
    "known_model_wants_remote_code": _remote_code("config.json", auto_map=CAUSAL),
    "tokenizer_wants_remote_code": _remote_code(
        "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]}
    ),
    "pickle_beside_safetensors": lambda directory, canary: (directory / "pytorch_model.bin").write_bytes(
        pickle.dumps(_gadgets(canary)["system"])
    ),
    "optimizer_state_beside": lambda directory, canary: (directory / "optimizer.pt").write_bytes(
        pickle.dumps(_gadgets(canary)["system"])
    ),
}
