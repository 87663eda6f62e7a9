"""Scoring under a real memory limit: the allocator fails, the batches become smaller, the scores stay the same."""

import json
import subprocess
import sys

import pytest

# The program limits its address space after it has loaded everything. It uses one thread, because each thread reserves
# memory of its own.
PROGRAM = """
import json, resource, sys
import numpy as np, torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig
from trailhouse.models.scoring import score_corpus as scoring
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

torch.set_num_threads(1)
torch.manual_seed(0)
configuration = GPTNeoXConfig(vocab_size=50, hidden_size=8, intermediate_size=8_192, num_hidden_layers=1,
                              num_attention_heads=1, max_position_embeddings=64)
model = AutoModelForCausalLM.from_config(configuration).eval()
generator = np.random.default_rng(0)
documents = tuple(generator.integers(0, 50, 64).astype(np.int32) for _ in range(64))
corpus = TokenizedCorpus("many", "none", documents)
widths, run = [], scoring._Scorer._run_batch

def run_and_record(scorer, token_ids, batch):
    widths.append(len(batch))
    return run(scorer, token_ids, batch)

def score():
    batches = score_corpus(model, corpus, ScoringSettings(quanta_per_nat=0, device="cpu"))
    return restore_log_probs(np.concatenate([batch.column("log_prob_quanta") for batch in batches]), 0)

scoring._Scorer._run_batch = run_and_record
unlimited_scores = score()
unlimited = list(widths)
widths.clear()
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[1]) * 2**20,) * 2)
difference = float(np.abs(score() - unlimited_scores).max())
print(json.dumps({"unlimited": unlimited, "limited": widths, "difference": difference}))
"""


@pytest.mark.slow
def test_batches_are_halved_where_the_allocator_really_fails():
    result = subprocess.run([sys.executable, "-c", PROGRAM, "128"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    widths = json.loads(result.stdout)
    assert widths["unlimited"] == [64], "without a limit, one batch holds all documents"
    assert widths["limited"][0] == 64, "the first attempt is all documents"
    assert max(widths["limited"][1:]) <= 32, "a size that failed is halved and not tried again"
    assert widths["difference"] <= 1e-4
