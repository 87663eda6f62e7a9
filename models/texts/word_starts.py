"""This module finds the tokens of a vocabulary that begin a new word or end the text.

After the last token of a word, the text goes on with one of these tokens, or it ends. Their probability corrects the
probability of a word (Pimentel and Meister 2024, "How to compute the probability of a word"; Oh and Schuler 2024,
"Leading whitespaces of language models' subword vocabulary pose a confound for calculating word probabilities").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.texts.token_spans import TokenSpeller


def find_word_starts(tokenizer: PreTrainedTokenizerBase) -> npt.NDArray[np.int32]:
    """Return the sorted ids of the tokens that begin with white space, and of the tokenizer's special tokens.

    Words are separated by white space. The white space before a word belongs to the word, so a token that begins with
    white space begins a new word. Special tokens, such as the end of the text, never continue a word. The token for
    unknown text may do so, and does not count.

    Raises BadInputError if no token begins with white space, because then the tokens do not show where words begin.
    """
    speller = TokenSpeller(tokenizer)
    ids = {int(token_id) for token_id in tokenizer.get_vocab().values()}
    special = {int(token_id) for token_id in tokenizer.all_special_ids}
    if tokenizer.unk_token_id not in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        special.discard(tokenizer.unk_token_id)
    starts = {token_id for token_id in ids - special if speller.spell(token_id).decode(errors="replace")[:1].isspace()}
    if not starts:
        raise BadInputError(
            f"no token of this {type(tokenizer).__name__} begins with white space, so that the tokens do not show where"
            " words begin",
            "score without --next-word-log-prob",
        )
    return np.asarray(sorted(starts | special), np.int32)
