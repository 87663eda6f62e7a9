"""Few-shot evaluation against lm-evaluation-harness: items per second on identical prompts, and the choices.

Both score every option of the same items with the same model, in one process and on one thread. The time to load the
model is not counted. Trailhouse scores every option with and without its prompt, as ``trailhouse evaluate`` does. The
harness is timed with the same work (which acc_mutual_info needs), and with conditional scores only (which acc and
acc_norm need). It gets prompts and options as text, with several batch sizes, and its best time is used. Every
contender runs once per round. The table shows medians of CPU time and wall time.

``python benchmarks/few_shot.py CHECKPOINT_DIRECTORY [--shape pythia-70m] [--rounds 3] [--shots 2] [--items 60]``, in an
environment that has lm-eval. With ``--shape``, the model has random weights of that shape, and the items ask how
passages of documentation continue, so that the prompts are as long as those of most published tasks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel

from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.option_encoding import encode_task
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.few_shot.tasks.miniature_tasks import miniature_tasks
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem
from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenizer import load_tokenizer

SEED = 0
SETTINGS = ScoringSettings(device="cpu")
SHAPES = {
    "pythia-70m": {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048},
}
HARNESS_BATCH_SIZES = {"pythia-70m": (4, 8), None: (8, 32)}
PASSAGE_WORDS = 50
OPTION_COUNT = 4
# Part of the name of a contender that scores options with and without prompts
SAME_WORK = ", both"
Scores = npt.NDArray[np.float64]


def build_model(shape: str) -> PreTrainedModel:
    """Return a model of a published shape with random weights."""
    torch.manual_seed(SEED)
    config = GPTNeoXConfig(vocab_size=50304, max_position_embeddings=2048, rotary_pct=0.25, **SHAPES[shape])  # type: ignore[call-arg]
    return GPTNeoXForCausalLM(config).eval()


def build_passages(item_count: int) -> list[Task]:
    """Return one task: which three words continue a passage of documentation."""
    words = " ".join(unit.text for unit in split_documentation().validation).split()
    size = PASSAGE_WORDS + 3 * OPTION_COUNT
    items = []
    for first_word in range(0, size * item_count, size):
        passage = " ".join(words[first_word : first_word + PASSAGE_WORDS])
        rest = words[first_word + PASSAGE_WORDS : first_word + size]
        options = tuple(dict.fromkeys(" ".join(rest[i : i + 3]) for i in range(0, len(rest), 3)))
        items.append(TaskItem(passage, options, tuple(float(index == 0) for index in range(len(options)))))
    form = PromptFormat(
        example_input_prefix="",
        example_output_prefix=" ",
        append_choices_to_input=False,
        few_shot_example_separator="\n\n",
    )
    return [Task("passages", "", (), "", "benchmark", "", form, tuple(items))]


def list_requests(tasks: Sequence[Task], shot_count: int) -> list[tuple[str, str]]:
    """Return (prompt, option) for every option of every item."""
    return [
        (prompt, option)
        for task in tasks
        for item_id, item in enumerate(task.items)
        for prompt in [write_prompt(task, item_id, draw_exemplars(task, item_id, shot_count, SEED), SEED)]
        for option in item.options
    ]


def score_with_harness(harness: HFLM, requests: Sequence[tuple[str, str]], *, with_unconditional: bool) -> Scores:
    """Return the harness's scores of the requests, followed by those of the options without prompts if asked for."""
    asked = (
        [*requests, *(("", _move_white_space(*request)) for request in requests)] if with_unconditional else requests
    )
    instances = [Instance("loglikelihood", {}, request, 0) for request in asked]
    return np.asarray([score for score, _ in harness.loglikelihood(instances, disable_tqdm=True)])


def _move_white_space(prompt: str, option: str) -> str:
    """Return the option after the white space from the end of its prompt."""
    return prompt[len(prompt.rstrip()) :] + option


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shots", type=int, default=2)
    parser.add_argument("--items", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(arguments.directory)
    model = build_model(arguments.shape) if arguments.shape else load_model(arguments.directory, SETTINGS)
    tasks = build_passages(arguments.items) if arguments.shape else list(miniature_tasks())
    requests = list_requests(tasks, arguments.shots)

    def run_trailhouse() -> Scores:
        evaluator = Evaluator(model, SETTINGS)
        encoded = [encode_task(tokenizer, task, arguments.shots, SEED, evaluator.context_length) for task in tasks]
        batches = [evaluator.score(task) for task in encoded]
        names = ("log_prob_nats", "unconditional_log_prob_nats")
        return np.concatenate([batch[name].to_numpy() for name in names for batch in batches]).astype(float)

    contenders: dict[str, Callable[[], Scores]] = {"trailhouse": run_trailhouse}
    for size in HARNESS_BATCH_SIZES[arguments.shape]:
        harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=size, device="cpu")
        for with_unconditional in (False, True):
            name = f"harness{SAME_WORK if with_unconditional else ''}, batch {size}"
            contenders[name] = partial(score_with_harness, harness, requests, with_unconditional=with_unconditional)
    times, scores = run_rounds(contenders, arguments.rounds)
    tokens = [len(ids) for ids in tokenizer([prompt for prompt, _ in requests])["input_ids"]]
    print(f"{sum(len(task.items) for task in tasks)} items, {len(requests)} options, 1 thread,", end=" ")
    print(f"prompts of {min(tokens)} to {max(tokens)} tokens, median {statistics.median(tokens):.0f}")
    report(tasks, times, scores)


def run_rounds(
    contenders: dict[str, Callable[[], Scores]], round_count: int
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, Scores]]:
    """Return the (wall, CPU) seconds of every round and the scores, by contender."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    scores: dict[str, Scores] = {}
    for _ in range(round_count):
        for name, run in contenders.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            scores[name] = run()
            times[name].append((time.perf_counter() - started, time.process_time() - cpu_started))
    return times, scores


def report(tasks: Sequence[Task], times: dict[str, list[tuple[float, float]]], scores: dict[str, Scores]) -> None:
    """Print items per second, speed-ups, and how far the scores differ."""
    item_count = sum(len(task.items) for task in tasks)
    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in times.items()
    }
    print(f"{'':30}{'items/s':>10}{'items/CPU-s':>14}")
    for name, (wall, cpu) in medians.items():
        print(f"{name:30}{item_count / wall:10.1f}{item_count / cpu:14.1f}")
    for is_same_work in (True, False):
        peers = [name for name in medians if name != "trailhouse" and (SAME_WORK in name) == is_same_work]
        best = min(peers, key=lambda name: medians[name][1])
        ratios = [peer / own for peer, own in zip(medians[best], medians["trailhouse"], strict=True)]
        print(f"speed against {best}: {ratios[0]:.2f} in wall time, {ratios[1]:.2f} in CPU time")
        own_scores = scores["trailhouse"][: len(scores[best])]
        print(f"largest difference: {np.abs(own_scores - scores[best]).max():.1e} nats")
    for name, lengths in (("sum", lambda _: 1), ("characters", len)):
        report_choices(tasks, name, lengths, scores["trailhouse"], scores[best])


def report_choices(tasks: Sequence[Task], name: str, length: Callable[[str], int], own: Scores, others: Scores) -> None:
    """Print how many items the two answer differently, and by how many nats the two answers differ."""
    first, differences = 0, []
    for task in tasks:
        for item_id, item in enumerate(task.items):
            lengths = np.asarray([length(option) for option in item.options])
            values = [scores[first : first + len(lengths)] / lengths for scores in (own, others)]
            chosen = [int(np.argmax(each)) for each in values]
            if chosen[0] != chosen[1]:
                margin = float(values[0][chosen[0]] - values[0][chosen[1]])
                differences.append(f"{task.task_id} item {item_id}, apart by {margin:.1e} nats")
            first += len(lengths)
    print(f"different choices by {name}: {len(differences)} of {sum(len(task.items) for task in tasks)}", *differences)


if __name__ == "__main__":
    main()
