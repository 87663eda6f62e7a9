"""The flow that generates texts with two checkpoints. Texts that the warehouse has are not generated again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from clickhouse_connect.driver.client import Client
from prefect import flow

from trailhouse.errors import BadInputError, UsageError
from trailhouse.flows.pipeline.checkpoint_names import NamedCheckpoint, find_named_checkpoint
from trailhouse.flows.pipeline.contexts import choose_contexts
from trailhouse.flows.pipeline.corpora import read_registered_corpus, register_corpus
from trailhouse.flows.pipeline.generation import GenerationUnit, SmallModel, TextGeneration
from trailhouse.flows.pipeline.pipeline import make_pipeline
from trailhouse.flows.pipeline.registration import register_suite
from trailhouse.flows.pipeline.run_pipeline import PIPELINE_THREADS, run_pipeline
from trailhouse.flows.pipeline.run_record import measure_speed
from trailhouse.flows.pipeline.run_report import report_run
from trailhouse.flows.pipeline.work import plan_work
from trailhouse.flows.prefect.crashed_runs import guard_shared_server
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.scoring.context_window import ContextChoice
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.sequences.configuration import Decoding, Sampling
from trailhouse.models.sequences.generated_corpus import WrittenText, build_generated_corpus
from trailhouse.models.sequences.generated_text import Prompt
from trailhouse.models.texts.corpus import Corpus
from trailhouse.models.texts.tokenizer import tokenize_corpus
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.generations import (
    GeneratingCheckpoint,
    Generation,
    read_generated_prompts,
    read_generated_token_ids,
)

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

    def __post_init__(self) -> None:
        for name, value in (
            ("prompts", self.prompt_token_count),
            ("texts", self.new_token_count),
            ("batches", self.batch_size),
        ):
            if value < 1:
                raise BadInputError(f"{name} of {value} tokens or texts are asked for", "ask for at least 1")
        if self.prompt_limit is not None and self.prompt_limit < 1:
            raise BadInputError(f"{self.prompt_limit} prompts are asked for", "ask for at least 1")
        if not self.decodings or not self.samplings:
            raise UsageError("no configuration is asked for", "name at least one preset and one sampling")


@dataclass(frozen=True)
class GenerationReport:
    """What one run of the flow did. A generation is one configuration with one sampling."""

    corpus_id: str
    small: str
    large: str
    generation_count: int
    prompt_count: int
    already_generated_count: int
    """Number of texts that the warehouse had before."""
    generated_count: int
    duration_seconds: float
    tokens_per_second: float


@flow(name="generate_texts", task_runner=PIPELINE_THREADS, validate_parameters=False, persist_result=False)
def generate_texts(request: GenerationRequest, settings: Settings | None = None) -> GenerationReport:
    """Generate the texts of a request, and store them as one corpus. Texts that are stored are not generated again.

    Raises BadInputError, before anything is written, if a checkpoint is missing, if the two have no common tokenizer,
    if a document is shorter than a prompt, or if prompt and text do not fit the context of a model.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    guard_shared_server()
    address = resolve_address(settings)
    with connect(address) as client:
        prompt_corpus = read_registered_corpus(client, request.prompt_corpus)
    small, large = (find_named_checkpoint(name, settings) for name in (request.small, request.large))
    refuse_different_tokenizers(small.checkpoint, large.checkpoint)
    scoring = ScoringSettings(dtype=settings.dtype, device=settings.device)
    small_context, large_context = (choose_context_of(one, scoring) for one in (small, large))
    for one, context in ((small, small_context), (large, large_context)):
        refuse_long_texts(one.checkpoint, context, request)
    tokenizer = large.checkpoint.tokenizer.load()
    prompts = cut_prompts(tokenize_corpus(tokenizer, prompt_corpus).token_ids, prompt_corpus, request)
    contexts = (small_context, large_context)
    units = [
        GenerationUnit(
            describe_generation(small, large, contexts, prompt_corpus, request, decoding, sampling, scoring),
            decoding,
            sampling,
            prompts,
        )
        for decoding in request.decodings
        for sampling in request.samplings
    ]
    kind = TextGeneration(
        SmallModel(
            small.checkpoint,
            small.source,
            CheckpointCache(settings.checkpoint_cache_directory, settings.checkpoint_cache_bytes),
            small_context.beginning.token_ids,
        ),
        large_context.beginning.token_ids,
        len(tokenizer),
        scoring,
        request.batch_size,
    )
    pipeline = make_pipeline(kind, address, {large.checkpoint.model_id: large.source}, settings, started_at)
    with connect(address) as client:
        for one in (small, large):
            register_suite(client, one.suite, one.found)
        stored = read_generated_prompts(client, [unit.generation.generation_key for unit in units])
        missing = kind.list_missing(client, large.checkpoint, units)
    prompt_ids = {prompt.prompt_id for prompt in prompts}
    already_generated_count = sum(len(done & prompt_ids) for done in stored.values())
    outcomes = run_pipeline([plan_work(large.checkpoint, missing)] if missing else [], pipeline)
    report_run(pipeline, outcomes, len(units) - len(missing))
    with connect(address) as client:
        texts = list(read_written_texts(client, units, prompt_corpus))
        corpus = build_generated_corpus(
            tokenizer, texts, request.prompt_corpus, describe_texts(small, large, request), request.corpus_name
        )
        register_corpus(client, corpus)
    return GenerationReport(
        corpus_id=corpus.corpus_id,
        small=name_checkpoint(small.checkpoint),
        large=name_checkpoint(large.checkpoint),
        generation_count=len(units),
        prompt_count=len(prompts),
        already_generated_count=already_generated_count,
        generated_count=len(units) * len(prompts) - already_generated_count,
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        tokens_per_second=measure_speed(outcomes),
    )


def refuse_different_tokenizers(small: Checkpoint, large: Checkpoint) -> None:
    """Raise BadInputError if the two checkpoints do not have the same tokenizer."""
    if small.tokenizer_id != large.tokenizer_id:
        raise BadInputError(
            f"{name_checkpoint(small)} and {name_checkpoint(large)} have different tokenizers"
            f" ({small.tokenizer_id} and {large.tokenizer_id}), so their probabilities cannot be combined",
            "name two checkpoints of models with the same tokenizer",
        )


def refuse_long_texts(checkpoint: Checkpoint, context: ContextChoice, request: GenerationRequest) -> None:
    """Raise BadInputError if a prompt and its text are longer than what a model can read at once."""
    beginning_count = len(context.beginning.token_ids)
    wanted = beginning_count + request.prompt_token_count + request.new_token_count
    if wanted > context.own_length:
        beginning = f" after a beginning of {beginning_count}" if beginning_count else ""
        raise BadInputError(
            f"{name_checkpoint(checkpoint)} can read {context.own_length} tokens at once: prompts of"
            f" {request.prompt_token_count} and {request.new_token_count} new tokens{beginning} are {wanted}",
            "ask for shorter prompts or texts",
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
        document = corpus.documents[short[0]]
        raise BadInputError(
            f"corpus {corpus.corpus_id!r}, document {document.document_name!r}: has {len(token_ids[short[0]])} tokens,"
            f" and a prompt of {count} is asked for; {len(short)} of {len(chosen)} documents are too short",
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


def describe_texts(small: NamedCheckpoint, large: NamedCheckpoint, request: GenerationRequest) -> str:
    """Return a sentence about the generated corpus."""
    return (
        f"{request.new_token_count} tokens after the first {request.prompt_token_count} of documents of"
        f" {request.prompt_corpus}, generated with {name_checkpoint(small.checkpoint)} (small) and"
        f" {name_checkpoint(large.checkpoint)} (large)"
    )


def read_written_texts(client: Client, units: Sequence[GenerationUnit], prompt_corpus: Corpus) -> Iterator[WrittenText]:
    """Yield the texts of all prompts of the units, from the warehouse, in the order of the units and the prompts."""
    for unit in units:
        key = unit.generation.generation_key
        token_ids = read_generated_token_ids(client, key)
        for prompt in unit.prompts:
            yield WrittenText(
                generation_key=key,
                configuration_name=f"{unit.decoding.name}, {unit.sampling.name}",
                prompt_document_id=prompt.prompt_id,
                prompt_name=prompt_corpus.documents[prompt.prompt_id].document_name,
                prompt_token_ids=prompt.token_ids.tolist(),
                new_token_ids=token_ids[prompt.prompt_id],
            )
