"""Counts of a tokenized corpus, and token ids outside a vocabulary."""

from __future__ import annotations

import numpy as np
import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.texts.tokenized_corpus import (
    TokenizedCorpus,
    describe_unknown_text,
    refuse_large_beginning,
    refuse_large_token_ids,
    refuse_unscored_corpus,
)


def make(*documents: list[int]) -> TokenizedCorpus:
    return TokenizedCorpus("c", "t", tuple(np.asarray(tokens, np.int32) for tokens in documents))


def test_every_token_but_the_first_of_a_document_is_scored():
    corpus = make([5, 6, 7], [], [8], [9, 1])
    assert (corpus.token_count, corpus.position_count, corpus.largest_token_id) == (6, 3, 9)
    assert (corpus.count_scored(has_beginning=True), corpus.count_scored(has_beginning=False)) == (6, 3)
    assert (make([]).token_count, make([]).position_count, make([]).largest_token_id) == (0, 0, -1)


def test_the_largest_token_id_must_be_below_the_size_of_the_vocabulary():
    refuse_large_token_ids(make([3, 9], [1]), 10)
    with pytest.raises(BadInputError, match="holds token id 9 under tokenizer t, and the model has 9 tokens"):
        refuse_large_token_ids(make([3, 9], [1]), 9)


def test_the_beginning_of_a_text_is_in_the_vocabulary():
    refuse_large_beginning([], 0)
    refuse_large_beginning([3, 9], 10)
    with pytest.raises(BadInputError, match="a text begins with token id 9, and the model has 9 tokens"):
        refuse_large_beginning([9, 3], 9)


@pytest.mark.parametrize(("counts", "is_noted"), [((), False), ((0, 1), False), ((1, 1, 0), True)])
def test_more_than_a_thousandth_of_unknown_bytes_is_noted(counts, is_noted):
    corpus = TokenizedCorpus("c", "t", make([1], [2], [3]).token_ids, counts)
    note = describe_unknown_text(corpus, 1_000)
    assert (note is not None) is is_noted
    if note is not None:
        assert note.startswith("corpus 'c': 2 of 1000 bytes (0.2%) in 2 of 3 documents are unknown to tokenizer t;")


def test_a_corpus_without_a_second_token_anywhere_has_nothing_to_score():
    refuse_unscored_corpus(make([3], [1, 2]), has_beginning=False)
    for corpus in (make([3], [1]), make([3], []), make()):
        with pytest.raises(BadInputError, match=rf"none of its {len(corpus.token_ids)} documents has more than one"):
            refuse_unscored_corpus(corpus, has_beginning=False)


def test_after_a_beginning_one_token_is_enough_and_a_corpus_without_tokens_has_nothing_to_score():
    """Some tokenizers drop white space, so that a document of white space has no tokens."""
    refuse_unscored_corpus(make([3], []), has_beginning=True)
    for corpus in (make([], []), make()):
        with pytest.raises(BadInputError, match=rf"none of its {len(corpus.token_ids)} documents has a token under"):
            refuse_unscored_corpus(corpus, has_beginning=True)
