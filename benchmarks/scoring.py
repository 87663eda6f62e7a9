"""Scoring throughput and peak memory against the physical floor and the naive way.

A random model of the shape of Pythia-70m scores documents of mixed lengths. The peers run on the same batches:

floor   the model's body, then the matrix product of the head over the positions to be scored, and nothing else
naive   the model's logits, log_softmax over all of them, then a gather

Every contender runs in a process of its own, so that peak memory is its own; rounds are interleaved, and the
table shows medians. ``python benchmarks/scoring.py [rounds] [threads]``
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, PreTrainedModel

from trailhouse.models.scoring import DEFAULT_BATCH_TOKENS, ScoringSettings, restore_log_probs, score_corpus
from trailhouse.models.tokenized_corpus import TokenizedCorpus
from trailhouse.models.windows import Window, group_windows, plan_windows

VOCABULARY_SIZE = 50_304
CONTEXT_LENGTH = 2_048
DOCUMENT_LENGTHS = (2_049, 1_100, 1_000, 900, 520, 500, 480, 450, 420, 300, 250, 220)
BATCH_TOKENS = DEFAULT_BATCH_TOKENS["cpu"]
CONTENDERS = ("scoring", "floor", "naive")


def build_model() -> PreTrainedModel:
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=512,
        num_hidden_layers=6,
        num_attention_heads=8,
        intermediate_size=2_048,
        max_position_embeddings=CONTEXT_LENGTH,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    return model


def build_corpus() -> TokenizedCorpus:
    generator = np.random.default_rng(0)
    documents = (generator.integers(0, VOCABULARY_SIZE, length).astype(np.int32) for length in DOCUMENT_LENGTHS)
    return TokenizedCorpus("benchmark", "none", tuple(documents))


def list_batches(corpus: TokenizedCorpus) -> list[list[Window]]:
    windows = [
        window
        for index, tokens in enumerate(corpus.token_ids)
        for window in plan_windows(index, len(tokens), CONTEXT_LENGTH, CONTEXT_LENGTH // 2)
    ]
    return list(group_windows(windows, BATCH_TOKENS))


def run_scoring(model: PreTrainedModel, corpus: TokenizedCorpus) -> npt.NDArray[np.float32]:
    batches = score_corpus(model, corpus, ScoringSettings(quanta_per_nat=0, device="cpu"))
    return restore_log_probs(np.concatenate([batch.column("log_prob_quanta") for batch in batches]), 0)


@torch.inference_mode()
def run_floor(model: PreTrainedModel, corpus: TokenizedCorpus) -> None:
    weight = model.get_output_embeddings().weight
    for batch in list_batches(corpus):
        hidden = model.base_model(input_ids=pad_inputs(corpus, batch), use_cache=False)[0]
        for index, window in enumerate(batch):
            hidden[index, : window.input_length] @ weight.T


@torch.inference_mode()
def run_naive(model: PreTrainedModel, corpus: TokenizedCorpus) -> npt.NDArray[np.float32]:
    scores: dict[int, npt.NDArray[np.float32]] = {}
    for batch in list_batches(corpus):
        log_probs = model(input_ids=pad_inputs(corpus, batch), use_cache=False).logits.log_softmax(-1)
        for index, window in enumerate(batch):
            targets = torch.from_numpy(corpus.token_ids[window.document_id][1:].astype(np.int64))
            chosen = log_probs[index, : window.input_length].gather(1, targets[:, None])
            scores[window.document_id] = chosen[:, 0].numpy()
    return np.concatenate([scores[index] for index in sorted(scores)])


def pad_inputs(corpus: TokenizedCorpus, batch: list[Window]) -> torch.Tensor:
    inputs = torch.zeros(len(batch), batch[0].input_length, dtype=torch.int64)
    for index, window in enumerate(batch):
        inputs[index, : window.input_length] = torch.from_numpy(corpus.token_ids[window.document_id][: window.end - 1])
    return inputs


def measure_contender(name: str, thread_count: int, scores_path: str) -> dict[str, float]:
    """Time one contender in this process; memory is what it adds to that of the loaded model."""
    torch.set_num_threads(thread_count)
    runs: dict[str, Callable[[PreTrainedModel, TokenizedCorpus], npt.NDArray[np.float32] | None]] = {
        "scoring": run_scoring,
        "floor": run_floor,
        "naive": run_naive,
    }
    model, corpus = build_model(), build_corpus()
    short = TokenizedCorpus("warm-up", "none", (corpus.token_ids[-1][:64],))
    runs[name](model, short)
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu_started = time.perf_counter(), time.process_time()
    scores = runs[name](model, corpus)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    memory_after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if scores is not None:
        np.save(scores_path, scores)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": (memory_after - memory_before) / 1024}


def run_rounds(round_count: int, thread_count: int, directory: str) -> dict[str, list[dict[str, float]]]:
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for round_number in range(round_count):
        # Turn the order, so that none always follows the same neighbour
        for name in CONTENDERS[round_number % 3 :] + CONTENDERS[: round_number % 3]:
            command = [sys.executable, __file__, "--contender", name, str(thread_count), f"{directory}/{name}.npy"]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            measured[name].append(json.loads(result.stdout.splitlines()[-1]))
    return measured


def main() -> None:
    round_count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    thread_count = int(sys.argv[2]) if len(sys.argv) > 2 else torch.get_num_threads()
    with tempfile.TemporaryDirectory() as directory:
        measured = run_rounds(round_count, thread_count, directory)
        scores, naive = (np.load(f"{directory}/{name}.npy") for name in ("scoring", "naive"))
    positions = build_corpus().position_count
    print(f"{positions} positions, {round_count} rounds, {thread_count} threads, torch {torch.__version__}")
    print(f"{'':10}{'tokens/s':>10}{'tokens/CPU-s':>14}{'peak MiB':>10}")
    medians = {
        name: {key: statistics.median(round_[key] for round_ in rounds) for key in rounds[0]}
        for name, rounds in measured.items()
    }
    for name, median in medians.items():
        rates = positions / median["seconds"], positions / median["cpu_seconds"]
        print(f"{name:10}{rates[0]:10.0f}{rates[1]:14.0f}{median['peak_mib']:10.0f}")
    for key, peer in (("seconds", "floor"), ("cpu_seconds", "floor"), ("seconds", "naive"), ("cpu_seconds", "naive")):
        print(f"speed against {peer} by {key}: {medians[peer][key] / medians['scoring'][key]:.2f}")
    print(f"peak memory against naive: {medians['scoring']['peak_mib'] / medians['naive']['peak_mib']:.3f}")
    print(f"largest difference from naive: {np.abs(scores - naive).max():.1e} nats")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contender"]:
        print(json.dumps(measure_contender(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
    else:
        main()
