"""This module defines the kind of work that scores a corpus.

The work on a checkpoint has one unit: the checkpoint's partition of raw_token_score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.flows.pipeline.contexts import Contexts
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, RunUnit, Wording
from trailhouse.flows.pipeline.unit_results import UnitFailedError, UnitResult
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.scoring.score_corpus import BATCH_POLICY, score_corpus
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.verification import Verification, draw_rows, make_generator
from trailhouse.models.scoring.verified_scores import verify_scores
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.warehouse.loading.partition_load import Partition
from trailhouse.warehouse.loading.score_ledger import LedgerEntry, ScoredPartition, load_scores, read_score_keys

if TYPE_CHECKING:
    from trailhouse.models.scoring.load_model import PreTrainedModel

WORDING = Wording(run_kind="scoring", participle="scored", bar="Scoring", step_bar="Positions")


@dataclass(frozen=True)
class CorpusScoring:
    """The kind of work that scores every position of a corpus."""

    corpus_id: str
    tokenized: Mapping[str, TokenizedCorpus]
    """The tokenized corpus, by tokenizer_id."""
    settings: ScoringSettings
    contexts: Contexts
    verified_count: int
    """Number of positions of each checkpoint that are scored a second time, each in a batch of its own."""
    verification: Verification = field(default_factory=Verification)
    wording: Wording = WORDING
    batch_policy: str = BATCH_POLICY

    def find_partition(self, checkpoint: Checkpoint) -> Partition:
        """Return the partition that holds the scores of a checkpoint on the corpus."""
        key = (("model_id", checkpoint.model_id), ("corpus_id", self.corpus_id), ("step", checkpoint.step))
        return Partition("raw_token_score", key)

    def list_missing(
        self,
        client: Client,
        checkpoint: Checkpoint,  # noqa: ARG002  # KindOfWork has this parameter
        units: Sequence[ScoredPartition],
    ) -> list[ScoredPartition]:
        """Return the partitions in ``units`` whose score keys are not in the ledger."""
        ledger = read_score_keys(client, self.corpus_id)
        return [unit for unit in units if ledger.get((unit.model_id, unit.step)) != unit.score_key]

    def name_unit(self, unit: ScoredPartition) -> str:  # noqa: ARG002  # KindOfWork has this parameter
        """Return an empty text. A checkpoint has only one unit of work, so messages need no name for the unit."""
        return ""

    def count_steps(self, unit: ScoredPartition) -> int:
        """Return the number of positions of the corpus that are scored under the checkpoint's tokenizer."""
        has_beginning = bool(self.contexts[unit.model_id, unit.step].beginning.token_ids)
        return self.tokenized[unit.tokenizer_id].count_scored(has_beginning=has_beginning)

    @contextmanager
    def open_model(
        self,
        model: PreTrainedModel,
        checkpoint: Checkpoint,
    ) -> Iterator[RunUnit[ScoredPartition]]:
        """Yield a function that scores the pipeline's corpus with the model."""
        settings = self.contexts[checkpoint.model_id, checkpoint.step].complete(self.settings)

        def run_unit(unit: ScoredPartition, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
            tokenized = self.tokenized[unit.tokenizer_id]
            drawn = draw_rows(self.count_steps(unit), self.verified_count, make_generator(unit.score_key))
            batches = score_corpus(model, tokenized, settings, progress=advance)
            return verify_scores(batches, model, tokenized, settings, drawn, self.verification)

        yield run_unit

    def insert(
        self, client: Client, results: Iterable[UnitResult[ScoredPartition]], scoring_run_id: UUID
    ) -> Iterator[InsertedUnit]:
        """Load the scores of each unit into its partition, and then write the ledger row of the partition."""
        for result in results:
            with suppress(UnitFailedError):
                entry = load_scores(client, result.unit, result.batches, scoring_run_id, result.started_at)
                yield describe_entry(entry)


def describe_entry(entry: LedgerEntry, *, is_copied: bool = False) -> InsertedUnit:
    """Convert a ledger entry to the InsertedUnit that a checkpoint's outcome holds."""
    mean = entry.log_prob_sum_nats / entry.score_count if entry.score_count else None
    return InsertedUnit(entry.score_count, entry.score_count, is_copied=is_copied, mean_log_prob_nats=mean)
