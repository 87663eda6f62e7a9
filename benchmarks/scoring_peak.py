"""Scoring throughput of a device, in tokens per second and as a share of its fastest matrix product.

A random model scores documents that fill its context. The peak is the fastest of some large square matrix products
of the same type, measured in the same run. Let N be the number of weights without the embedding, L the layers, W the
width and C the context length. The floating-point operations per scored token are::

    2 * N            products with the weights, LM head included
    2 * L * W * C    causal attention (Chowdhery et al. 2022, appendix B, halved for causality)

Softmax and layer norms are not counted.

``python -m benchmarks.scoring_peak [--shape pythia-1.4b] [--device cuda] [--dtype bfloat16] [--compile]``, in this
project's environment. Without a GPU it measures the CPU.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, PreTrainedModel

from trailhouse.models.scoring.devices import device_name
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

VOCABULARY_SIZE = 50_304
CONTEXT_LENGTH = 2_048
SHAPES = {"pythia-70m": (512, 6, 8), "pythia-160m": (768, 12, 12), "pythia-1.4b": (2_048, 24, 16)}
PRODUCT_SIZES = {"cpu": (1_024, 2_048), "cuda": (4_096, 8_192, 16_384)}
REPEATS = 5


def build_model(shape: str, settings: ScoringSettings, device: str) -> PreTrainedModel:
    width, layer_count, head_count = SHAPES[shape]
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=width,
        num_hidden_layers=layer_count,
        num_attention_heads=head_count,
        intermediate_size=4 * width,
        max_position_embeddings=CONTEXT_LENGTH,
    )
    with torch.device(device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, settings.dtype)).eval()
    return model


def build_corpus(document_count: int) -> TokenizedCorpus:
    generator = np.random.default_rng(0)
    documents = (generator.integers(0, VOCABULARY_SIZE, CONTEXT_LENGTH + 1) for _ in range(document_count))
    return TokenizedCorpus("benchmark", "none", tuple(tokens.astype(np.int32) for tokens in documents))


def count_operations(model: PreTrainedModel, shape: str) -> float:
    """Return the floating-point operations per scored token; the formula is that of the module."""
    width, layer_count, _ = SHAPES[shape]
    embedding_count = VOCABULARY_SIZE * width
    weight_count = sum(parameter.numel() for parameter in model.parameters()) - embedding_count
    return 2.0 * weight_count + 2.0 * layer_count * width * CONTEXT_LENGTH


def synchronise(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize()


def measure_peak(device: str, dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of the fastest matrix product."""
    rates = []
    for size in PRODUCT_SIZES.get(device.partition(":")[0], PRODUCT_SIZES["cuda"]):
        left = torch.randn(size, size, device=device, dtype=dtype)
        right, result = torch.randn_like(left), torch.empty_like(left)
        torch.mm(left, right, out=result)
        for _ in range(REPEATS):
            synchronise(device)
            started = time.perf_counter()
            torch.mm(left, right, out=result)
            synchronise(device)
            rates.append(2.0 * size**3 / (time.perf_counter() - started))
    return max(rates)


def measure_scoring(model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings, device: str) -> float:
    """Return scored tokens per second: the median of three runs, after one that is not counted."""
    seconds = []
    for _ in range(4):
        synchronise(device)
        started = time.perf_counter()
        for _ in score_corpus(model, corpus, settings):
            pass
        seconds.append(time.perf_counter() - started)
    return corpus.position_count / float(np.median(seconds[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--shape", choices=SHAPES, default="pythia-160m" if default == "cuda" else "pythia-70m")
    parser.add_argument("--device", default=default)
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch-tokens", type=int)
    parser.add_argument("--documents", type=int, default=4 if default == "cpu" else 64)
    options = parser.parse_args()
    settings = ScoringSettings(
        dtype=options.dtype,
        is_compiled=options.compile,
        device=options.device,
        max_batch_tokens=options.batch_tokens,
    )
    model = build_model(options.shape, settings, options.device)
    peak = measure_peak(options.device, getattr(torch, options.dtype))
    rate = measure_scoring(model, build_corpus(options.documents), settings, options.device)
    print(f"{options.shape}, {options.dtype}, compiled: {options.compile}, {device_name(model)}")
    reached = rate * count_operations(model, options.shape)
    print(f"{rate:.0f} tokens/s, {reached / 1e12:.2f} of {peak / 1e12:.2f} TFLOP/s: {reached / peak:.2f}")
    if options.device.startswith("cuda"):
        print(f"largest memory in use: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
