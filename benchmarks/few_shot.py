"""Few-shot evaluation against lm-evaluation-harness: items per second on identical prompts, and the choices.

Both score every option of the miniature tasks with one checkpoint, in this process and on one thread, and the
time of loading is no part of either. The harness gets prompts and options as text, at several batch sizes, and
its best counts. Each contender runs once per round; medians of CPU and wall time are shown.

``python benchmarks/few_shot.py CHECKPOINT_DIRECTORY [rounds] [shots]``, in an environment that has lm-eval.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from trailhouse.models.evaluation.encoding import encode_task
from trailhouse.models.evaluation.evaluator import Evaluator
from trailhouse.models.miniature.tasks import miniature_tasks
from trailhouse.models.scoring import ScoringSettings, load_model
from trailhouse.models.tasks.prompt import draw_exemplars, write_prompt
from trailhouse.models.tokenization import load_tokenizer

SEED = 0
HARNESS_BATCH_SIZES = (8, 32)
SETTINGS = ScoringSettings(device="cpu")
Scores = npt.NDArray[np.float64]


def list_requests(shot_count: int) -> list[Instance]:
    """Return every option of every item as the harness asks for it."""
    return [
        Instance("loglikelihood", {}, (prompt, option), 0)
        for task in miniature_tasks()
        for item_id, item in enumerate(task.items)
        for prompt in [write_prompt(task, item_id, draw_exemplars(task, item_id, shot_count, SEED), SEED)]
        for option in item.options
    ]


def count_choices(scores: Scores) -> list[int]:
    """Return the option of the highest log-probability of every item."""
    choices, place = [], 0
    for task in miniature_tasks():
        for item in task.items:
            choices.append(int(np.argmax(scores[place : place + len(item.options)])))
            place += len(item.options)
    return choices


def main() -> None:
    directory = Path(sys.argv[1])
    round_count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    shot_count = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    torch.set_num_threads(1)
    model, tokenizer = load_model(directory, SETTINGS), load_tokenizer(directory)
    requests = list_requests(shot_count)
    harnesses = {
        size: HFLM(pretrained=model, tokenizer=tokenizer, batch_size=size, device="cpu") for size in HARNESS_BATCH_SIZES
    }

    def run_trailhouse() -> Scores:
        evaluator = Evaluator(model, SETTINGS)
        encoded = [
            encode_task(tokenizer, task, shot_count, SEED, evaluator.context_length) for task in miniature_tasks()
        ]
        return np.concatenate([evaluator.score(task)["log_prob_nats"].to_numpy() for task in encoded]).astype(float)

    def run_harness(size: int) -> Scores:
        return np.asarray([score for score, _ in harnesses[size].loglikelihood(requests, disable_tqdm=True)])

    contenders: dict[str, Callable[[], Scores]] = {"trailhouse": run_trailhouse}
    contenders |= {f"harness, batch {size}": (lambda size=size: run_harness(size)) for size in HARNESS_BATCH_SIZES}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    scores: dict[str, Scores] = {}
    for _ in range(round_count):
        for name, run in contenders.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            scores[name] = run()
            times[name].append((time.perf_counter() - started, time.process_time() - cpu_started))
    report(times, scores)


def report(times: dict[str, list[tuple[float, float]]], scores: dict[str, Scores]) -> None:
    """Print rates, ratios and differences."""
    item_count = sum(len(task.items) for task in miniature_tasks())
    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in times.items()
    }
    print(f"{item_count} items, {len(scores['trailhouse'])} options, 1 thread")
    print(f"{'':20}{'items/s':>10}{'items/CPU-s':>14}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:20}{item_count / wall:10.1f}{item_count / cpu:14.1f}")
    best = min((name for name in medians if name != "trailhouse"), key=lambda name: medians[name][1])
    for place, kind in enumerate(("wall", "CPU")):
        print(f"speed against {best}, {kind} time: {medians[best][place] / medians['trailhouse'][place]:.2f}")
    pairs = zip(count_choices(scores["trailhouse"]), count_choices(scores[best]), strict=True)
    print(f"different choices: {sum(left != right for left, right in pairs)} of {item_count}")
    print(f"largest difference: {np.abs(scores['trailhouse'] - scores[best]).max():.1e} nats")


if __name__ == "__main__":
    main()
