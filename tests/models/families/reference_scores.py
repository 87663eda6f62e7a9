"""The scores of texts and options by definition: a forward pass for each token, and a log-softmax in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedModel

from tests.support.option_tasks import score_by_definition
from trailhouse.models.few_shot.option_encoding import EncodedTask
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus

Scores = npt.NDArray[np.float64]


def score_one_by_one(model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings) -> Scores:
    """Return the log-probability of every position in nats, each from a forward pass of its own.

    The model reads the beginning of a text, and then all tokens before the position if they fit the rest of the
    context. If they do not, it leaves out the first tokens of the text; their number is a multiple of the stride.
    """
    beginning = np.asarray(settings.text_beginning_token_ids, np.int32)
    place_count = settings.context_length - len(beginning)
    scores = []
    for tokens in corpus.token_ids:
        for position in range(len(tokens)):
            step_count = -(-max(0, position - place_count) // settings.stride)
            read = np.concatenate([beginning, tokens[step_count * settings.stride : position + 1]])
            scores.append(score_by_definition(model, read, len(read) - 1))
    return np.asarray(scores)


def score_from_last_tokens(model: PreTrainedModel, corpus: TokenizedCorpus, settings: ScoringSettings) -> Scores:
    """Return the log-probability of every position in nats, given only the token before it."""
    beginning = np.asarray(settings.text_beginning_token_ids, np.int32)
    texts = [np.concatenate([beginning, tokens]) for tokens in corpus.token_ids]
    pairs = np.concatenate([np.stack([text[:-1], text[1:]]) for text in texts], axis=1).T
    known = {tuple(pair): score_by_definition(model, pair, 1) for pair in np.unique(pairs, axis=0)}
    return np.asarray([known[tuple(pair)] for pair in pairs])


def score_options_one_by_one(model: PreTrainedModel, task: EncodedTask, settings: ScoringSettings) -> Scores:
    """Return the log-probabilities of every option in nats, with its prompt and without it; shape (options, 2).

    Without the prompt, the beginning of a text stands before the option.
    """
    beginning_length = len(settings.text_beginning_token_ids)
    scores = []
    for option in (option for item in task.items for option in item.options):
        with_prompt = score_by_definition(model, option.token_ids, option.first_target)
        without_prompt = score_by_definition(model, option.unconditional_token_ids, beginning_length)
        scores.append((with_prompt, without_prompt))
    return np.asarray(scores)
