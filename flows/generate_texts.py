"""The flow that generates texts with two checkpoints. Texts that the warehouse has are not generated again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from prefect import flow

from trailhouse.flows.judge_texts import judge_texts
from trailhouse.flows.pipeline.corpora import register_corpus
from trailhouse.flows.pipeline.generation import SmallModel, TextGeneration
from trailhouse.flows.pipeline.generation_plan import (
    GenerationPlan,
    GenerationRequest,
    name_checkpoint,
    plan_generation,
)
from trailhouse.flows.pipeline.pipeline import make_pipeline
from trailhouse.flows.pipeline.registration import register_suite
from trailhouse.flows.pipeline.run_pipeline import PIPELINE_THREADS, run_pipeline
from trailhouse.flows.pipeline.run_record import measure_speed
from trailhouse.flows.pipeline.run_report import report_run
from trailhouse.flows.pipeline.work import plan_work
from trailhouse.flows.prefect.crashed_runs import guard_shared_server
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.sequences.generated_corpus import WrittenText, build_generated_corpus
from trailhouse.models.texts.corpus import Corpus
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.loading.generations import read_generated_token_ids, register_generations


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
    """Generate the texts of a request, store them as one corpus, and judge their quality.

    Texts that are stored are not generated again. Raises the errors of ``plan_generation`` before anything is written.
    """
    settings = settings or load_settings()
    started_at = datetime.now(UTC)
    guard_shared_server()
    address = resolve_address(settings)
    with connect(address) as client:
        plan = plan_generation(request, client, settings)
        kind = choose_work(plan, settings)
        for one in (plan.small, plan.large):
            register_suite(client, one.suite, one.found)
        register_generations(client, [unit.generation for unit in plan.units])
        missing = kind.list_missing(client, plan.large.checkpoint, plan.units)
    large = plan.large
    pipeline = make_pipeline(kind, address, {large.checkpoint.model_id: large.source}, settings, started_at)
    outcomes = run_pipeline([plan_work(large.checkpoint, missing)] if missing else [], pipeline)
    report_run(pipeline, outcomes, len(plan.units) - len(missing))
    corpus, texts = store_corpus(plan, address)
    judge_texts(plan, texts, settings)
    generated_count = sum(len(unit.prompts) for unit in missing)
    return GenerationReport(
        corpus_id=corpus.corpus_id,
        small=name_checkpoint(plan.small.checkpoint),
        large=name_checkpoint(large.checkpoint),
        generation_count=len(plan.units),
        prompt_count=len(plan.prompts),
        already_generated_count=len(texts) - generated_count,
        generated_count=generated_count,
        duration_seconds=(datetime.now(UTC) - started_at).total_seconds(),
        tokens_per_second=measure_speed(outcomes),
    )


def choose_work(plan: GenerationPlan, settings: Settings) -> TextGeneration:
    """Return the kind of work of a plan."""
    small = SmallModel(
        plan.small.checkpoint,
        plan.small.source,
        CheckpointCache(settings.checkpoint_cache_directory, settings.checkpoint_cache_bytes),
        plan.small_context.beginning.token_ids,
    )
    beginning_ids = plan.large_context.beginning.token_ids
    return TextGeneration(small, beginning_ids, len(plan.tokenizer), plan.scoring, plan.request.batch_size)


def store_corpus(plan: GenerationPlan, address: WarehouseAddress) -> tuple[Corpus, list[WrittenText]]:
    """Store all texts of a plan as one corpus, and return the corpus and the texts."""
    request = plan.request
    description = (
        f"{request.new_token_count} tokens after the first {request.prompt_token_count} of documents of"
        f" {request.prompt_corpus}, generated with {name_checkpoint(plan.small.checkpoint)} (small) and"
        f" {name_checkpoint(plan.large.checkpoint)} (large)"
    )
    with connect(address) as client:
        texts = list(read_written_texts(client, plan))
        corpus = build_generated_corpus(plan.tokenizer, texts, request.prompt_corpus, description, request.corpus_name)
        register_corpus(client, corpus)
    return corpus, texts


def read_written_texts(client: Client, plan: GenerationPlan) -> Iterator[WrittenText]:
    """Yield the texts of all prompts of a plan, from the warehouse, in the order of its units and prompts."""
    for unit in plan.units:
        key = unit.generation.generation_key
        token_ids = read_generated_token_ids(client, key)
        for prompt in unit.prompts:
            yield WrittenText(
                generation_key=key,
                configuration_name=f"{unit.decoding.name}, {unit.sampling.name}",
                prompt_document_id=prompt.prompt_id,
                prompt_name=plan.prompt_corpus.documents[prompt.prompt_id].document_name,
                prompt_token_ids=prompt.token_ids.tolist(),
                new_token_ids=token_ids[prompt.prompt_id],
            )
