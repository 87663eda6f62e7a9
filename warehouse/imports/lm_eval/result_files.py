"""Result files of lm-evaluation-harness, as written before version 0.4 and since.

Before, a metric and its standard error are `acc` and `acc_stderr`; since, they carry the filter of the answers:
`acc,none` and `acc_stderr,none`. The filter `none` is left out here, so that a task evaluated with both versions has
one metric.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trailhouse.errors import BadInputError
from trailhouse.warehouse.imports.checkpoint_from_name import MAXIMUM_STEP, parse_model_name, parse_step
from trailhouse.warehouse.imports.json_files import JsonField, read_json

HARNESS = "lm-evaluation-harness"
MAXIMUM_SHOTS = 2**15 - 1
MODEL_ARGUMENTS = ("pretrained", "model", "path", "engine")
# What stands beside the metrics of a task and is none.
TEXT_FIELDS = {"alias", "name", "sample_len", "sample_count"}


@dataclass(frozen=True)
class Metric:
    """One metric of one task, as the harness states it."""

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
    """What one result file says: about which model at which step, and its metrics."""

    file: Path
    model_name: str | None
    revision: str
    step: int | None
    parameter_count: int | None
    tokenizer: str | None
    """Where the harness took the tokenizer from: a directory or a repository."""
    evaluated_at_seconds: float
    """When the harness ran, in seconds since 1970; 0 where the file does not say."""
    metrics: tuple[Metric, ...]
    not_finite_count: int
    """Metrics that are NaN or infinite, which are left out."""


def list_result_files(paths: Iterable[Path]) -> list[Path]:
    """List the files given, and below each directory those that look like results: *.json without samples.

    Raises BadInputError for a path that does not exist and a directory without such files.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*.json") if file.is_file())
            if not found:
                raise BadInputError(f"{path}: holds no *.json file", "give the harness's output directory")
            files.update(dict.fromkeys(found))
        elif path.exists():
            files[path] = None
        else:
            raise BadInputError(f"{path}: there is no such file", "check the path")
    return list(files)


def is_result_file(top: JsonField) -> bool:
    """Whether a JSON file holds results at all; an output directory may hold other files."""
    return isinstance(top.value, dict) and "results" in top.value


def read_result_file(file: Path) -> ResultFile:
    """Read a result file of either format; raises BadInputError naming file and field."""
    return parse_result_file(read_json(file))


def parse_result_file(top: JsonField) -> ResultFile:
    """Read what a parsed result file says; raises BadInputError naming file and field."""
    stated = list(read_metrics(top))
    finite = tuple(metric for metric in stated if math.isfinite(metric.value))
    config = top.find("config")
    arguments = read_model_arguments(config)
    model = next((arguments[name] for name in MODEL_ARGUMENTS if name in arguments), None) or read_name(top)
    revision = arguments.get("revision") or read_revision(config)
    step = parse_step(revision) if revision else None
    step = parse_step(model) if step is None and model else step
    if step is not None and step > MAXIMUM_STEP:
        raise top.fail(f"step {step} is too large", "give --step")
    parameters = config.find("model_num_parameters") if config else None
    date = top.find("date")
    return ResultFile(
        file=top.file,
        model_name=parse_model_name(model) if model else None,
        revision=revision,
        step=step,
        parameter_count=parameters.read_integer(0, MAXIMUM_STEP) if parameters and parameters.is_number else None,
        tokenizer=arguments.get("tokenizer") or model,
        evaluated_at_seconds=date.read_number() if date and date.is_number else 0.0,
        metrics=finite,
        not_finite_count=len(stated) - len(finite),
    )


def read_model_arguments(config: JsonField | None) -> dict[str, str]:
    """Read `config.model_args`: an object, or a text like `pretrained=NAME,revision=step1000`."""
    stated = config.find("model_args") if config else None
    if stated is None:
        return {}
    if isinstance(stated.value, dict):
        return {field.key: field.value for field in stated.items() if isinstance(field.value, str)}
    if not isinstance(stated.value, str):
        raise stated.fail("is neither text nor an object", "give the file as the program wrote it")
    pairs = (part.partition("=") for part in stated.value.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def read_name(top: JsonField) -> str | None:
    """Read the name of the model where the arguments do not say it."""
    stated = top.find("model_name")
    return stated.read_text() if stated is not None else None


def read_revision(config: JsonField | None) -> str:
    """Read the revision newer versions state beside the arguments."""
    stated = config.find("model_revision") if config else None
    return stated.value if stated is not None and isinstance(stated.value, str) else ""


def read_metrics(top: JsonField) -> Iterator[Metric]:
    """Read the metrics of all tasks, and of the groups that average some."""
    results = top.require("results")
    for task in results.items():
        if not task.key.strip():
            raise results.fail("a task has no name", "give the file as the program wrote it")
        shots, version, higher, items = (
            read_shots(top, task.key),
            read_version(top, task.key),
            find_below(top, "higher_is_better", task.key),
            find_below(top, "n-samples", task.key),
        )
        item_count = items.find("effective") if items is not None and isinstance(items.value, dict) else None
        for field in task.items():
            metric, answer_filter = split_metric(field.key)
            if metric.endswith("_stderr") or metric in TEXT_FIELDS or is_blank(field):
                continue
            direction = higher.find(metric) if higher is not None and isinstance(higher.value, dict) else None
            yield Metric(
                task_id=task.key.strip(),
                task_version=version,
                shot_count=shots,
                metric=metric if answer_filter in ("", "none") else f"{metric},{answer_filter}",
                value=field.read_number(),
                standard_error=read_standard_error(task, metric, answer_filter),
                is_higher_better=direction.read_truth() if direction is not None else None,
                item_count=item_count.read_integer(0, MAXIMUM_STEP) if item_count is not None else None,
            )


def split_metric(key: str) -> tuple[str, str]:
    """Split `acc,none` into the metric and the filter of the answers; before version 0.4 there is no filter."""
    metric, _, answer_filter = key.partition(",")
    return metric.strip(), answer_filter.strip()


def is_blank(field: JsonField) -> bool:
    """Whether a group states that it has no value of its own."""
    return field.value is None or (isinstance(field.value, str) and field.value.strip() in ("", "N/A"))


def read_standard_error(task: JsonField, metric: str, answer_filter: str) -> float | None:
    """Read the standard error of a metric; None where it is absent, `N/A` or not finite."""
    key = f"{metric}_stderr,{answer_filter}" if answer_filter else f"{metric}_stderr"
    field = task.find(key)
    if field is None or is_blank(field):
        return None
    value = field.read_number()
    return value if math.isfinite(value) else None


def find_below(top: JsonField, section: str, task_id: str) -> JsonField | None:
    """Find what a section of the file says about a task."""
    found = top.find(section)
    return found.find(task_id) if found is not None else None


def read_shots(top: JsonField, task_id: str) -> int:
    """Read the exemplars of a task: of the task itself, else of its configuration, else of the run; 0 if unsaid."""
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
    """Read the version of a task as text: 2.0 and 2 are the same; empty where the file does not say."""
    stated = find_below(top, "versions", task_id)
    if stated is None:
        return ""
    if stated.is_number:
        return re.sub(r"\.0$", "", str(stated.value))
    return stated.read_text()
