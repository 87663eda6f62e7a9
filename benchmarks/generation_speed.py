"""Interpolated decoding against two runs of transformers' ``generate``, one with each model, and its memory.

All contenders write the same number of tokens after the same prompts, in batches of the same size, in one process and
on one thread. The two runs of ``generate`` write different texts, because neither of them sees the other model. So the
comparison is one of work: each contender runs both models over every text, with their caches. Every contender runs once
per round. The table shows medians of CPU time and wall time. The growth of resident memory is that of the first run,
which is ours: later runs use memory again that earlier ones have left.

``python -m benchmarks.generation_speed SMALL LARGE [--prompts 64] [--prompt-tokens 5] [--new-tokens 50] [--rounds 3]``
with two directories of checkpoints, in this project's environment. With ``--shapes``, SMALL and LARGE are names such as
pythia-70m, and the models have random weights of these shapes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel

from tests.support.peak_memory import PeakMemory
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.sequences.decoding.configuration import PRESETS, Sampling
from trailhouse.models.sequences.decoding.generate import generate_texts
from trailhouse.models.sequences.decoding.generated_text import GeneratedText, Prompt

SHAPES = {"pythia-70m": (512, 6, 8), "pythia-160m": (768, 12, 12)}
VOCABULARY_SIZE = 50_304
DECODING = PRESETS["ps-pl"]
SAMPLINGS = (Sampling("greedy"), Sampling("nucleus", 0.9, 1))
ALONE_COUNT = 8  # prompts that are generated one at a time; all of them would take long


def build_model(shape: str, seed: int) -> PreTrainedModel:
    """Return a model of a published shape with random weights."""
    torch.manual_seed(seed)
    width, layer_count, head_count = SHAPES[shape]
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=width,
        num_hidden_layers=layer_count,
        num_attention_heads=head_count,
        intermediate_size=4 * width,
        max_position_embeddings=2_048,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.25},
        initializer_range=0.05,  # predictions that are not all alike
    )
    return GPTNeoXForCausalLM(config).eval()


def draw_prompts(model: PreTrainedModel, count: int, token_count: int) -> list[Prompt]:
    generator = np.random.default_rng(0)
    token_ids = generator.integers(3, model.config.vocab_size, (count, token_count)).astype(np.int32)
    return [Prompt(prompt_id, row) for prompt_id, row in enumerate(token_ids)]


def run_trailhouse(
    models: list[PreTrainedModel], prompts: list[Prompt], new_token_count: int, sampling: Sampling, batch_size: int
) -> list[GeneratedText]:
    batches = generate_texts(*models, prompts, new_token_count, DECODING, sampling, batch_size=batch_size)
    return [text for batch in batches for text in batch]


def run_transformers(
    models: list[PreTrainedModel], prompts: list[Prompt], new_token_count: int, sampling: Sampling, batch_size: int
) -> None:
    options: dict[str, bool | float] = (
        {"do_sample": False} if sampling.method == "greedy" else {"do_sample": True, "top_p": 0.9, "top_k": 0}
    )
    for model in models:
        model.generation_config.eos_token_id = None
        for first in range(0, len(prompts), batch_size):
            rows = [torch.from_numpy(prompt.token_ids).long() for prompt in prompts[first : first + batch_size]]
            input_ids = torch.stack(rows)
            mask = torch.ones_like(input_ids)
            model.generate(input_ids, attention_mask=mask, max_new_tokens=new_token_count, pad_token_id=0, **options)


def measure(run: Callable[[], object]) -> tuple[tuple[float, float, float], object]:
    """Return (wall seconds, CPU seconds, growth of memory in MiB) and the result of a run."""
    memory = PeakMemory(os.getpid())
    memory.reset()
    started, cpu_started = time.perf_counter(), time.process_time()
    result = run()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return (wall, cpu, memory.growth_bytes / 2**20), result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("small")
    parser.add_argument("large")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--prompt-tokens", type=int, default=5)
    parser.add_argument("--new-tokens", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = (arguments.small, arguments.large)
    if arguments.shapes:
        models = [build_model(name, seed) for seed, name in enumerate(names)]
    else:
        models = [load_model(Path(name), ScoringSettings(device="cpu")) for name in names]
    prompts = draw_prompts(models[1], arguments.prompts, arguments.prompt_tokens)
    for sampling in SAMPLINGS:
        report(models, prompts, sampling, arguments)


def report(
    models: list[PreTrainedModel], prompts: list[Prompt], sampling: Sampling, arguments: argparse.Namespace
) -> None:
    """Time all contenders with one sampling and print the table."""
    contenders: dict[str, tuple[int, Callable[[], object]]] = {}
    for name, run, size, count in (
        ("trailhouse", run_trailhouse, arguments.batch_size, len(prompts)),
        ("generate, both models", run_transformers, arguments.batch_size, len(prompts)),
        ("trailhouse, one at a time", run_trailhouse, 1, ALONE_COUNT),
    ):
        chosen = prompts[:count]
        token_count = len(chosen) * arguments.new_tokens
        contenders[name] = (token_count, partial(run, models, chosen, arguments.new_tokens, sampling, size))
    rounds = [{name: measure(run) for name, (_, run) in contenders.items()} for _ in range(arguments.rounds)]
    print(f"{f'{DECODING.name}, {sampling.name}':26}{'tokens/s':>10}{'tokens/CPU-s':>14}")
    speeds = {}
    for name, (token_count, _) in contenders.items():
        wall, cpu = (statistics.median(each[name][0][column] for each in rounds) for column in range(2))
        speeds[name] = (token_count / wall, token_count / cpu)
        print(f"{name:26}{token_count / wall:10.1f}{token_count / cpu:14.1f}")
    for peer in list(speeds)[1:]:
        wall, cpu = (own / other for own, other in zip(speeds["trailhouse"], speeds[peer], strict=True))
        print(f"speed against {peer}: {wall:.2f} in wall time, {cpu:.2f} in CPU time")
    texts, alone = rounds[0]["trailhouse"][1], rounds[0]["trailhouse, one at a time"][1]
    assert isinstance(texts, list)
    assert isinstance(alone, list)
    close_count = sum(text.close_decision_count for text in texts)
    differing = sum(
        not np.array_equal(one.token_ids, other.token_ids) for one, other in zip(texts, alone, strict=False)
    )
    print(f"close decisions: {close_count} of {len(texts) * arguments.new_tokens} tokens;", end=" ")
    print(f"memory beside the models: {rounds[0]['trailhouse'][0][2]:.0f} MiB;", end=" ")
    print(f"texts that differ from those one at a time: {differing} of {len(alone)}")


if __name__ == "__main__":
    main()
