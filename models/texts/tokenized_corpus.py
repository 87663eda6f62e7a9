"""This module defines the input of scoring: the token ids of a corpus under one tokenizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trailhouse.errors import BadInputError


@dataclass(frozen=True)
class TokenizedCorpus:
    """The token ids of every document, in order, without special tokens."""

    corpus_id: str
    tokenizer_id: str
    token_ids: tuple[npt.NDArray[np.int32], ...]

    @property
    def token_count(self) -> int:
        """The number of tokens of all documents."""
        return sum(len(tokens) for tokens in self.token_ids)

    @property
    def position_count(self) -> int:
        """The number of scored positions. The first position of a document is not scored."""
        return sum(max(0, len(tokens) - 1) for tokens in self.token_ids)

    @property
    def largest_token_id(self) -> int:
        """The largest token id; -1 if there are no tokens."""
        return max((int(tokens.max()) for tokens in self.token_ids if len(tokens)), default=-1)


def refuse_large_token_ids(corpus: TokenizedCorpus, vocabulary_size: int) -> None:
    """Raise BadInputError if the corpus holds a token id outside a model's vocabulary."""
    if corpus.largest_token_id >= vocabulary_size:
        raise BadInputError(
            f"corpus {corpus.corpus_id!r} holds token id {corpus.largest_token_id} under tokenizer "
            f"{corpus.tokenizer_id}, and the model has {vocabulary_size} tokens",
            "use the tokenizer the model was trained with",
        )
