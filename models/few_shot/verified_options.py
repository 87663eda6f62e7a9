"""This module scores random options of a task again, each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailhouse.models.few_shot.option_encoding import EncodedTask
from trailhouse.models.scoring.verification import Verification, score_alone

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds


def verify_options(
    scores: pa.RecordBatch,
    model: PreTrainedModel,
    encoded: EncodedTask,
    drawn: npt.NDArray[np.int64],
    verification: Verification,
) -> None:
    """Score the options of the rows with the indices ``drawn`` again, and compare them with ``scores``.

    ``scores`` is what ``Evaluator.score`` returned for the task. Raises BadInputError naming item and option if the
    score of an option after its prompt differs from the score alone.
    """
    options = [option for item in encoded.items for option in item.options]
    for index in drawn:
        row = scores.slice(index, 1)
        alone = score_alone(model, options[index].token_ids, options[index].first_target)
        item_id, option_index = row["item_id"][0].as_py(), row["option_index"][0].as_py()
        name = f"task {encoded.task.task_id!r}, item {item_id}, option {option_index}"
        verification.compare(name, row["log_prob_nats"][0].as_py(), alone, model.dtype, 0.0)
