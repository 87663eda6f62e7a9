"""On which device a model is placed, and how its devices are named."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from trailhouse.errors import UsageError
from trailhouse.models.scoring import devices
from trailhouse.models.scoring.devices import choose_device_map, device_name, find_input_device, list_devices


@pytest.mark.parametrize(
    ("device", "has_cuda", "expected"),
    [
        ("auto", False, None),
        ("auto", True, "sequential"),
        ("cpu", True, None),
        ("cpu", False, None),
        ("cuda:1", True, "cuda:1"),
        ("cuda", True, "cuda"),
    ],
)
def test_a_gpu_is_used_if_there_is_one_unless_the_cpu_is_asked_for(monkeypatch, device, has_cuda, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device_map(device) == expected


@pytest.mark.parametrize(
    ("device", "count", "problem"),
    [
        ("gpu", 0, "is not known"),
        ("meta", 0, "is not known"),
        ("cuda", 0, "is not available here"),
        ("cuda:2", 2, "is not available here"),
    ],
)
def test_a_device_that_is_unknown_or_not_there_is_refused(monkeypatch, device, count, problem):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(UsageError, match=problem):
        choose_device_map(device)


def make_model(device: str = "cpu", execution_device: object = None, **attributes: object) -> SimpleNamespace:
    embedding = torch.nn.Embedding(3, 2, device=device)
    embedding._hf_hook = SimpleNamespace(execution_device=execution_device)
    return SimpleNamespace(get_input_embeddings=lambda: embedding, **attributes)


def test_weights_that_are_stored_elsewhere_are_used_on_the_device_of_their_hook():
    assert find_input_device(make_model()) == torch.device("cpu")
    assert find_input_device(make_model("meta", "cpu")) == torch.device("cpu")
    assert find_input_device(make_model("meta", "cuda:1")) == torch.device("cuda", 1)


def test_the_devices_of_a_model_are_those_of_its_map_and_its_input(monkeypatch):
    monkeypatch.setattr(devices.torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=device.index))
    assert list_devices(make_model()) == ["cpu"]
    assert list_devices(make_model(hf_device_map=None)) == ["cpu"]
    assert list_devices(make_model(hf_device_map={"a": 1, "b": "cpu", "c": "disk", "d": 0, "e": 1})) == [
        "cpu",
        "cuda-0",
        "cuda-1",
    ]
    assert list_devices(make_model("meta", "cuda:2", hf_device_map={"a": "disk"})) == ["cuda-2"]


def test_a_device_is_named_by_its_type_and_its_product(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"H{device.index}")
    assert device_name(make_model("meta", "cuda:1")) == "cuda H1"
    monkeypatch.setattr(devices.platform, "processor", lambda: "")
    monkeypatch.setattr(devices.platform, "machine", lambda: "x86_64")
    assert device_name(make_model()) == "cpu x86_64"
    monkeypatch.setattr(devices.platform, "processor", lambda: "Core")
    assert device_name(make_model()) == "cpu Core"
