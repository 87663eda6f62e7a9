"""Scoring throughput and peak memory, against the matrix products alone, a naive program and two established ones.

A random model of the shape of Pythia-70m or Pythia-160m scores documents of mixed lengths in a shuffled order. Every
token is predicted from the end-of-text token and the text before it. The contenders are:

scoring     ``score_corpus``
floor       the body of the model and the matrix product of its LM head at the scored positions, nothing else
naive       all logits of the model, log_softmax over all of them, then a gather; the batches are those of scoring
harness-N   ``loglikelihood_rolling`` of lm-evaluation-harness, N documents at once
minicons-N  ``sequence_score`` of minicons, N documents at once

The two programs are not dependencies of this project: ``pip install lm-eval==0.4.13 minicons==0.3.39`` in an
environment that has it. A program that is not installed is skipped. All times include tokenising.

Every contender runs in a process of its own, which is how its peak memory is measured. The order of the contenders
changes from round to round, and the table shows medians.

``python benchmarks/scoring.py [--shape pythia-160m] [--rounds 3] [--threads 2]``
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, PreTrainedModel, PreTrainedTokenizerFast

from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.scoring.forward import DEFAULT_BATCH_TOKENS
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import ENOUGH_TOKENS, score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.windows import Window, group_windows, plan_windows
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

VOCABULARY_SIZE = 50_304
CONTEXT_LENGTH = 2_048
SHAPES = {
    "pythia-70m": {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8},
    "pythia-160m": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
}
DOCUMENT_LENGTHS = np.geomspace(16, 2_000, 24).astype(int)
BATCH_TOKENS = DEFAULT_BATCH_TOKENS["cpu"]
OWN_CONTENDERS = ("scoring", "floor", "naive")
PEER_BATCH_SIZES = (1, 4)
PEERS = {"harness": "lm_eval", "minicons": "minicons"}

Texts = Sequence[str]
DocumentSums = npt.NDArray[np.float64]
"""Log-probability of each document, in nats."""


def build_model(shape: str) -> PreTrainedModel:
    """Return a model with random weights, which are the same in every process."""
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY_SIZE,
        intermediate_size=4 * SHAPES[shape]["hidden_size"],
        max_position_embeddings=CONTEXT_LENGTH,
        bos_token_id=0,
        eos_token_id=0,
        **SHAPES[shape],
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    return model


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer trained on Python's documentation, with no more tokens than the models."""
    return train_tokenizer((unit.text for unit in split_documentation().training), VOCABULARY_SIZE)


def build_texts(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Return passages of Python's documentation of about ``DOCUMENT_LENGTHS`` tokens, in a shuffled order."""
    text = "\n\n".join(unit.text for unit in split_documentation().validation)
    token_ids = tokenizer(text, verbose=False)["input_ids"]
    ends = np.cumsum(np.random.default_rng(0).permutation(DOCUMENT_LENGTHS))
    starts = [0, *ends[:-1]]
    return [tokenizer.decode(token_ids[start:end]) for start, end in zip(starts, ends, strict=True)]


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: Texts) -> TokenizedCorpus:
    """Return the token ids of the texts, each after an end-of-text token."""
    encodings = tokenizer(list(texts), verbose=False)["input_ids"]
    documents = (np.asarray([tokenizer.bos_token_id, *token_ids], np.int32) for token_ids in encodings)
    return TokenizedCorpus("benchmark", "benchmark", tuple(documents))


def list_batches(corpus: TokenizedCorpus) -> list[list[Window]]:
    """Return the batches that ``score_corpus`` would run; no document is longer than the context."""
    windows = [
        window
        for index, tokens in enumerate(corpus.token_ids)
        for window in plan_windows(index, len(tokens), CONTEXT_LENGTH, CONTEXT_LENGTH // 2)
    ]
    return list(group_windows(windows, BATCH_TOKENS, ENOUGH_TOKENS["cpu"]))


def pad_inputs(corpus: TokenizedCorpus, batch: list[Window]) -> torch.Tensor:
    """Return the input ids of a batch, padded on the right."""
    inputs = torch.zeros(len(batch), batch[0].input_length, dtype=torch.int64)
    for index, window in enumerate(batch):
        inputs[index, : window.input_length] = torch.from_numpy(corpus.token_ids[window.document_id][: window.end - 1])
    return inputs


def run_scoring(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Texts) -> DocumentSums:
    corpus = tokenize(tokenizer, texts)
    batches = list(score_corpus(model, corpus, ScoringSettings(quanta_per_nat=0, device="cpu")))
    scores = restore_log_probs(np.concatenate([batch.column("log_prob_quanta") for batch in batches]), 0)
    documents = np.concatenate([batch.column("document_id") for batch in batches])
    return np.bincount(documents, weights=scores)


@torch.inference_mode()
def run_floor(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Texts) -> None:
    corpus = tokenize(tokenizer, texts)
    weight = model.get_output_embeddings().weight
    for batch in list_batches(corpus):
        hidden = model.base_model(input_ids=pad_inputs(corpus, batch), use_cache=False)[0]
        for index, window in enumerate(batch):
            hidden[index, : window.input_length] @ weight.T


@torch.inference_mode()
def run_naive(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Texts) -> DocumentSums:
    corpus = tokenize(tokenizer, texts)
    sums = np.zeros(len(texts))
    for batch in list_batches(corpus):
        log_probs = model(input_ids=pad_inputs(corpus, batch), use_cache=False).logits.log_softmax(-1)
        for index, window in enumerate(batch):
            targets = torch.from_numpy(corpus.token_ids[window.document_id][1:].astype(np.int64))
            chosen = log_probs[index, : window.input_length].gather(1, targets[:, None])
            sums[window.document_id] = chosen.double().sum()
    return sums


def run_harness(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Texts, *, batch_size: int
) -> DocumentSums:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    harness = HFLM(pretrained=model, tokenizer=tokenizer, backend="causal", batch_size=batch_size, device="cpu")
    requests = [Instance("loglikelihood_rolling", {}, (text,), index) for index, text in enumerate(texts)]
    return np.asarray(harness.loglikelihood_rolling(requests, disable_tqdm=True))


def run_minicons(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Texts, *, batch_size: int
) -> DocumentSums:
    from minicons.scorer import IncrementalLMScorer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scorer = IncrementalLMScorer(model, "cpu", tokenizer)
    sums: list[float] = []
    for first in range(0, len(texts), batch_size):
        sums += scorer.sequence_score(
            list(texts[first : first + batch_size]),
            reduction=lambda scores: scores.double().sum().item(),
            bos_token=True,
        )
    return np.asarray(sums)


RUNS: dict[str, Callable[..., DocumentSums | None]] = {
    "scoring": run_scoring,
    "floor": run_floor,
    "naive": run_naive,
    **{f"harness-{size}": partial(run_harness, batch_size=size) for size in PEER_BATCH_SIZES},
    **{f"minicons-{size}": partial(run_minicons, batch_size=size) for size in PEER_BATCH_SIZES},
}


def measure_contender(name: str, shape: str, thread_count: int, directory: str) -> dict[str, float]:
    """Return the time and the peak memory of one contender; memory is counted on top of the loaded model."""
    torch.set_num_threads(thread_count)
    model = build_model(shape)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(directory)
    with open(f"{directory}/texts.json", encoding="utf-8") as file:
        texts = json.load(file)
    RUNS[name](model, tokenizer, ["for warming up"])
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu_started = time.perf_counter(), time.process_time()
    sums = RUNS[name](model, tokenizer, texts)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    memory_after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sums is not None:
        np.save(f"{directory}/{name}.npy", sums)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": (memory_after - memory_before) / 1024}


def run_rounds(
    names: Sequence[str], shape: str, round_count: int, thread_count: int, directory: str
) -> dict[str, dict]:
    """Run each contender once per round, in processes of their own, and return the medians by contender."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for round_number in range(round_count):
        # The order is rotated, so that a contender does not always start at the same time of a round
        turn = round_number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            command = [sys.executable, __file__, "--contender", name, "--directory", directory]
            command += ["--shape", shape, "--threads", str(thread_count)]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            rounds[name].append(json.loads(result.stdout.splitlines()[-1]))
    return {
        name: {key: statistics.median(round_[key] for round_ in measured) for key in measured[0]}
        for name, measured in rounds.items()
    }


def print_table(medians: dict[str, dict], token_counts: npt.NDArray[np.int64], directory: str) -> None:
    """Print a line for each contender; ``nats apart`` compares the mean log-probabilities of documents."""
    positions, ours = int(token_counts.sum()), medians["scoring"]
    scores = np.load(f"{directory}/scoring.npy")
    print(
        f"{'':12}{'tokens/s':>10}{'tokens/CPU-s':>14}{'peak MiB':>10}{'speed-up':>10}{'in CPU-s':>10}{'nats apart':>12}"
    )
    for name, median in medians.items():
        apart = (
            ""
            if name == "floor"
            else f"{np.max(np.abs(np.load(f'{directory}/{name}.npy') - scores) / token_counts):.1e}"
        )
        print(
            f"{name:12}{positions / median['seconds']:10.0f}{positions / median['cpu_seconds']:14.0f}"
            f"{median['peak_mib']:10.0f}{median['seconds'] / ours['seconds']:10.2f}"
            f"{median['cpu_seconds'] / ours['cpu_seconds']:10.2f}{apart:>12}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="pythia-70m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="*", default=[], help="contenders, instead of all of them")
    parser.add_argument("--contender", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(measure_contender(options.contender, options.shape, options.threads, options.directory)))
        return
    missing = [name for name, package in PEERS.items() if find_spec(package) is None]
    names = [name for name in RUNS if name.partition("-")[0] not in missing and name in (options.only or RUNS)]
    tokenizer = build_tokenizer()
    texts = build_texts(tokenizer)
    token_counts = np.asarray([len(tokens) - 1 for tokens in tokenize(tokenizer, texts).token_ids])
    print(f"{options.shape}, {len(texts)} documents, {token_counts.sum()} tokens, {len(tokenizer)} in the tokenizer")
    print(f"{options.rounds} rounds, {options.threads} threads, torch {torch.__version__}; not installed: {missing}")
    with tempfile.TemporaryDirectory() as directory:
        tokenizer.save_pretrained(directory)
        with open(f"{directory}/texts.json", "w", encoding="utf-8") as file:
            json.dump(texts, file)
        print_table(
            run_rounds(names, options.shape, options.rounds, options.threads, directory), token_counts, directory
        )


if __name__ == "__main__":
    main()
