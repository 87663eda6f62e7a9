"""The flow that generates texts with the smallest and the largest model of a suite, and scores them with the suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefect import flow

from trailhouse.flows.generate_texts import GenerationReport, generate_texts
from trailhouse.flows.pipeline.declared_suites import find_declared_suite
from trailhouse.flows.pipeline.generation_plan import GenerationRequest
from trailhouse.flows.score_checkpoints import ScoringReport, score_checkpoints
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings, load_settings
from trailhouse.models.sequences.decoding.configuration import Sampling, find_preset
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.finished_models import list_finished_models

DEFAULT_PROMPT_LIMIT = 100


@dataclass(frozen=True)
class SuiteGeneration:
    """The texts that two models of a suite generated, and their scores by the suite's checkpoints."""

    generation: GenerationReport
    scoring: ScoringReport


@flow(name="generate_for_suite", validate_parameters=False, persist_result=False)
def generate_for_suite(
    suite: str,
    prompt_corpus: str,
    presets: Sequence[str],
    settings: Settings | None = None,
    prompt_limit: int = DEFAULT_PROMPT_LIMIT,
) -> SuiteGeneration | None:
    """Generate texts from each preset, greedily and by nucleus sampling, and score them with every checkpoint.

    The small and the large model are the smallest and the largest model of the suite that have reached the last
    planned step. Returns None if fewer than two models of different sizes have. The prompts begin the first
    ``prompt_limit`` documents of the corpus. What is stored already is neither generated nor scored again.

    Raises BadInputError if a preset is unknown, and the errors of ``generate_texts`` and ``score_checkpoints``.
    """
    settings = settings or load_settings()
    decodings = [find_preset(name) for name in presets]
    with connect(resolve_address(settings)) as client:
        finished = list_finished_models(client, find_declared_suite(suite, settings).suite_id)
    if not finished or finished[0].parameter_count == finished[-1].parameter_count:
        return None
    small, large = (f"{suite}/{model.model_name}@{model.step}" for model in (finished[0], finished[-1]))
    samplings = [Sampling("greedy"), Sampling("nucleus")]
    request = GenerationRequest(small, large, prompt_corpus, decodings, samplings, prompt_limit=prompt_limit)
    generation = generate_texts(request, settings)
    return SuiteGeneration(generation, score_checkpoints(suite, generation.corpus_id, settings))
