"""This module computes MAUVE (Pillutla et al. 2021), which measures how close generated texts are to human texts.

As in the package mauve-text, a text's features are the last layer's hidden state at the text's last token. They come
from a checkpoint that is stated, because the package's own model would be downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.scoring.context_window import find_context_length
from trailhouse.models.scoring.devices import find_input_device
from trailhouse.models.scoring.failing_models import refusing_failures
from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.scoring.rotary_switch import find_switch_length
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.windows import Window, group_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds

Features = npt.NDArray[np.float32]
TokenIds = npt.NDArray[np.int32]

DEFAULT_SEED = 25  # that of the package
TEXTS_PER_CLUSTER = 10  # the package's choice of the number of clusters
BATCH_TOKENS = 4_096


@dataclass(frozen=True)
class MauveScore:
    """A MAUVE score and what it depends on beside the features."""

    mauve: float
    """From 0 to 1. Higher values mean that the two sets of texts are closer to each other."""
    cluster_count: int
    seed: int


def extract_features(model: PreTrainedModel, texts: Sequence[TokenIds]) -> Features:
    """Return the features (N, D) of N texts, given as token ids of the model's tokenizer.

    A text is cut off after as many tokens as the model can read. Raises BadInputError if a text has no tokens, if the
    model does not run, or if features are not finite. Raises UsageError if a single text does not fit the memory.
    """
    limit = find_context_length(model.config, ScoringSettings())
    if any(len(text) == 0 for text in texts):
        raise BadInputError("a text has no tokens, so it has no features", "leave out empty texts")
    windows = [Window(index, 0, 1, min(len(text), limit) + 1) for index, text in enumerate(texts)]
    device = find_input_device(model)
    shrinking_batch = ShrinkingBatch(BATCH_TOKENS, device)
    features: dict[int, Features] = {}

    @torch.inference_mode()
    def run(part: Sequence[Window]) -> Features:
        rows = np.zeros((len(part), part[0].input_length), np.int64)  # padded on the right
        for row, window in zip(rows, part, strict=True):
            row[: window.input_length] = texts[window.document_id][: window.input_length]
        input_ids = torch.from_numpy(rows).to(device)
        with refusing_failures(model, input_ids):
            output = model.base_model(input_ids=input_ids, use_cache=False, output_hidden_states=True)
        last = torch.tensor([window.input_length - 1 for window in part], device=output.hidden_states[-1].device)
        hidden = output.hidden_states[-1][torch.arange(len(part), device=last.device), last]
        return np.asarray(hidden.float().cpu().numpy())

    for batch in group_windows(windows, BATCH_TOKENS, switch_length=find_switch_length(model.config)):
        for part, result in shrinking_batch.run(batch, lambda part: part[0].input_length * len(part), run):
            features.update(zip((window.document_id for window in part), result, strict=True))
    found = np.stack([features[index] for index in range(len(texts))])
    if not np.isfinite(found).all():
        raise BadInputError(
            "the features of texts are not finite",
            "the checkpoint is damaged or overflows in this dtype: use another one, or dtype float32",
        )
    return found


def choose_cluster_count(text_count: int) -> int:
    """Return the number of clusters for sets of which the smaller one has ``text_count`` texts."""
    return max(2, round(text_count / TEXTS_PER_CLUSTER))


def compute_mauve(
    generated: Features, human: Features, *, cluster_count: int | None = None, seed: int = DEFAULT_SEED
) -> MauveScore:
    """Return the MAUVE score of generated texts and human texts from their features (N, D) and (M, D).

    The features are clustered by k-means. If ``cluster_count`` is None, there is one cluster for ten texts of the
    smaller set, and at least two. The seed decides the clusters. Raises BadInputError if a set has fewer texts than
    there are clusters. Raises UsageError if the package mauve-text is not installed.
    """
    try:
        from mauve import compute_mauve as compute  # its license differs from ours, so it is optional
    except ImportError as error:
        raise UsageError("MAUVE needs the package mauve-text", "install trailhouse[mauve]") from error
    text_count = min(len(generated), len(human))
    cluster_count = cluster_count or choose_cluster_count(text_count)
    if text_count < cluster_count:
        raise BadInputError(
            f"MAUVE with {cluster_count} clusters needs as many texts of each kind, and there are {len(generated)}"
            f" generated and {len(human)} human ones",
            "generate more texts, or use fewer clusters",
        )
    result: Any = compute(p_features=human, q_features=generated, num_buckets=cluster_count, seed=seed)
    return MauveScore(float(result.mauve), cluster_count, seed)
