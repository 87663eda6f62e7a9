"""This module parses samples files of lm-evaluation-harness, which hold the log-probability of every option of a task.

``lm_eval --log_samples`` writes one samples file per task into the directory of the run's result file. A line of the
file holds one item (called document by the harness), the requests to the model, and the answers of the model:

    arguments   {"gen_args_0": {"arg_0": prompt, "arg_1": option}, ...}    before 0.4.3: [[prompt, option], ...]
    resps       [[["-3.25", "False"]], ...]                                before 0.4.3: [[[-3.25, false]], ...]
    target      "1"                                                        index of the correct option

For tasks with the metric ``acc_mutual_info``, the requests for all options occur twice: first with the prompt, and then
without a prompt. The answers to requests without a prompt are the unconditional log-probabilities. Other tasks may have
empty prompts, too: in a task of minimal pairs, each option is a whole sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.warehouse.imports.json_files import AS_WRITTEN, JsonField, read_json, read_json_lines
from trailhouse.warehouse.imports.lm_eval.result_files import find_below, read_metric_names, read_shots, read_version

STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)$")
HALF_PAIR = re.compile("[\ud800-\udfff]")
MULTIPLE_CHOICE = "multiple_choice"
MUTUAL_INFORMATION = "acc_mutual_info"
MAXIMUM_ITEM_ID = 2**31 - 1
MAXIMUM_SEED = 2**31 - 1


@dataclass(frozen=True)
class SampleSettings:
    """The settings of one task, as the result file of a run states them."""

    task_name: str
    task_version: str
    shot_count: int
    seed: int
    """Seed for drawing the exemplars; 0 if the file has none."""
    output_type: str | None
    description: str
    target_delimiter: str
    """Text between prompt and option. It is not part of the option's text."""
    fewshot_delimiter: str
    has_unconditional_requests: bool = False
    """Whether the options were also scored without a prompt, for the metric ``acc_mutual_info``."""


@dataclass(frozen=True)
class SampledOption:
    """One option of an item with the log-probabilities that the model computed for it."""

    text: str
    prompt: str
    continuation: str
    """The text that was scored, usually the delimiter and the option."""
    log_prob_nats: float
    unconditional_log_prob_nats: float | None
    is_correct: bool


@dataclass(frozen=True)
class SampledItem:
    """One item of a task. Its options are in the order of the harness."""

    line: JsonField
    """File and line of the item, for error messages."""
    item_id: int
    question: str
    """The prompt of the item. The task's description and the exemplars are removed from it if they are recognised."""
    options: tuple[SampledOption, ...]


def list_samples_files(result_file: Path, task_names: Sequence[str]) -> dict[Path, str]:
    """Return the samples files of the run that wrote a result file, mapped to the names of their tasks.

    A samples file of this run is in the directory of the result file and has the same time in its name. The part of its
    name before the time ends with the name of its task.
    """
    found: dict[Path, str] = {}
    for file in sorted(result_file.parent.glob("*.jsonl")):
        if _read_stamp(file) == _read_stamp(result_file):
            name = STAMP.sub("", file.stem)
            matches = [task for task in task_names if name.endswith(f"_{task}")]
            if matches:
                found[file] = max(matches, key=len)
    return found


def find_result_file(samples_file: Path) -> Path | None:
    """Return the result file of the run that wrote a samples file; None if its directory has no such result file."""
    beside = sorted(samples_file.parent.glob("*.json"), key=lambda file: (not file.stem.startswith("results"), file))
    return next((file for file in beside if _read_stamp(file) == _read_stamp(samples_file)), None)


def read_sample_settings(result_file: Path, task_name: str) -> SampleSettings:
    """Read the settings of a task from a result file; raises BadInputError naming file and field."""
    top = read_json(result_file)
    config, task = top.find("config"), find_below(top, "configs", task_name)
    output_type = task.find("output_type") if task is not None else None
    seed = config.find("fewshot_seed") if config is not None else None
    shots = read_shots(top, task_name)
    return SampleSettings(
        task_name=task_name,
        task_version=read_version(top, task_name),
        shot_count=shots,
        seed=seed.read_integer(-MAXIMUM_SEED, MAXIMUM_SEED) if shots and seed is not None and seed.is_number else 0,
        output_type=output_type.read_text() if output_type is not None else None,
        description=_read_setting(task, "description", ""),
        target_delimiter=_read_setting(task, "target_delimiter", " "),
        fewshot_delimiter=_read_setting(task, "fewshot_delimiter", "\n\n"),
        has_unconditional_requests=MUTUAL_INFORMATION in read_metric_names(top, task_name),
    )


def read_samples(file: Path, settings: SampleSettings) -> list[SampledItem]:
    """Return the items of a multiple-choice task, ordered by item_id; an empty list for a task of another kind.

    Raises BadInputError naming file, line and field.
    """
    if settings.output_type not in (MULTIPLE_CHOICE, None):
        return []
    items: dict[int, SampledItem] = {}
    filters: dict[int, object] = {}
    for line in read_json_lines(file):
        requests = _read_requests(line.require("arguments"))
        if settings.output_type is None and (len(requests) < 2 or not _are_options(requests)):
            return []
        document = line.require("doc_id")
        item_id = document.read_integer(0, MAXIMUM_ITEM_ID)
        answer_filter = _read_value(line, "filter")
        if item_id in items:
            if filters[item_id] == answer_filter:
                raise document.fail(f"document {item_id} is there twice", "keep one of the lines")
            continue  # The item was read already. This line has its answers under another filter.
        filters[item_id] = answer_filter
        items[item_id] = _read_item(line, item_id, requests, settings)
    if not items:
        raise JsonField(file, "", None).fail("contains no samples", AS_WRITTEN)
    return [items[item_id] for item_id in sorted(items)]


def _read_item(line: JsonField, item_id: int, requests: list[JsonField], settings: SampleSettings) -> SampledItem:
    pairs = [_read_pair(request) for request in requests]
    log_probs = [_read_log_prob(field) for field in line.require("resps").elements()]
    if len(log_probs) != len(pairs):
        raise line.require("resps").fail(f"{len(log_probs)} answers to {len(pairs)} requests", AS_WRITTEN)
    half = len(pairs) // 2
    if settings.has_unconditional_requests and (len(pairs) % 2 or any(prompt for prompt, _ in pairs[half:])):
        raise line.require("arguments").fail(
            f"the task has the metric {MUTUAL_INFORMATION}, and the second half of the requests has prompts", AS_WRITTEN
        )
    count = half if settings.has_unconditional_requests else len(pairs)
    if count < 2:
        raise line.require("arguments").fail("there are fewer than two options", AS_WRITTEN)
    unconditional: list[float | None] = [*log_probs[count:]] or [None] * count
    # In tasks with a gap in a text, such as Winogrande, the option stands in the prompt. So the prompts of an item
    # differ, and the continuation is the same for all options.
    are_prompts_alike = len({prompt for prompt, _ in pairs[:count]}) == 1
    texts = [
        continuation.removeprefix(settings.target_delimiter)
        if are_prompts_alike
        else _cut_question(prompt, settings) + continuation
        for prompt, continuation in pairs[:count]
    ]
    correct = _read_target(line.require("target"), texts)
    options = tuple(
        SampledOption(
            text=texts[index],
            prompt=pairs[index][0],
            continuation=pairs[index][1],
            log_prob_nats=log_probs[index],
            unconditional_log_prob_nats=unconditional[index],
            is_correct=index in correct,
        )
        for index in range(count)
    )
    location = JsonField(line.file, "", None, line=line.line)
    return SampledItem(location, item_id, _cut_question(pairs[0][0], settings), options)


def _read_requests(arguments: JsonField) -> list[JsonField]:
    return list(arguments.items()) if isinstance(arguments.value, dict) else arguments.elements()


def _list_parts(request: JsonField) -> list[JsonField]:
    return list(request.items()) if isinstance(request.value, dict) else request.elements()


def _are_options(requests: list[JsonField]) -> bool:
    """Return whether the requests ask for log-probabilities of texts, rather than for generated texts."""
    parts = [_list_parts(request) for request in requests]
    return all(len(pair) == 2 and isinstance(pair[1].value, str) for pair in parts)


def _read_pair(request: JsonField) -> tuple[str, str]:
    parts = _list_parts(request)
    if len(parts) < 2:
        raise request.fail("a prompt and an option are expected here", AS_WRITTEN)
    prompt, continuation = parts[0].value, parts[1].value
    for part, value in ((parts[0], prompt), (parts[1], continuation)):
        if not isinstance(value, str):
            raise part.fail(f"{type(value).__name__} is not text", AS_WRITTEN)
        if HALF_PAIR.search(value):
            raise part.fail("contains half a surrogate pair", "write the text as valid Unicode")
    return str(prompt), str(continuation)


def _read_log_prob(answers: JsonField) -> float:
    """Return the log-probability in the first answer to a request. In the file, it may be a number or a text."""
    field = answers
    for _ in range(2):
        inner = field.elements()
        if not inner:
            raise field.fail("is empty", AS_WRITTEN)
        field = inner[0]
    try:
        value = float(field.value) if isinstance(field.value, str) else field.read_number()
    except ValueError as error:
        raise field.fail(f"{field.value!r:.60} is not a number", AS_WRITTEN) from error
    if not math.isfinite(value):
        raise field.fail("is not finite", "leave the file out: the model's computation overflowed")
    return value


def _read_target(target: JsonField, texts: Sequence[str]) -> set[int]:
    """Return the indices of the correct options.

    The target is an index, a list of indices, or the text of an option. True and False stand for the indices 1 and 0.
    """
    stated = target.value
    text = stated.strip() if isinstance(stated, str) else ""
    if text in texts and not text.isdecimal():
        return {texts.index(text)}
    if text:
        try:
            stated = json.loads({"True": "1", "False": "0"}.get(text, text))
        except (ValueError, RecursionError):
            stated = None
    indices = stated if isinstance(stated, list) else [stated]
    if indices and all(isinstance(value, int) and 0 <= value < len(texts) for value in indices):
        return {int(value) for value in indices}
    if text in texts:  # The target is no valid index. It is the text of an option that happens to be a number.
        return {texts.index(text)}
    raise target.fail(
        f"{target.value!r:.60} is neither the index nor the text of one of {len(texts)} options", AS_WRITTEN
    )


def _cut_question(prompt: str, settings: SampleSettings) -> str:
    if settings.shot_count > 0 and settings.fewshot_delimiter:
        return prompt.rpartition(settings.fewshot_delimiter)[2]
    return prompt.removeprefix(settings.description)


def _read_setting(task: JsonField | None, name: str, default: str) -> str:
    value = _read_value(task, name) if task is not None else None
    return value if isinstance(value, str) else default


def _read_value(field: JsonField, name: str) -> object:
    found = field.find(name)
    return found.value if found is not None else None


def _read_stamp(file: Path) -> str:
    found = STAMP.search(file.stem)
    return found.group(1) if found else ""
