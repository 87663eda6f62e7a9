"""Samples files of lm-evaluation-harness: what a model made of every option of every document of a task.

``lm_eval --log_samples`` writes one file a task beside the results of the same run. A line holds the prompt with
each option as it was sent to the model and the log-probability that came back:

    arguments   {"gen_args_0": {"arg_0": prompt, "arg_1": option}, ...}    before 0.4.3: [[prompt, option], ...]
    resps       [[["-3.25", "False"]], ...]                                before 0.4.3: [[[-3.25, false]], ...]
    target      "1"                                                        the ordinal of the right option

Tasks with the metric ``acc_mutual_info`` ask for every option twice, the second time without a prompt.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trailhouse.warehouse.imports.json_files import JsonField, read_json, read_json_lines
from trailhouse.warehouse.imports.lm_eval.result_files import find_below, read_shots, read_version

STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)$")
HALF_PAIR = re.compile("[\ud800-\udfff]")
MULTIPLE_CHOICE = "multiple_choice"
MAXIMUM_ITEM_ID = 2**31 - 1
MAXIMUM_SEED = 2**31 - 1
AS_WRITTEN = "give the file as the program wrote it"


@dataclass(frozen=True)
class SampleSettings:
    """What the result file of a run says about one of its tasks."""

    task_name: str
    task_version: str
    shot_count: int
    seed: int
    """Seed the exemplars were drawn with; 0 where the file does not say."""
    output_type: str | None
    description: str
    target_delimiter: str
    """Stands between prompt and option, and is no part of the option's text."""
    fewshot_delimiter: str


@dataclass(frozen=True)
class SampledOption:
    """An option as it was sent to the model, and what came back."""

    text: str
    prompt: str
    continuation: str
    """What was scored: the option with the delimiter before it."""
    log_prob_nats: float
    unconditional_log_prob_nats: float | None
    is_correct: bool


@dataclass(frozen=True)
class SampledItem:
    """One document of a task with its options, in the order of the harness."""

    line: JsonField
    """The line it stands on."""
    item_id: int
    question: str
    """The prompt without description and exemplars, as far as these can be told apart."""
    options: tuple[SampledOption, ...]


def list_samples_files(result_file: Path, task_names: Sequence[str]) -> dict[Path, str]:
    """Return the samples files of the run that wrote a result file, each with its task.

    They lie beside it, are named after their task and bear the same time in their name.
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
    """Return the result file of the run that wrote a samples file, None where it does not lie beside it."""
    beside = sorted(samples_file.parent.glob("*.json"), key=lambda file: (not file.stem.startswith("results"), file))
    return next((file for file in beside if _read_stamp(file) == _read_stamp(samples_file)), None)


def read_sample_settings(result_file: Path, task_name: str) -> SampleSettings:
    """Read what a result file says about a task; raises BadInputError naming file and field."""
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
    )


def read_samples(file: Path, settings: SampleSettings) -> list[SampledItem]:
    """Read the items of a multiple-choice task, by their ordinals; none where the task is of another kind.

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
        ordinal = line.require("doc_id")
        item_id = ordinal.read_integer(0, MAXIMUM_ITEM_ID)
        answer_filter = _read_value(line, "filter")
        if item_id in items:
            if filters[item_id] == answer_filter:
                raise ordinal.fail(f"document {item_id} is there twice", "keep one of the lines")
            continue  # the same answers, filtered otherwise
        filters[item_id] = answer_filter
        items[item_id] = _read_item(line, item_id, requests, settings)
    if not items:
        raise JsonField(file, "", None).fail("holds no samples", AS_WRITTEN)
    return [items[item_id] for item_id in sorted(items)]


def _read_item(line: JsonField, item_id: int, requests: list[JsonField], settings: SampleSettings) -> SampledItem:
    pairs = [_read_pair(request) for request in requests]
    scores = [_read_log_prob(field) for field in line.require("resps").elements()]
    if len(scores) != len(pairs):
        raise line.require("resps").fail(f"{len(scores)} answers to {len(pairs)} requests", AS_WRITTEN)
    count = len(pairs) // 2 if len(pairs) % 2 == 0 and all(not prompt for prompt, _ in pairs[len(pairs) // 2 :]) else 0
    alone: list[float | None] = [*scores[count:]] if count else [None] * len(pairs)
    count = count or len(pairs)
    if count < 2:
        raise line.require("arguments").fail("there are fewer than two options", AS_WRITTEN)
    # Tasks that fill a gap put the options into the prompt, and score what follows it
    are_prompts_alike = len({prompt for prompt, _ in pairs[:count]}) == 1
    texts = [
        continuation.removeprefix(settings.target_delimiter)
        if are_prompts_alike
        else _cut_question(prompt, settings) + continuation
        for prompt, continuation in pairs[:count]
    ]
    correct = _read_target(line.require("target"), texts)
    shared = pairs[0][0]
    options = tuple(
        SampledOption(
            text=texts[index],
            prompt=shared if are_prompts_alike else pairs[index][0],
            continuation=pairs[index][1],
            log_prob_nats=scores[index],
            unconditional_log_prob_nats=alone[index],
            is_correct=index in correct,
        )
        for index in range(count)
    )
    location = JsonField(line.file, "", None, line=line.line)
    return SampledItem(location, item_id, _cut_question(shared, settings), options)


def _read_requests(arguments: JsonField) -> list[JsonField]:
    return list(arguments.items()) if isinstance(arguments.value, dict) else arguments.elements()


def _list_parts(request: JsonField) -> list[JsonField]:
    return list(request.items()) if isinstance(request.value, dict) else request.elements()


def _are_options(requests: list[JsonField]) -> bool:
    """Whether the model was asked for the log-probability of texts, and not to write one."""
    parts = [_list_parts(request) for request in requests]
    return all(len(pair) == 2 and isinstance(pair[1].value, str) for pair in parts)


def _read_pair(request: JsonField) -> tuple[str, str]:
    parts = _list_parts(request)
    if len(parts) < 2:
        raise request.fail("a prompt and an option are expected here", AS_WRITTEN)
    prompt, continuation = parts[0].value, parts[1].value
    for part, value in ((parts[0], prompt), (parts[1], continuation)):
        if not isinstance(value, str):
            raise part.fail(f"{type(value).__name__} is no text", AS_WRITTEN)
        if HALF_PAIR.search(value):
            raise part.fail("holds half a surrogate pair", "write the text as valid Unicode")
    return str(prompt), str(continuation)


def _read_log_prob(answers: JsonField) -> float:
    """Read the log-probability of one request: the first of its repeats, as a number or its text."""
    field = answers
    for _ in range(2):
        inner = field.elements()
        if not inner:
            raise field.fail("is empty", AS_WRITTEN)
        field = inner[0]
    try:
        value = float(field.value) if isinstance(field.value, str) else field.read_number()
    except ValueError as error:
        raise field.fail(f"{field.value!r:.60} is no number", AS_WRITTEN) from error
    if not math.isfinite(value):
        raise field.fail("is not finite", "leave the file out: the model overflowed")
    return value


def _read_target(target: JsonField, texts: Sequence[str]) -> set[int]:
    """Read which options are right: an ordinal, several in brackets, or the text of one."""
    stated = target.value
    text = stated.strip() if isinstance(stated, str) else ""
    if text in texts and not text.isdecimal():
        return {texts.index(text)}
    if text:
        try:
            stated = json.loads({"True": "1", "False": "0"}.get(text, text))
        except (ValueError, RecursionError):
            stated = None
    ordinals = stated if isinstance(stated, list) else [stated]
    if ordinals and all(isinstance(value, int) and 0 <= value < len(texts) for value in ordinals):
        return {int(value) for value in ordinals}
    if text in texts:  # a number that is no ordinal
        return {texts.index(text)}
    raise target.fail(f"{target.value!r:.60} is no ordinal of {len(texts)} options and none of them", AS_WRITTEN)


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
