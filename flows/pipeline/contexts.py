"""This module chooses the context length, the stride and the beginning of a text for each checkpoint of a suite.

Scoring and evaluation use the same choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.suite import Suite
from trailhouse.models.scoring.context_window import ContextChoice, choose_context
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.find_text_beginning import find_text_beginning_of
from trailhouse.models.texts.text_beginning import TextBeginning

Contexts = Mapping[tuple[str, int], ContextChoice]
"""The choice for each checkpoint, by (model_id, step)."""


def choose_contexts(suite: Suite, checkpoints: Sequence[Checkpoint], settings: ScoringSettings) -> Contexts:
    """Return the context length, the stride and the beginning of a text of each checkpoint. No model is loaded.

    Raises UsageError if a model cannot read as many tokens as the requested context length, or if the stride is larger
    than the number of tokens that fit into the context after the beginning. Raises BadInputError naming the model if
    its tokenizer lacks the token that the suite declares as the beginning.
    """
    declared = {f"{suite.suite_id}/{model.model_name}": model for model in suite.models}
    find_beginning = cache(find_text_beginning_of)  # checkpoints on the hub share the directory of a tokenizer
    choices: dict[tuple[str, str, TextBeginning], ContextChoice] = {}
    contexts = {}
    for checkpoint in checkpoints:
        model = declared[checkpoint.model_id]
        try:
            beginning = find_beginning(checkpoint.tokenizer, model.text_beginning)
        except BadInputError as error:
            raise BadInputError(f"{checkpoint.model_id}: {error.message}", error.hint) from error
        key = (checkpoint.model_id, checkpoint.config_sha256, beginning)
        if key not in choices:
            choices[key] = choose_context(checkpoint, model.context_length, settings, beginning)
        contexts[checkpoint.model_id, checkpoint.step] = choices[key]
    return contexts
