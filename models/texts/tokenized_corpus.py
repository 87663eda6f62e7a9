"""This module defines the input of scoring: the token ids of a corpus under one tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trailhouse.errors import BadInputError

# If more than this share of a corpus's bytes is unknown to the tokenizer, the user is warned
NOTED_UNKNOWN_SHARE = 0.001


@dataclass(frozen=True)
class TokenizedCorpus:
    """The token ids of every document, in order, without special tokens."""

    corpus_id: str
    tokenizer_id: str
    token_ids: tuple[npt.NDArray[np.int32], ...]
    unknown_byte_counts: tuple[int, ...] = ()
    """For every document, the number of its bytes that the tokenizer replaced by its token for unknown text."""
    word_start_ids: npt.NDArray[np.int32] | None = None
    """The tokens of the vocabulary that begin a new word or end the text, see ``find_word_starts``; None if unused."""

    @property
    def token_count(self) -> int:
        """The number of tokens of all documents."""
        return sum(len(tokens) for tokens in self.token_ids)

    @property
    def position_count(self) -> int:
        """The number of scored positions if there is no beginning of a text, so that first tokens are not scored."""
        return sum(max(0, len(tokens) - 1) for tokens in self.token_ids)

    def count_scored(self, *, has_beginning: bool) -> int:
        """Return the number of scored positions. ``has_beginning`` is True if tokens stand before every text."""
        return self.token_count if has_beginning else self.position_count

    @property
    def largest_token_id(self) -> int:
        """The largest token id; -1 if there are no tokens."""
        return max((int(tokens.max()) for tokens in self.token_ids if len(tokens)), default=-1)


def describe_unknown_text(corpus: TokenizedCorpus, byte_count: int) -> str | None:
    """Return a warning if more than 0.1% of a corpus's bytes are unknown to the tokenizer, otherwise None.

    ``byte_count`` is the number of bytes of the corpus. A token for unknown text has one score, whatever text it
    replaced, so the scores of such a corpus are too high.
    """
    unknown_byte_count = sum(corpus.unknown_byte_counts)
    if unknown_byte_count <= NOTED_UNKNOWN_SHARE * byte_count:
        return None
    document_count = sum(count > 0 for count in corpus.unknown_byte_counts)
    return (
        f"corpus {corpus.corpus_id!r}: {unknown_byte_count} of {byte_count} bytes"
        f" ({unknown_byte_count / byte_count:.1%}) in {document_count} of {len(corpus.token_ids)} documents are unknown"
        f" to tokenizer {corpus.tokenizer_id}; they are scored as its token for unknown text"
    )


def refuse_unscored_corpus(corpus: TokenizedCorpus, *, has_beginning: bool) -> None:
    """Raise BadInputError if no position of a corpus is scored, because its documents have too few tokens.

    ``has_beginning`` is True if the beginning of a text has tokens. Then the first token of a document is scored, too.
    """
    if corpus.count_scored(has_beginning=has_beginning) > 0:
        return
    of_documents = f"corpus {corpus.corpus_id!r}: none of its {len(corpus.token_ids)} documents has"
    if has_beginning:
        raise BadInputError(f"{of_documents} a token under tokenizer {corpus.tokenizer_id}", "add documents with text")
    raise BadInputError(
        f"{of_documents} more than one token under tokenizer {corpus.tokenizer_id}, and the first token of a document"
        " is not scored",
        "add documents of at least two tokens",
    )


def refuse_large_token_ids(corpus: TokenizedCorpus, vocabulary_size: int) -> None:
    """Raise BadInputError if the corpus holds a token id outside a model's vocabulary."""
    if corpus.largest_token_id >= vocabulary_size:
        raise BadInputError(
            f"corpus {corpus.corpus_id!r} holds token id {corpus.largest_token_id} under tokenizer "
            f"{corpus.tokenizer_id}, and the model has {vocabulary_size} tokens",
            "use the tokenizer the model was trained with",
        )


def refuse_large_beginning(token_ids: Sequence[int], vocabulary_size: int) -> None:
    """Raise BadInputError if the beginning of a text holds a token id outside a model's vocabulary."""
    if max(token_ids, default=-1) >= vocabulary_size:
        raise BadInputError(
            f"a text begins with token id {max(token_ids)}, and the model has {vocabulary_size} tokens",
            "use the tokenizer the model was trained with, or write text_beginning: none in the suite",
        )
