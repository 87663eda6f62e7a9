"""This module parses result files of lm-evaluation-harness, in the formats before and since version 0.4.

Before version 0.4, a metric and its standard error are called, for example, `acc` and `acc_stderr`. Since version 0.4,
the name of the answer filter is appended: `acc,none` and `acc_stderr,none`. This module removes the filter `none`, so
that a metric has the same name in both formats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.warehouse.imports.checkpoint_from_name import parse_model_name, parse_step
from trailhouse.warehouse.imports.json_files import AS_WRITTEN, JsonField, read_json

HARNESS = "lm-evaluation-harness"
MAXIMUM_SHOTS = 2**15 - 1
MAXIMUM_COUNT = 2**63 - 1
MODEL_ARGUMENTS = ("pretrained", "model", "path", "engine")
# Other programs whose files have a field `results`, with the fields by which they are known.
OTHER_PROGRAMS = {"lighteval": {"config_general"}, "inspect_ai": {"eval", "status"}}
# Fields of a task in `results` that are not metrics.
TEXT_FIELDS = {"alias", "name", "sample_len", "sample_count"}


@dataclass(frozen=True)
class Metric:
    """The value of one metric of one task, as a result file states it."""

    task_id: str
    task_version: str
    shot_count: int
    metric: str
    value: float
    standard_error: float | None
    is_higher_better: bool | None
    item_count: int | None


@dataclass(frozen=True)
class ResultFile:
    """The content of one result file: the name of the evaluated checkpoint, and the metrics."""

    file: Path
    model_name: str | None
    revision: str
    step: int | None
    parameter_count: int | None
    tokenizer: str | None
    """Directory or repository of the tokenizer."""
    evaluated_at_seconds: float
    """Time of the evaluation in seconds since 1970; 0 if the file has no date."""
    metrics: tuple[Metric, ...]
    not_finite_count: int
    """Number of metrics that are NaN or infinite. They are left out of ``metrics``."""


def list_result_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files in ``paths``, and all *.json files below the directories in ``paths``. Every file occurs once.

    Raises BadInputError if a path does not exist or a directory contains no *.json file.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*.json") if file.is_file())
            if not found:
                raise BadInputError(f"{path}: contains no *.json file", "give the output directory of the harness")
            files.update(dict.fromkeys(found))
        elif path.exists():
            files[path] = None
        else:
            raise BadInputError(f"{path}: there is no such file", "check the path")
    return list(files)


def refuse_other_format(top: JsonField) -> None:
    """Raise BadInputError, which names the other program, if a JSON file with results is not of the harness."""
    keys = top.value.keys() if isinstance(top.value, dict) else ()
    for program, signs in OTHER_PROGRAMS.items():
        if signs <= set(keys):
            raise top.fail(f"seems to be of {program}, and not of {HARNESS}", f"give result files of {HARNESS}")


def is_result_file(top: JsonField) -> bool:
    """Return whether a JSON file of the harness contains results. The harness also writes other JSON files."""
    return isinstance(top.value, dict) and "results" in top.value


def read_result_file(file: Path) -> ResultFile:
    """Read a result file of either format; raises BadInputError naming file and field."""
    return parse_result_file(read_json(file))


def parse_result_file(top: JsonField) -> ResultFile:
    """Parse the JSON value of a result file; raises BadInputError naming file and field."""
    refuse_other_format(top)
    stated = list(read_metrics(top))
    finite = tuple(metric for metric in stated if math.isfinite(metric.value))
    config = top.find("config")
    arguments = read_model_arguments(config)
    model = next((arguments[name] for name in MODEL_ARGUMENTS if name in arguments), None) or read_name(top)
    revision = arguments.get("revision") or read_revision(config)
    step = parse_step(revision) if revision else None
    step = parse_step(model) if step is None and model else step
    parameters = config.find("model_num_parameters") if config else None
    date = top.find("date")
    return ResultFile(
        file=top.file,
        model_name=parse_model_name(model) if model else None,
        revision=revision,
        step=step,
        parameter_count=parameters.read_integer(0, MAXIMUM_COUNT) if parameters and parameters.is_number else None,
        tokenizer=arguments.get("tokenizer") or model,
        evaluated_at_seconds=date.read_number() if date and date.is_number else 0.0,
        metrics=finite,
        not_finite_count=len(stated) - len(finite),
    )


def read_model_arguments(config: JsonField | None) -> dict[str, str]:
    """Parse `config.model_args`, which is an object or a text such as `pretrained=NAME,revision=step1000`."""
    stated = config.find("model_args") if config else None
    if stated is None:
        return {}
    if isinstance(stated.value, dict):
        return {field.key: field.value for field in stated.items() if isinstance(field.value, str)}
    if not isinstance(stated.value, str):
        raise stated.fail("is neither text nor an object", AS_WRITTEN)
    pairs = (part.partition("=") for part in stated.value.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def read_name(top: JsonField) -> str | None:
    """Return the field `model_name` of a result file; None if the file has no such field."""
    stated = top.find("model_name")
    return stated.read_text() if stated is not None else None


def read_revision(config: JsonField | None) -> str:
    """Return the field `config.model_revision`, which newer versions of the harness write; empty if it is missing."""
    stated = config.find("model_revision") if config else None
    return stated.value if stated is not None and isinstance(stated.value, str) else ""


def read_metrics(top: JsonField) -> Iterator[Metric]:
    """Yield the metrics of all tasks and of all groups of tasks. A metric of a group is an average over its tasks."""
    results = top.require("results")
    for task in results.items():
        if not task.key.strip():
            raise results.fail("a task has no name", AS_WRITTEN)
        yield from read_task_metrics(top, task)


def read_task_metrics(top: JsonField, task: JsonField) -> Iterator[Metric]:
    """Yield the metrics of one task. ``top`` is the complete file, and ``task`` is the task's object in `results`."""
    shot_count, version = read_shots(top, task.key), read_version(top, task.key)
    directions = find_object(top, "higher_is_better", task.key)
    item_counts = find_object(top, "n-samples", task.key)
    item_count = item_counts.find("effective") if item_counts is not None else None
    for field in task.items():
        metric, answer_filter = split_metric(field.key)
        if metric.endswith("_stderr") or metric in TEXT_FIELDS or is_blank(field):
            continue
        direction = directions.find(metric) if directions is not None else None
        yield Metric(
            task_id=task.key.strip(),
            task_version=version,
            shot_count=shot_count,
            metric=metric if answer_filter in ("", "none") else f"{metric},{answer_filter}",
            value=field.read_number(),
            standard_error=read_standard_error(task, metric, answer_filter),
            is_higher_better=direction.read_boolean() if direction is not None else None,
            item_count=item_count.read_integer(0, MAXIMUM_COUNT) if item_count is not None else None,
        )


def read_metric_names(top: JsonField, task_id: str) -> set[str]:
    """Return the names of the metrics of a task, as its results and its configuration state them."""
    results, config = find_object(top, "results", task_id), find_object(top, "configs", task_id)
    listed = config.find("metric_list") if config is not None else None
    entries = listed.elements() if listed is not None and isinstance(listed.value, list) else []
    configured = [entry.value.get("metric") for entry in entries if isinstance(entry.value, dict)]
    stated = [split_metric(field.key)[0] for field in results.items()] if results is not None else []
    return {name for name in (*stated, *configured) if isinstance(name, str)}


def find_object(top: JsonField, section: str, task_id: str) -> JsonField | None:
    """Return the object of a task in a section of a result file; None if the section has no object for the task."""
    found = find_below(top, section, task_id)
    return found if found is not None and isinstance(found.value, dict) else None


def split_metric(key: str) -> tuple[str, str]:
    """Split a key such as `acc,none` into metric and answer filter; the filter is empty if the key has no comma."""
    metric, _, answer_filter = key.partition(",")
    return metric.strip(), answer_filter.strip()


def is_blank(field: JsonField) -> bool:
    """Return whether a field has no value: null, blank, or `N/A`, which the harness writes for groups of tasks."""
    return field.value is None or (isinstance(field.value, str) and field.value.strip() in ("", "N/A"))


def read_standard_error(task: JsonField, metric: str, answer_filter: str) -> float | None:
    """Return the standard error of a metric; None if the standard error is missing, `N/A`, NaN or infinite."""
    key = f"{metric}_stderr,{answer_filter}" if answer_filter else f"{metric}_stderr"
    field = task.find(key)
    if field is None or is_blank(field):
        return None
    value = field.read_number()
    return value if math.isfinite(value) else None


def find_below(top: JsonField, section: str, task_id: str) -> JsonField | None:
    """Return the field of a task in a section of a result file; None if the field is missing.

    A section is a field of the file, such as `versions`, that holds an object with one field per task.
    """
    found = top.find(section)
    return found.find(task_id) if found is not None else None


def read_shots(top: JsonField, task_id: str) -> int:
    """Return the number of exemplars of a task.

    The first field that the file has is used: `n-shot` of the task, `num_fewshot` in the task's configuration, or
    `num_fewshot` in the run's configuration. If the file has none of these fields, the number is 0.
    """
    config, task_config = top.find("config"), find_below(top, "configs", task_id)
    stated = (
        find_below(top, "n-shot", task_id)
        or (task_config.find("num_fewshot") if task_config is not None else None)
        or (config.find("num_fewshot") if config is not None else None)
    )
    if stated is None or is_blank(stated):
        return 0
    return stated.read_integer(0, MAXIMUM_SHOTS)


def read_version(top: JsonField, task_id: str) -> str:
    """Return the version of a task as text, for example `2` for 2.0; empty if the file has no version."""
    stated = find_below(top, "versions", task_id)
    if stated is None:
        return ""
    if stated.is_number:
        return re.sub(r"\.0$", "", str(stated.value))
    return stated.read_text()
