"""Training the models of a miniature suite: seeded, cached, and killable at any moment.

Owns the schedule of the work and what lies on disk; ``optimisation`` owns the training of one model. A
checkpoint is written under a temporary name and renamed, a model is done when its ``training.json`` says so,
and a model that is not done is trained again from the start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.checkpoints.suite import (
    DEFAULT_ARCHITECTURE,
    ModelDeclaration,
    Suite,
    load_suite,
    packaged_suites_directory,
)
from trailhouse.models.miniature.optimisation import TrainingProgress, build_model, optimise_model
from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.miniature.vocabulary import encode_texts, train_tokenizer

SUITE_FILES = {"full": "miniature.yaml", "reduced": "miniature-reduced.yaml"}
RECORD_NAME = "training.json"
RECIPE_FIELDS = ("model_name", "location", "step_pattern", "batch_tokens", "planned_steps", "context_length", "seed")


def train_miniature_suite(
    directory: Path,
    *,
    size: Literal["full", "reduced"] = "full",
    seed: int | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> None:
    """Train what is missing of the miniature suite of the demonstration; otherwise as ``train_suite``."""
    train_suite(load_suite(packaged_suites_directory() / SUITE_FILES[size]), directory, seed=seed, progress=progress)


def train_suite(
    suite: Suite,
    directory: Path,
    *,
    seed: int | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> None:
    """Train what is missing of a miniature suite into ``directory/<model_name>/step-<N>``.

    The models train side by side, one core each: the fastest for models this small, and the result depends
    neither on how many cores there are nor on what else runs; torch is held to one thread meanwhile. ``seed``
    replaces the seeds that the suite declares. ``progress`` is called from the training threads, one call at
    a time.

    Errors: BadInputError where the Python installation carries too little text or the directory cannot be
    written.
    """
    models = [model if seed is None else dataclasses.replace(model, seed=seed) for model in suite.models]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _lock_directory(directory):
            missing = [model for model in models if not is_model_trained(directory / model.model_name, model)]
            if missing:
                _train_models(directory, missing, progress or (lambda _: None))
    except OSError as error:
        raise BadInputError(
            f"{directory}: cannot be written: {error.strerror}", "free space or choose another"
        ) from error


def is_suite_trained(suite: Suite, directory: Path) -> bool:
    """Return whether every model of a miniature suite lies finished in ``directory/<model_name>``."""
    return all(is_model_trained(directory / model.model_name, model) for model in suite.models)


def is_model_trained(directory: Path, model: ModelDeclaration) -> bool:
    """Return whether the model's directory holds the finished result of just this declaration."""
    try:
        record = json.loads((directory / RECORD_NAME).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("recipe") == _describe_recipe(model)


def _describe_recipe(model: ModelDeclaration) -> dict[str, Any]:
    """Return what decides the weights of a model, apart from the text and the libraries."""
    declared = dataclasses.asdict(model)
    recipe = dict(declared["recipe"])
    if recipe["architecture"] == DEFAULT_ARCHITECTURE:
        del recipe["architecture"]  # records from when there was no other
    kept = {name: declared[name] for name in RECIPE_FIELDS}
    return json.loads(json.dumps({**kept, "recipe": recipe}))  # type: ignore[no-any-return]  # tuples as lists


@dataclasses.dataclass(frozen=True)
class _TrainingMaterial:
    """What the trainings of one suite share."""

    directory: Path
    tokenizer: PreTrainedTokenizerFast
    token_ids: torch.Tensor  # (N,)
    stop: threading.Event


def _train_models(
    directory: Path, models: list[ModelDeclaration], progress: Callable[[TrainingProgress], None]
) -> None:
    texts = [unit.text for unit in split_documentation().training]
    tokenizer = train_tokenizer(texts)
    material = _TrainingMaterial(directory, tokenizer, encode_texts(tokenizer, texts), threading.Event())
    turn = threading.Lock()

    def report(event: TrainingProgress) -> None:
        with turn:
            progress(event)

    largest_first = sorted(models, key=lambda model: model.recipe.hidden_size if model.recipe else 0, reverse=True)
    workers = min(len(models), _count_cores())
    with _one_thread_each(), hide_progress_bars(), ThreadPoolExecutor(workers, "training") as pool:
        futures = [pool.submit(_train_model, model, material, report) for model in largest_first]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            material.stop.set()  # after a failure or Ctrl-C the others stop at their next step
        for future in futures:
            future.result()


def _train_model(
    model: ModelDeclaration, material: _TrainingMaterial, report: Callable[[TrainingProgress], None]
) -> None:
    directory = material.directory / model.model_name
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir()
    network = build_model(model, material.tokenizer)

    def keep_checkpoint(step: int) -> None:
        _save_checkpoint(network, material.tokenizer, directory / f"step-{step}")

    is_finished = optimise_model(network, material.token_ids, model, keep_checkpoint, report, material.stop)
    if is_finished:
        _write_record(directory, model)


def _save_checkpoint(network: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Write a checkpoint in the Hugging Face layout; it appears whole or not at all."""
    temporary = directory.with_name(f".{directory.name}.partial")
    network.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    temporary.rename(directory)


def _write_record(directory: Path, model: ModelDeclaration) -> None:
    record = {
        "recipe": _describe_recipe(model),
        "libraries": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    temporary = directory / f".{RECORD_NAME}.partial"
    temporary.write_text(json.dumps(record, indent=2) + "\n")
    temporary.rename(directory / RECORD_NAME)


@contextlib.contextmanager
def _lock_directory(directory: Path) -> Iterator[None]:
    """Let one process at a time train into a directory; the lock of a killed process is free again."""
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let every thread that torch works in do so alone."""
    thread_count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)


def _count_cores() -> int:
    """Return the cores this process may use: fewer than the machine has inside a container or a batch job."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
