"""This module generates texts with two models. Each token is chosen from a distribution that combines both models.

Every text has the same number of new tokens. No token ends a text. A text depends neither on the batch that it is in
nor on the other prompts: the noise of sampling is a function of the prompt and the position, and a choice that rounding
could change is made again from a forward pass over this text alone. In float32, this is about one choice in a thousand.
In half precision it may be every second one, which takes much longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from trailhouse.models.scoring.out_of_memory import ShrinkingBatch
from trailhouse.models.sequences.decoding.checked_prompts import refuse_counts, refuse_prompts
from trailhouse.models.sequences.decoding.configuration import Decoding, Sampling
from trailhouse.models.sequences.decoding.generated_batch import BatchGenerator
from trailhouse.models.sequences.decoding.generated_text import GeneratedText, Prompt
from trailhouse.models.sequences.decoding.incremental_model import IncrementalModel
from trailhouse.models.sequences.decoding.text_length import refuse_long_texts

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # importing it takes seconds


def generate_texts(
    small: PreTrainedModel,
    large: PreTrainedModel,
    prompts: Sequence[Prompt],
    new_token_count: int,
    decoding: Decoding,
    sampling: Sampling,
    *,
    small_beginning_ids: Sequence[int] = (),
    large_beginning_ids: Sequence[int] = (),
    vocabulary_size: int | None = None,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[list[GeneratedText]]:
    """Yield the texts of all prompts in their order, one batch of at most ``batch_size`` texts at a time.

    The two models share a tokenizer with ``vocabulary_size`` tokens, and no larger token id is generated. If it is
    None, it is the smaller number of logits of the two models. Each model reads its beginning of a text before every
    prompt. ``progress`` is called with the number of tokens that were generated since its last call; the number is
    negative if a batch did not fit the memory and starts anew in two halves. ``note`` is called with a sentence about
    each model that runs without a cache.

    Both models read all texts, even if one has the weight 0, because the log-probabilities of both models are stored.
    They are rounded to 1e-4 nats. Their last digit may depend on the batch; the token ids do not.

    Raises BadInputError if prompts are empty or differ in length, if a token id is not in the vocabulary, if the texts
    do not fit the context of a model, if a model is not causal or does not run, if log-probabilities are not finite, or
    if those of a text in a batch and of the text alone differ by more than rounding explains. Raises UsageError if a
    single text does not fit the memory.
    """
    refuse_counts(new_token_count, batch_size)
    if not prompts:
        return
    models = {
        "small": IncrementalModel(small, small_beginning_ids),
        "large": IncrementalModel(large, large_beginning_ids),
    }
    prompt_length = len(prompts[0].token_ids)
    for name, model in models.items():
        described = f"the {name} model ({type(model.model).__name__})"
        refuse_long_texts(described, model.model.config, model.beginning_length, prompt_length, new_token_count)
        refuse_prompts(name, model, prompts)
    generator = BatchGenerator(models["small"], models["large"], new_token_count, decoding, sampling, progress)
    generator.prepare(prompts[0], vocabulary_size)
    for name, model in models.items():
        if note is not None and not model.has_cache:
            note(f"the {name} model ({type(model.model).__name__}) runs without a cache, which takes longer")
    text_length = prompt_length + new_token_count
    batch = ShrinkingBatch(batch_size * text_length, models["large"].device)
    for first in range(0, len(prompts), batch_size):
        waiting = prompts[first : first + batch_size]
        for _, texts in batch.run(waiting, lambda part: len(part) * text_length, generator.generate):
            yield texts
