"""A model that accelerate spreads over devices and disk gets the scores that it gets on one device.

The name of a device is the same in every process.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.models.scoring.devices import find_input_device, list_devices
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

PLACEMENTS = {
    "head on disk": {"gpt_neox": "cpu", "lm_head": "disk"},
    "embedding on disk": {
        "gpt_neox.embed_in": "disk",
        "gpt_neox.rotary_emb": "cpu",
        "gpt_neox.layers": "cpu",
        "gpt_neox.final_layer_norm": "cpu",
        "lm_head": "cpu",
    },
    "a layer on disk": {
        "gpt_neox.embed_in": "cpu",
        "gpt_neox.rotary_emb": "cpu",
        "gpt_neox.layers.0": "cpu",
        "gpt_neox.layers.1": "disk",
        "gpt_neox.final_layer_norm": "cpu",
        "lm_head": "cpu",
    },
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved")
    build_random_model("gpt_neox").save_pretrained(directory)
    return directory


def score(model) -> np.ndarray:
    generator = np.random.default_rng(0)
    documents = tuple(generator.integers(0, VOCABULARY_SIZE, length).astype(np.int32) for length in (20, 33, 70))
    corpus = TokenizedCorpus("random", "none", documents)
    batches = score_corpus(model, corpus, ScoringSettings(quanta_per_nat=0))
    return restore_log_probs(np.concatenate([batch.column("log_prob_quanta") for batch in batches]), 0)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_a_model_that_is_partly_on_disk_has_the_same_scores(name, saved, tmp_path):
    in_memory = AutoModelForCausalLM.from_pretrained(saved)
    spread = AutoModelForCausalLM.from_pretrained(saved, device_map=PLACEMENTS[name], offload_folder=tmp_path)
    assert any(parameter.is_meta for parameter in spread.parameters()), "nothing is on disk"
    np.testing.assert_allclose(score(spread), score(in_memory), atol=1e-5)
    assert find_input_device(spread) == torch.device("cpu")
    assert list_devices(spread) == ["cpu"]


def test_a_gpu_is_named_by_its_uuid_and_not_by_its_number(monkeypatch):
    """Two processes that each see one GPU both call it number 0, although it may not be the same GPU."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=f"uuid{device.index}"))
    monkeypatch.setattr("trailhouse.models.scoring.devices.find_input_device", lambda model: torch.device("cuda", 1))
    assert list_devices(SimpleNamespace()) == ["cuda-uuid1"]
    spread = SimpleNamespace(hf_device_map={"embed": 1, "layers.0": 0, "layers.1": "cpu", "head": "disk"})
    assert list_devices(spread) == ["cpu", "cuda-uuid0", "cuda-uuid1"]
