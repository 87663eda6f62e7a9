"""This module defines the kind of work that generates texts with two models.

The work is that of the large model's checkpoint. One unit is one generation: a configuration with all of its prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, RunUnit, Wording
from trailhouse.flows.pipeline.pipeline import PipelineSteps
from trailhouse.flows.pipeline.unit_results import UnitFailedError, UnitResult
from trailhouse.flows.pipeline.work import fetch_checkpoint
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.download_cache import CheckpointCache
from trailhouse.models.checkpoints.sources.source import CheckpointSource
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification
from trailhouse.models.sequences.decoding.configuration import Decoding, Sampling
from trailhouse.models.sequences.decoding.generate import generate_texts
from trailhouse.models.sequences.decoding.generated_text import Prompt, generated_text_batch
from trailhouse.support.progress import report_note
from trailhouse.warehouse.loading.generations import Generation, load_generated_texts, read_generated_prompts
from trailhouse.warehouse.loading.partition_load import Partition

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

WORDING = Wording(run_kind="generation", participle="generated", bar="Generating", step_bar="Tokens")

# A smaller model runs on one thread: a step of generation reads one token a text, which is little work.
MULTITHREADED_PARAMETER_COUNT = 10_000_000


@dataclass(frozen=True)
class GenerationUnit:
    """One generation and the prompts of which the warehouse lacks the text."""

    generation: Generation
    decoding: Decoding
    sampling: Sampling
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True)
class SmallModel:
    """The checkpoint that gives p_s, and how it is fetched."""

    checkpoint: Checkpoint
    source: CheckpointSource
    cache: CheckpointCache
    beginning_ids: tuple[int, ...]
    """The tokens that the model reads before every text."""


@dataclass(frozen=True)
class TextGeneration:
    """The kind of work that generates texts with the checkpoint of the pipeline and a small model."""

    small: SmallModel
    large_beginning_ids: tuple[int, ...]
    vocabulary_size: int
    """Number of tokens of the tokenizer. No larger token id is generated."""
    settings: ScoringSettings
    batch_size: int
    verification: Verification = field(default_factory=Verification)
    wording: Wording = WORDING
    batch_policy: str = "prompts of equal length in batches, both models with a cache"

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return a partition that names the texts of a large checkpoint. One worker at a time generates them."""
        return Partition("raw_generated_text", (("large_model_id", checkpoint.model_id), ("step", checkpoint.step)))

    def list_missing(
        self,
        client: Client,
        checkpoint: Checkpoint,  # noqa: ARG002  # KindOfWork has this parameter
        units: Sequence[GenerationUnit],
    ) -> list[GenerationUnit]:
        """Return the units that lack texts, each with the prompts whose texts are missing."""
        stored = read_generated_prompts(client, [unit.generation.generation_key for unit in units])
        missing = []
        for unit in units:
            done = stored[unit.generation.generation_key]
            prompts = tuple(prompt for prompt in unit.prompts if prompt.prompt_id not in done)
            if prompts:
                missing.append(replace(unit, prompts=prompts))
        return missing

    def name_unit(self, unit: GenerationUnit) -> str:
        """Return the configuration and the sampling of a generation."""
        return f"{unit.decoding.name}, {unit.sampling.name}"

    def count_steps(self, unit: GenerationUnit) -> int:
        """Return the number of tokens to generate."""
        return len(unit.prompts) * unit.generation.new_token_count

    @contextmanager
    def open_model(
        self,
        model: PreTrainedModel,
        checkpoint: Checkpoint,
    ) -> Iterator[RunUnit[GenerationUnit]]:
        """Load the small model, and yield a function that generates the texts of a unit."""
        with ExitStack() as files:
            files.enter_context(limit_threads(model, MULTITHREADED_PARAMETER_COUNT))
            small = self._load_small(model, checkpoint, files)

            def run_unit(unit: GenerationUnit, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
                batches = generate_texts(
                    small,
                    model,
                    unit.prompts,
                    unit.generation.new_token_count,
                    unit.decoding,
                    unit.sampling,
                    small_beginning_ids=self.small.beginning_ids,
                    large_beginning_ids=self.large_beginning_ids,
                    vocabulary_size=self.vocabulary_size,
                    batch_size=self.batch_size,
                    progress=advance,
                    note=report_note,
                )
                return map(generated_text_batch, batches)

            yield run_unit

    def _load_small(self, large: PreTrainedModel, checkpoint: Checkpoint, files: ExitStack) -> PreTrainedModel:
        """Return the small model. It is the large one if both are the same checkpoint."""
        one = self.small.checkpoint
        if (one.model_id, one.step) == (checkpoint.model_id, checkpoint.step):
            return large
        directory = fetch_checkpoint(one, self.small.source, self.small.cache, PipelineSteps(), files)
        return load_model(directory, self.settings, allow_pickle=one.is_pickled)

    def insert(
        self,
        client: Client,
        results: Iterable[UnitResult[GenerationUnit]],
        scoring_run_id: UUID,  # noqa: ARG002  # KindOfWork has this parameter
    ) -> Iterator[InsertedUnit]:
        """Store the texts batch by batch, so that a run that is killed continues after the last stored batch."""
        for result in results:
            row_count = 0
            try:
                for batch in result.batches:
                    row_count += load_generated_texts(client, result.unit.generation, batch)
            except UnitFailedError:
                continue
            yield InsertedUnit(row_count, row_count * result.unit.generation.new_token_count, row_count)
