"""This module scores random positions of a corpus a second time and compares the two scores of each position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailhouse.models.scoring.context_window import find_context_length, find_stride
from trailhouse.models.scoring.quantisation import restore_log_probs
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.token_scores import list_planned_tokens
from trailhouse.models.scoring.verification import AloneScore, Verification, score_alone
from trailhouse.models.scoring.windows import plan_windows
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds


def verify_scores(
    batches: Iterable[pa.RecordBatch],
    model: PreTrainedModel,
    corpus: TokenizedCorpus,
    settings: ScoringSettings,
    drawn: npt.NDArray[np.int64],
    verification: Verification,
) -> Iterator[pa.RecordBatch]:
    """Yield all batches of ``score_corpus`` unchanged, and score the rows whose indices are in ``drawn`` a second time.

    Raises BadInputError naming document and position if the two scores of a position differ. The batch with this
    position is not yielded.
    """
    first_row = 0
    for batch in batches:
        for index in drawn[(drawn >= first_row) & (drawn < first_row + batch.num_rows)] - first_row:
            row = batch.slice(index, 1)
            document_id, position = row["document_id"][0].as_py(), row["position"][0].as_py()
            alone = score_position_alone(model, corpus.token_ids[document_id], position, settings)
            stored = restore_log_probs(row["log_prob_quanta"].to_numpy(), settings.quanta_per_nat)[0]
            rounding = 0.5 / settings.quanta_per_nat if settings.quanta_per_nat else 0.0
            name = f"document {document_id}, position {position}"
            verification.compare(name, float(stored), alone, model.dtype, rounding)
        first_row += batch.num_rows
        yield batch


def score_position_alone(
    model: PreTrainedModel, token_ids: npt.NDArray[np.int32], position: int, settings: ScoringSettings
) -> AloneScore:
    """Return the score of one position of a document, computed alone.

    The model reads the window that predicts the position, but only up to the position. A model whose rotary frequencies
    depend on the length of the sequence reads the whole window.
    """
    context_length = find_context_length(model.config, settings)
    beginning = np.asarray(settings.text_beginning_token_ids, np.int32)
    token_ids = list_planned_tokens(token_ids, settings)
    windows = plan_windows(0, len(token_ids), context_length, find_stride(context_length, settings), len(beginning))
    window = next(one for one in windows if one.first_target <= position < one.end)
    end = position + 1 if find_switch_length(model.config) is None else window.end
    read = np.concatenate([beginning, token_ids[window.start : end]])
    index = len(beginning) + position - window.start
    return score_alone(model, read, index, index + 1)
