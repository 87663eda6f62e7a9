"""This module defines the kind of work that judges generated texts: MAUVE and self-BLEU.

The work is that of the checkpoint that gives the features of MAUVE. One unit is one generation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, RunUnit, Wording
from trailhouse.flows.pipeline.unit_results import UnitFailedError, UnitResult
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification
from trailhouse.models.sequences.mauve_score import (
    DEFAULT_SEED,
    choose_cluster_count,
    compute_mauve,
    extract_features,
)
from trailhouse.models.sequences.self_bleu import compute_self_bleu
from trailhouse.warehouse.loading.canonical_json import write_canonical_json
from trailhouse.warehouse.loading.generation_quality import QualityValue, load_quality, read_judged
from trailhouse.warehouse.loading.partition_load import Partition

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

WORDING = Wording(run_kind="judgement", participle="used", bar="Judging texts", step_bar="Generations")
QUALITY_SCHEMA = pa.schema([("metric", pa.string()), ("value", pa.float64()), ("settings", pa.string())])
TokenIds = npt.NDArray[np.int32]


@dataclass(frozen=True)
class JudgedTexts:
    """The texts of one generation, and human texts that continue the same prompts."""

    generation_key: str
    name: str
    texts: tuple[str, ...]
    """The generated texts without their prompts."""
    token_ids: tuple[TokenIds, ...]
    """The prompts with the generated tokens."""
    human_token_ids: tuple[TokenIds, ...]
    """The same number of tokens from each document that begins with a prompt and is long enough."""
    has_mauve: bool
    """Whether MAUVE is computed."""


@dataclass(frozen=True)
class TextQuality:
    """The kind of work that computes self-BLEU and MAUVE with features of the checkpoint of the pipeline."""

    settings: ScoringSettings
    checkpoint_name: str
    verification: Verification = field(default_factory=Verification)
    wording: Wording = WORDING
    batch_policy: str = "features of texts in batches of similar length"

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return a partition that names the values that need the features of a checkpoint."""
        return Partition("raw_generation_quality", (("model_id", checkpoint.model_id), ("step", checkpoint.step)))

    def list_missing(
        self,
        client: Client,
        checkpoint: Checkpoint,  # noqa: ARG002  # KindOfWork has this parameter
        units: Sequence[JudgedTexts],
    ) -> list[JudgedTexts]:
        """Return the generations of which a value is missing."""
        judged = read_judged(client)
        return [unit for unit in units if not self._list_keys(unit) <= judged]

    def _list_keys(self, unit: JudgedTexts) -> set[tuple[str, str, str]]:
        keys = {(unit.generation_key, "self_bleu", self._describe_self_bleu(unit))}
        return keys | ({(unit.generation_key, "mauve", self._describe_mauve(unit))} if unit.has_mauve else set())

    def _describe_self_bleu(self, unit: JudgedTexts) -> str:
        return write_canonical_json({"text_count": len(unit.texts), "tokenizer": "13a", "maximum_order": 4})

    def _describe_mauve(self, unit: JudgedTexts) -> str:
        return write_canonical_json(
            {
                "features_of": self.checkpoint_name,
                "generated_text_count": len(unit.token_ids),
                "human_text_count": len(unit.human_token_ids),
                "cluster_count": self._count_clusters(unit),
                "seed": DEFAULT_SEED,
            }
        )

    def _count_clusters(self, unit: JudgedTexts) -> int:
        return choose_cluster_count(min(len(unit.token_ids), len(unit.human_token_ids)))

    def name_unit(self, unit: JudgedTexts) -> str:
        """Return the configuration and the sampling of the generation."""
        return unit.name

    def count_steps(self, unit: JudgedTexts) -> int:  # noqa: ARG002  # KindOfWork has this parameter
        """Return 1, because the progress bar counts generations."""
        return 1

    @contextmanager
    def open_model(
        self,
        model: PreTrainedModel,
        checkpoint: Checkpoint,  # noqa: ARG002  # KindOfWork has this parameter
    ) -> Iterator[RunUnit[JudgedTexts]]:
        """Yield a function that judges the texts of a generation."""

        def run_unit(unit: JudgedTexts, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
            values = [("self_bleu", compute_self_bleu(unit.texts), self._describe_self_bleu(unit))]
            if unit.has_mauve:
                generated, human = (extract_features(model, ids) for ids in (unit.token_ids, unit.human_token_ids))
                score = compute_mauve(generated, human, cluster_count=self._count_clusters(unit))
                values.append(("mauve", score.mauve, self._describe_mauve(unit)))
            advance(1)
            yield pa.RecordBatch.from_pylist(
                [dict(zip(QUALITY_SCHEMA.names, value, strict=True)) for value in values], schema=QUALITY_SCHEMA
            )

        with limit_threads(model):
            yield run_unit

    def insert(
        self,
        client: Client,
        results: Iterable[UnitResult[JudgedTexts]],
        scoring_run_id: UUID,  # noqa: ARG002  # KindOfWork has this parameter
    ) -> Iterator[InsertedUnit]:
        """Store the values of each generation."""
        for result in results:
            try:
                rows = [row for batch in result.batches for row in batch.to_pylist()]
            except UnitFailedError:
                continue
            load_quality(client, [QualityValue(result.unit.generation_key, **row) for row in rows])
            yield InsertedUnit(len(rows), 0)
