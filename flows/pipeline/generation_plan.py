"""This module plans a generation: it finds the checkpoints and the prompts, and refuses what cannot be generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from clickhouse_connect.driver.client import Client

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.checkpoint_names import NamedCheckpoint, find_named_checkpoint
from trailhouse.flows.pipeline.contexts import choose_contexts
from trailhouse.flows.pipeline.corpora import read_registered_corpus
from trailhouse.flows.pipeline.generation import GenerationUnit
from trailhouse.flows.settings import Settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import read_config
from trailhouse.models.scoring.context_window import ContextChoice
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.sequences.decoding.configuration import Decoding, Sampling
from trailhouse.models.sequences.decoding.generated_text import Prompt
from trailhouse.models.sequences.decoding.text_length import refuse_long_texts
from trailhouse.models.texts.corpus import Corpus
from trailhouse.models.texts.tokenizer import PreTrainedTokenizerBase, tokenize_corpus
from trailhouse.support.wording import count_of
from trailhouse.warehouse.loading.generations import GeneratingCheckpoint, Generation

# Increase this number when a change of the code changes generated texts, so that older texts count as outdated.
GENERATION_METHOD = 1


@dataclass(frozen=True)
class GenerationRequest:
    """Which texts to generate: the two checkpoints, the prompts, the configurations and the samplings."""

    small: str
    """The checkpoint that gives p_s, as SUITE/MODEL@STEP."""
    large: str
    """The checkpoint that gives p_l, as SUITE/MODEL@STEP."""
    prompt_corpus: str
    decodings: Sequence[Decoding]
    samplings: Sequence[Sampling]
    prompt_token_count: int = 5
    new_token_count: int = 50
    prompt_limit: int | None = None
    """Use the first documents of the corpus only, as many as this; None for all documents."""
    corpus_name: str | None = None
    batch_size: int = 32
    features_of: str | None = None
    """The checkpoint that gives the features of MAUVE, as SUITE/MODEL@STEP; None for the large one."""

    def __post_init__(self) -> None:
        for what, value in (
            (f"prompts of {self.prompt_token_count} tokens", self.prompt_token_count),
            (f"texts of {self.new_token_count} new tokens", self.new_token_count),
            (f"batches of {self.batch_size} texts", self.batch_size),
        ):
            if value < 1:
                raise BadInputError(f"{what} are asked for", "ask for at least 1")
        if self.prompt_limit is not None and self.prompt_limit < 1:
            raise BadInputError(f"{self.prompt_limit} prompts are asked for", "ask for at least 1")
        if not self.decodings or not self.samplings:
            raise UsageError("no configuration is asked for", "name at least one preset and one sampling")


@dataclass(frozen=True)
class GenerationPlan:
    """Everything that a request needs, found and checked. Nothing is written yet."""

    request: GenerationRequest
    small: NamedCheckpoint
    large: NamedCheckpoint
    small_context: ContextChoice
    large_context: ContextChoice
    features: NamedCheckpoint
    """The checkpoint that gives the features of MAUVE."""
    scoring: ScoringSettings
    tokenizer: PreTrainedTokenizerBase
    """The tokenizer of both models."""
    prompt_corpus: Corpus
    prompt_corpus_token_ids: Sequence[npt.NDArray[np.int32]]
    """The tokens of every document of the prompts' corpus."""
    prompts: tuple[Prompt, ...]
    units: tuple[GenerationUnit, ...]
    """One generation for each configuration and sampling, with all prompts."""


def plan_generation(request: GenerationRequest, client: Client, settings: Settings) -> GenerationPlan:
    """Return the plan of a request. Miniature models are trained if they are missing.

    Raises BadInputError if a checkpoint is missing, if the checkpoints have no common tokenizer, if a document is
    shorter than a prompt, or if prompt and text do not fit the context of a model.
    """
    prompt_corpus = read_registered_corpus(client, request.prompt_corpus)
    small, large = (find_named_checkpoint(name, settings) for name in (request.small, request.large))
    refuse_different_tokenizers(small.checkpoint, large.checkpoint)
    features = large
    if request.features_of is not None:
        features = find_named_checkpoint(request.features_of, settings)
        refuse_different_tokenizers(features.checkpoint, large.checkpoint)
    scoring = ScoringSettings(dtype=settings.dtype, device=settings.device)
    small_context, large_context = (choose_context_of(one, scoring) for one in (small, large))
    for one, context in ((small, small_context), (large, large_context)):
        refuse_long_texts(
            name_checkpoint(one.checkpoint),
            read_config(one.checkpoint),
            len(context.beginning.token_ids),
            request.prompt_token_count,
            request.new_token_count,
        )
    tokenizer = large.checkpoint.tokenizer.load()
    token_ids = tokenize_corpus(tokenizer, prompt_corpus).token_ids
    prompts = cut_prompts(token_ids, prompt_corpus, request)
    contexts = (small_context, large_context)
    units = tuple(
        GenerationUnit(
            describe_generation(small, large, contexts, prompt_corpus, request, decoding, sampling, scoring),
            decoding,
            sampling,
            prompts,
        )
        for decoding in request.decodings
        for sampling in request.samplings
    )
    return GenerationPlan(
        request, small, large, *contexts, features, scoring, tokenizer, prompt_corpus, token_ids, prompts, units
    )


def refuse_different_tokenizers(small: Checkpoint, large: Checkpoint) -> None:
    """Raise BadInputError if the two checkpoints do not have the same tokenizer."""
    if small.tokenizer_id != large.tokenizer_id:
        raise BadInputError(
            f"{name_checkpoint(small)} and {name_checkpoint(large)} have different tokenizers"
            f" ({small.tokenizer_id} and {large.tokenizer_id}), so their probabilities cannot be combined",
            "name two checkpoints of models with the same tokenizer",
        )


def choose_context_of(named: NamedCheckpoint, scoring: ScoringSettings) -> ContextChoice:
    """Return the context and the beginning of a text of a checkpoint."""
    checkpoint = named.checkpoint
    return choose_contexts(named.suite, [checkpoint], scoring)[checkpoint.model_id, checkpoint.step]


def cut_prompts(
    token_ids: Sequence[npt.NDArray[np.int32]], corpus: Corpus, request: GenerationRequest
) -> tuple[Prompt, ...]:
    """Return the first tokens of every document, or of the first documents if the request limits their number.

    Raises BadInputError naming the first document that is shorter than a prompt.
    """
    count = request.prompt_token_count
    chosen = list(enumerate(token_ids))[: request.prompt_limit]
    short = [document_id for document_id, tokens in chosen if len(tokens) < count]
    if short:
        document, length = corpus.documents[short[0]], count_of(len(token_ids[short[0]]), "token")
        raise BadInputError(
            f"corpus {corpus.corpus_id!r}, document {document.document_name!r}: has {length}, and"
            f" a prompt of {count} is asked for; too short: {len(short)} of {count_of(len(chosen), 'document')}",
            "ask for shorter prompts, or leave these documents out",
        )
    return tuple(Prompt(document_id, tokens[:count]) for document_id, tokens in chosen)


def describe_generation(
    small: NamedCheckpoint,
    large: NamedCheckpoint,
    contexts: tuple[ContextChoice, ContextChoice],
    prompt_corpus: Corpus,
    request: GenerationRequest,
    decoding: Decoding,
    sampling: Sampling,
    scoring: ScoringSettings,
) -> Generation:
    """Return the generation of one configuration with one sampling, with everything that determines its texts."""
    is_nucleus = sampling.method == "nucleus"
    small_context, large_context = contexts
    return Generation(
        small=describe_checkpoint(small.checkpoint),
        large=describe_checkpoint(large.checkpoint),
        tokenizer_id=large.checkpoint.tokenizer_id,
        prompt_corpus_id=prompt_corpus.corpus_id,
        prompt_corpus_sha256=prompt_corpus.corpus_sha256,
        prompt_token_count=request.prompt_token_count,
        new_token_count=request.new_token_count,
        method=decoding.method,
        small_weight=decoding.small_weight,
        large_weight=decoding.large_weight,
        plausibility=decoding.plausibility if decoding.method == "contrastive" else 0.0,
        decoding_name=decoding.name,
        sampling=sampling.method,
        top_p=sampling.top_p if is_nucleus else 1.0,
        seed=sampling.seed if is_nucleus else 0,
        settings={
            "generation_method": GENERATION_METHOD,
            "dtype": scoring.dtype,
            "small_config_sha256": small.checkpoint.config_sha256,
            "large_config_sha256": large.checkpoint.config_sha256,
            "small_beginning": list(small_context.beginning.token_ids),
            "large_beginning": list(large_context.beginning.token_ids),
        },
    )


def describe_checkpoint(checkpoint: Checkpoint) -> GeneratingCheckpoint:
    """Return the identity of a checkpoint of a generation."""
    return GeneratingCheckpoint(checkpoint.model_id, checkpoint.step, checkpoint.weights_sha256)


def name_checkpoint(checkpoint: Checkpoint) -> str:
    """Return the name of a checkpoint as a user writes it."""
    return f"{checkpoint.model_id}@{checkpoint.step}"
