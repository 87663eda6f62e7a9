"""Scores and evaluates a tiny random model of one type, and compares the results with a plain loop over its logits."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.support.option_tasks import score_by_definition
from tests.support.spread_weights import spread_weights
from tests.support.tiny_configurations import CONTEXT_LENGTH, configure_tiny
from trailhouse.errors import BadInputError, TrailhouseError
from trailhouse.models.checkpoints.checkpoint import Checkpoint, read_checkpoint
from trailhouse.models.checkpoints.model_config import read_model_record
from trailhouse.models.checkpoints.quiet_libraries import hide_progress_bars
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration, Suite
from trailhouse.models.few_shot.encoded_tasks import TaskEncoder
from trailhouse.models.few_shot.evaluator import Evaluator
from trailhouse.models.few_shot.option_encoding import EncodedTask
from trailhouse.models.few_shot.tasks.task import PromptFormat, Task, TaskItem
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.scoring.context_window import choose_context
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.models.texts.tokenizer import load_tokenizer, tokenize_corpus

Scores = npt.NDArray[np.float64]

# Largest difference of a score from its reference, in nats. Both models are in float32, but a batch is rounded in
# another order than a single text.
TOLERANCE_NATS = 1e-4
# Largest mean difference between the scores of a bfloat16 model and the float32 reference, as a share of the standard
# deviation of the reference. If the scores belonged to other positions, the share would be about 1.
HALF_PRECISION_TOLERANCE = 0.25
# Smallest mean effect on a score of the tokens before the last one, in nats. With a smaller effect, scores that are
# computed with a wrong context would look right.
SMALLEST_EFFECT_NATS = 0.05

TEXTS = (
    "It!",
    "A window of a text begins in the middle, \"and the rest is read again\".",
    "Each score is the log-probability of one token, given the tokens before it. Naïve loops are slow, but they are "
    "easy to read, and so they make a good reference!",
    "Short texts.",
)
QUESTIONS = ("why?", "how?", "who?")
OPTIONS = ("yes", "not so", "the one")
SETTINGS = ScoringSettings(quanta_per_nat=0, device="cpu")
DECLARATION = ModelDeclaration("tiny", ".", r"step-(\d+)", 512, 100, CONTEXT_LENGTH, None)
SUITE = Suite("families", "", "folder", (DECLARATION,), "")


@dataclass(frozen=True)
class Verdict:
    """What became of one model type."""

    model_type: str
    outcome: Literal["right", "refused", "WRONG"]
    reason: str = ""
    """Why the type was refused, or what was wrong."""
    score_difference_nats: float = np.nan
    """Largest difference of a token's score from its reference."""
    option_difference_nats: float = np.nan
    """Largest difference of an option's score from its reference."""
    half_precision_share: float = np.nan
    """Mean difference of the scores of a bfloat16 model, as a share of the standard deviation of the reference."""
    half_precision_refusal: str = ""
    """Why the bfloat16 model was refused; empty if it was scored."""
    effect_nats: float = np.nan
    """Mean effect of the tokens before the last one on a reference score."""
    seconds: float = np.nan


def check_family(model_type: str) -> Verdict:
    """Build, save, score and evaluate a tiny model of a type. Errors other than refusals count as wrong."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory, _quiet_single_thread():
        try:
            verdict = _check_saved_model(model_type, Path(directory))
        except TrailhouseError as error:
            verdict = Verdict(model_type, "refused", _shorten(error, directory))
        except Exception as error:  # an error that is no refusal is a defect, whatever its kind
            verdict = Verdict(model_type, "WRONG", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return replace(verdict, seconds=time.perf_counter() - begin)


@contextmanager
def _quiet_single_thread() -> Iterator[None]:
    """Silence the libraries, and use one thread: with tiny tensors, a second one waits longer than it computes."""
    thread_count = torch.get_num_threads()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), hide_progress_bars():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        torch.set_num_threads(thread_count)


def _shorten(error: TrailhouseError, directory: str) -> str:
    """Return the message of an error without the path of the temporary directory."""
    return error.message.replace(f"{directory}/", "").replace(f"{directory}: ", "")


def _check_saved_model(model_type: str, directory: Path) -> Verdict:
    reference_model = build_family(model_type)
    reference_model.save_pretrained(directory)
    build_family_tokenizer().save_pretrained(directory)
    checkpoint = read_checkpoint(DECLARATION, SUITE, TrainingPosition(1, 512), directory)
    read_model_record(DECLARATION, checkpoint)
    context = choose_context(checkpoint, DECLARATION.context_length, SETTINGS)
    settings = replace(SETTINGS, context_length=context.context_length, stride=context.stride)
    corpus = tokenize_corpus(load_tokenizer(directory), build_corpus())
    model = load_model(directory, settings)
    scores = score_documents(model, corpus, settings)
    task = encode_family_task(checkpoint, context.context_length)
    options = Evaluator(model, settings).score(task)

    expected = score_one_by_one(reference_model, corpus, context.context_length, context.stride)
    verdict = Verdict(
        model_type,
        "right",
        score_difference_nats=float(np.abs(scores - expected).max()),
        option_difference_nats=_compare_options(options, task, reference_model),
        effect_nats=float(np.abs(score_from_last_tokens(reference_model, corpus) - expected).mean()),
    )
    half_precision = replace(settings, dtype="bfloat16")
    try:
        rounded_scores = score_documents(load_model(directory, half_precision), corpus, half_precision)
        share = float(np.abs(rounded_scores - expected).mean() / expected.std())
        verdict = replace(verdict, half_precision_share=share)
    except BadInputError as error:
        verdict = replace(verdict, half_precision_refusal=_shorten(error, str(directory)))
    problem = _find_problem(verdict)
    return replace(verdict, outcome="WRONG", reason=problem) if problem else verdict


def _find_problem(verdict: Verdict) -> str:
    """Return what is wrong with the numbers of a verdict, or an empty text."""
    if not verdict.effect_nats >= SMALLEST_EFFECT_NATS:
        return f"the context changes scores by {verdict.effect_nats:.2g} nats only, so a mistake would not show"
    if not verdict.score_difference_nats <= TOLERANCE_NATS:
        return f"a score differs by {verdict.score_difference_nats:.2g} nats from its reference"
    if not verdict.option_difference_nats <= TOLERANCE_NATS:
        return f"the score of an option differs by {verdict.option_difference_nats:.2g} nats from its reference"
    if not verdict.half_precision_refusal and not verdict.half_precision_share <= HALF_PRECISION_TOLERANCE:
        return f"scores with bfloat16 weights differ by {verdict.half_precision_share:.2g} standard deviations"
    return ""


def build_family(model_type: str) -> PreTrainedModel:
    """Return the tiny model of a type. Equal types give equal models."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(configure_tiny(model_type), dtype=torch.float32)
    spread_weights(model)
    return model.eval()


@lru_cache(maxsize=1)
def build_family_tokenizer():
    """Return a byte-level BPE tokenizer with fewer tokens than the models have."""
    return train_tokenizer([*TEXTS, *QUESTIONS, *OPTIONS], 300)


def build_corpus() -> Corpus:
    documents = tuple(Document(f"text {number}", text) for number, text in enumerate(TEXTS))
    return Corpus("families", "", "", documents)


def encode_family_task(checkpoint: Checkpoint, context_length: int) -> EncodedTask:
    """Return a task with one exemplar in every prompt, encoded with the tokenizer of a checkpoint."""
    count = len(QUESTIONS)
    scores = [tuple(float(index == number) for index in range(count)) for number in range(count)]
    items = tuple(TaskItem(question, OPTIONS, wanted) for question, wanted in zip(QUESTIONS, scores, strict=True))
    form = PromptFormat(append_choices_to_input=False)
    task = Task("families", "", (), "", "bigbench", "", form, items)
    return TaskEncoder().encode(checkpoint.directory, checkpoint.tokenizer_id, task, 1, 0, context_length)


def score_documents(model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings) -> Scores:
    """Return the log-probabilities in nats that scoring gives, in order of document and position."""
    table = pa.Table.from_batches(list(score_corpus(model, corpus, settings)))
    return restore_log_probs(table["log_prob_quanta"].to_numpy(), 0).astype(np.float64)


@torch.no_grad()
def score_one_by_one(model: PreTrainedModel, corpus: TokenizedCorpus, context_length: int, stride: int) -> Scores:
    """Return the log-probability of every position in nats, each from a forward pass of its own.

    Position t reads all t tokens before it if they fit the context. After that, the context moves on by the stride
    whenever it is full.
    """
    scores = []
    for tokens in corpus.token_ids:
        for position in range(1, len(tokens)):
            excess = max(0, position - context_length)
            start = -(-excess // stride) * stride
            inputs = torch.from_numpy(tokens[start:position].astype(np.int64))[None]
            distribution = model(input_ids=inputs).logits[0, -1].double().log_softmax(-1)
            scores.append(distribution[int(tokens[position])].item())
    return np.asarray(scores)


@torch.no_grad()
def score_from_last_tokens(model: PreTrainedModel, corpus: TokenizedCorpus) -> Scores:
    """Return the log-probability of every position in nats, given only the token before it."""
    inputs = torch.from_numpy(np.concatenate([tokens[:-1] for tokens in corpus.token_ids]).astype(np.int64))
    targets = torch.from_numpy(np.concatenate([tokens[1:] for tokens in corpus.token_ids]).astype(np.int64))
    distributions = model(input_ids=inputs[:, None]).logits[:, -1].double().log_softmax(-1)
    return distributions.gather(1, targets[:, None])[:, 0].numpy()


def _compare_options(scores: pa.RecordBatch, task: EncodedTask, model: PreTrainedModel) -> float:
    """Return the largest difference in nats of an option's score, with or without its prompt, from its reference."""
    found, expected = [], []
    options = [option for item in task.items for option in item.options]
    for row, option in zip(scores.to_pylist(), options, strict=True):
        found += [row["log_prob_nats"], row["unconditional_log_prob_nats"]]
        expected.append(score_by_definition(model, option.token_ids, option.first_target))
        expected.append(score_by_definition(model, option.unconditional_token_ids, 1))
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())
