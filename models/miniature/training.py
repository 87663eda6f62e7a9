"""This module trains the models of a miniature suite with fixed seeds, and writes them to disk.

It decides the order of the work. ``optimisation`` trains a single model. Nothing is damaged if the process is killed,
because a checkpoint gets its final name only when it is complete, and because ``training.json`` is written only when a
model is finished. A model without ``training.json`` is trained again from the start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
import transformers
from filelock import FileLock
from transformers import PreTrainedTokenizerFast

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.checkpoints.suite import (
    DEFAULT_ARCHITECTURE,
    ModelDeclaration,
    Suite,
    load_suite,
    packaged_suites_directory,
)
from trailhouse.models.checkpoints.whole_directories import creating_directory
from trailhouse.models.miniature.optimisation import TrainingProgress, build_model, optimise_model
from trailhouse.models.miniature.text import split_documentation
from trailhouse.models.miniature.vocabulary import encode_texts, train_tokenizer
from trailhouse.support.files import write_whole

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

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
    """Train the models of a packaged miniature suite that are not trained yet. See ``train_suite``."""
    train_suite(load_suite(packaged_suites_directory() / SUITE_FILES[size]), directory, seed=seed, progress=progress)


def train_suite(
    suite: Suite,
    directory: Path,
    *,
    seed: int | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> None:
    """Train the models of a miniature suite that are not trained yet.

    Their checkpoints are written to ``directory/<model_name>/step-<N>``.

    The models train in parallel on one core each, while torch is limited to one thread. This is the fastest method for
    such small models, and the weights do not depend on the number of cores. ``seed`` replaces the seeds that the suite
    declares. ``progress`` is called from the training threads, one call at a time.

    Raises BadInputError if the Python installation contains too little text, or if the directory cannot be written.
    """
    models = [model if seed is None else dataclasses.replace(model, seed=seed) for model in suite.models]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / ".lock", mode=0o600):  # only one process trains in this directory at a time
            missing = [model for model in models if not is_model_trained(directory / model.model_name, model)]
            if missing:
                _train_models(directory, missing, progress or (lambda _: None))
    except OSError as error:
        raise BadInputError(
            f"{directory}: cannot be written: {error.strerror}", "free space or choose another"
        ) from error


def is_suite_trained(suite: Suite, directory: Path) -> bool:
    """Return whether every model of a miniature suite is finished in ``directory/<model_name>``."""
    return all(is_model_trained(directory / model.model_name, model) for model in suite.models)


def is_model_trained(directory: Path, model: ModelDeclaration) -> bool:
    """Return whether the directory holds a finished model that was trained with the same recipe as ``model``.

    The recipe is what ``_describe_recipe`` returns.
    """
    try:
        record = json.loads((directory / RECORD_NAME).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("recipe") == _describe_recipe(model)


def _describe_recipe(model: ModelDeclaration) -> dict[str, Any]:
    """Return the fields of a model's declaration that determine the trained weights, as JSON values."""
    declared = dataclasses.asdict(model)
    recipe = dict(declared["recipe"])
    if recipe["architecture"] == DEFAULT_ARCHITECTURE:
        # An older training.json lacks this field. Without it, a recipe of the default architecture equals the older one
        del recipe["architecture"]
    kept = {name: declared[name] for name in RECIPE_FIELDS}
    return json.loads(json.dumps({**kept, "recipe": recipe}))  # type: ignore[no-any-return]  # tuples become lists


@dataclasses.dataclass(frozen=True)
class _TrainingMaterial:
    """The objects that a suite's training threads share: directory, tokenizer, training text and a signal to stop."""

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
    report_lock = threading.Lock()

    def report(event: TrainingProgress) -> None:
        with report_lock:
            progress(event)

    largest_first = sorted(models, key=lambda model: model.recipe.hidden_size if model.recipe else 0, reverse=True)
    workers = min(len(models), _count_cores())
    with _one_torch_thread(), hide_progress_bars(), ThreadPoolExecutor(workers, "training") as pool:
        futures = [pool.submit(_train_model, model, material, report) for model in largest_first]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            material.stop.set()  # after a failure or Ctrl-C, the other models stop at their next step
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
    """Write a checkpoint in the Hugging Face layout. The checkpoint appears only when it is complete."""
    with creating_directory(directory) as temporary:
        network.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _write_record(directory: Path, model: ModelDeclaration) -> None:
    record = {
        "recipe": _describe_recipe(model),
        "libraries": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    write_whole(directory / RECORD_NAME, json.dumps(record, indent=2) + "\n")


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Limit torch to one thread while the ``with`` block runs."""
    thread_count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)


def _count_cores() -> int:
    """Return the number of cores this process may use; a container or batch job may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
