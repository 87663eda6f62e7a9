"""Scoring with the real command: every family's stored scores are those of the model's own logits."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.support.architectures import configure

pytestmark = pytest.mark.slow

FAMILIES = ("gpt_neox", "opt", "gpt2", "llama", "mamba2", "rwkv")
CONTEXT_LENGTH = 512
MODEL = """\
  - name: {name}
    location: {directory}
    step_pattern: 'step-(\\d+)'
    batch_tokens: 512
    planned_steps: 1
    context_length: 512
"""


@pytest.fixture(scope="module")
def families(workplace, corpus, trained_directory, tmp_path_factory):
    """A random model of every family, scored by the command; returns their directories."""
    directory = tmp_path_factory.mktemp("families")
    tokenizer = trained_directory / "neox-small" / "step-0"
    declaration = "suite: families\ndescription: One model of every family\nsource: folder\nmodels:\n"
    for seed, name in enumerate(FAMILIES):
        configuration = configure(name)
        configuration.vocab_size = 2_048
        configuration.max_position_embeddings = configuration.context_length = CONTEXT_LENGTH
        torch.manual_seed(seed)
        AutoModelForCausalLM.from_config(configuration).save_pretrained(directory / name / "step-1")
        for file in tokenizer.glob("token*"):
            shutil.copy(file, directory / name / "step-1")
        declaration += MODEL.format(name=name, directory=directory / name)
    (directory / "families.yaml").write_text(declaration)
    result = workplace.run(
        "score", str(directory / "families.yaml"), "--corpus", corpus, "--entropy", "--rank", "--json"
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["scored_count"] == len(FAMILIES)
    assert result.stderr.startswith(f"families on {corpus}: 6 of 6 checkpoints scored"), "a library wrote"
    assert len(result.stderr.splitlines()) == 1, "a library wrote to the terminal"
    return directory


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_stored_scores_are_those_of_the_models_own_logits(name, families, workplace):
    rows = workplace.query(
        "select document_id, position, log_prob_nats, entropy_nats, target_rank from raw_token_score"
        f" where model_id = 'families/{name}' order by document_id, position"
    )
    texts = workplace.query("select document_id, text from raw_document where corpus_id = 'few' order by document_id")
    model = AutoModelForCausalLM.from_pretrained(families / name / "step-1")
    tokenizer = AutoTokenizer.from_pretrained(families / name / "step-1")
    expected = []
    for document_id, text in texts:
        token_ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        assert token_ids.shape[1] <= CONTEXT_LENGTH
        distributions = model(input_ids=token_ids).logits[0, :-1].double().log_softmax(-1)
        for position, (distribution, token) in enumerate(zip(distributions, token_ids[0, 1:], strict=True), start=1):
            entropy = -(distribution.exp() * distribution).sum().item()
            rank = int((distribution > distribution[token]).sum())
            expected.append((document_id, position, distribution[token].item(), entropy, rank))
    assert [row[:2] for row in rows] == [row[:2] for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        assert row[2:4] == pytest.approx(wanted[2:4], abs=1.5e-4)  # half a quantum, and rounding in float32
        assert abs(row[4] - wanted[4]) <= 1  # two logits may be equal up to rounding
