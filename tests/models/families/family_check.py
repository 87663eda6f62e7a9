"""Scores and evaluates a tiny random model of one type, and compares the results with a plain loop over its logits."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.models.families.reference_scores import (
    Scores,
    score_from_last_tokens,
    score_one_by_one,
    score_options_one_by_one,
)
from tests.support.beginning_tokenizers import build_tokenizer
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
from trailhouse.models.few_shot.verified_options import verify_options
from trailhouse.models.scoring.context_window import ContextChoice, choose_context
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.score_corpus import score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification, draw_rows
from trailhouse.models.scoring.verified_scores import verify_scores
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.find_text_beginning import find_text_beginning_of
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.models.texts.tokenizer import tokenize_corpus

# Largest difference of a score from its reference, in nats. Both models are in float32, but a batch is rounded in
# another order than a single text, and some models with linear attention enlarge this difference from token to token.
TOLERANCE_NATS = 1e-3
# Largest mean difference between the scores of a bfloat16 model and the float32 reference, as a share of the standard
# deviation of the reference. If the scores belonged to other positions, the share would be about 1.
HALF_PRECISION_TOLERANCE = 0.25
# Smallest mean change of a score, in nats, if the model reads only the last token of its context. With a smaller
# change, scores that are computed with a wrong context would look right.
SMALLEST_EFFECT_NATS = 0.05

TEXTS = (
    "It!",
    "A window begins in the middle of a text.",
    "Each score is the log-probability of one token, given the tokens before it in its window.",
    "Short text.",
)
QUESTIONS = ("why?", "how?", "who?")
OPTIONS = ("yes", "not so", "the one")
# Number of positions and of options that are scored a second time
VERIFIED_COUNT = 4
SETTINGS = ScoringSettings(quanta_per_nat=0, device="cpu")
# For some model types, transformers encodes a text by other rules than those in tokenizer.json. The file counts here.
DECLARATION = ModelDeclaration("tiny", ".", r"step-(\d+)", 512, 100, CONTEXT_LENGTH, None, tokenizer_rules="file")
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
    """Mean change of a reference score, in nats, if the model reads only the last token of its context."""
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
    if reference_model.config.model_type != model_type:  # a model of images and text: only its text part was built
        configure_tiny(model_type).save_pretrained(directory)
    build_tokenizer("<s> $A", bos_token="<s>", eos_token="</s>").save_pretrained(directory)
    checkpoint = read_checkpoint(DECLARATION, SUITE, TrainingPosition(1, 512), directory)
    read_model_record(DECLARATION, checkpoint)
    beginning = find_text_beginning_of(checkpoint.tokenizer, "tokenizer")
    context = choose_context(checkpoint, DECLARATION.context_length, SETTINGS, beginning)
    settings = context.complete(SETTINGS)
    corpus = tokenize_corpus(checkpoint.tokenizer.load(), build_corpus())
    model = load_model(directory, settings)
    scores = score_documents(model, corpus, settings)
    task = encode_task_for(checkpoint, context)
    options = score_options(model, task, settings)

    expected = score_one_by_one(reference_model, corpus, settings)
    verdict = Verdict(
        model_type,
        "right",
        score_difference_nats=float(np.abs(scores - expected).max()),
        option_difference_nats=_compare_options(options, score_options_one_by_one(reference_model, task, settings)),
        effect_nats=float(np.abs(score_from_last_tokens(reference_model, corpus, settings) - expected).mean()),
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


def build_corpus() -> Corpus:
    documents = tuple(Document(f"text {number}", text) for number, text in enumerate(TEXTS))
    return Corpus("families", "", "", documents)


def encode_task_for(checkpoint: Checkpoint, context: ContextChoice) -> EncodedTask:
    """Return a task with one exemplar in every prompt, encoded with the tokenizer of a checkpoint."""
    count = len(QUESTIONS)
    target_scores = [tuple(float(index == number) for index in range(count)) for number in range(count)]
    items = tuple(TaskItem(question, OPTIONS, row) for question, row in zip(QUESTIONS, target_scores, strict=True))
    form = PromptFormat("", "Q:", "A:", append_choices_to_input=False, few_shot_example_separator=" ")
    task = Task("families", "", (), "", "bigbench", "", form, items)
    return TaskEncoder().encode(
        checkpoint.tokenizer, checkpoint.tokenizer_id, task, 1, 0, context.context_length, context.beginning.token_ids
    )


def score_documents(model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings) -> Scores:
    """Return the log-probabilities in nats that scoring gives, in order of document and position.

    As the command does, it scores some positions again. Raises BadInputError if they differ.
    """
    batches = score_corpus(model, corpus, settings)
    drawn = draw_rows(corpus.token_count, VERIFIED_COUNT, np.random.default_rng(0))
    verified = verify_scores(batches, model, corpus, settings, drawn, Verification())
    table = pa.Table.from_batches(list(verified))
    return restore_log_probs(table["log_prob_quanta"].to_numpy(), 0).astype(np.float64)


def score_options(model: PreTrainedModel, task: EncodedTask, settings: ScoringSettings) -> pa.RecordBatch:
    """Return the scores of a task's options. Some are scored again. Raises BadInputError if they differ."""
    scores = Evaluator(model, settings).score(task)
    drawn = draw_rows(scores.num_rows, VERIFIED_COUNT, np.random.default_rng(0))
    verify_options(scores, model, task, drawn, Verification())
    return scores


def _compare_options(scores: pa.RecordBatch, expected: Scores) -> float:
    """Return the largest difference in nats of an option's score, with or without its prompt, from its reference."""
    columns = [scores[name].to_numpy() for name in ("log_prob_nats", "unconditional_log_prob_nats")]
    return float(np.abs(np.stack(columns, axis=1) - expected).max())
