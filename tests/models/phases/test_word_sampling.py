"""Which words in context are drawn from a corpus."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.phases.word_sampling import (
    SampleSettings,
    WordInContext,
    build_sampled_corpus,
    divide,
    find_sentence_beginnings,
    sample_words,
)
from trailhouse.models.texts.corpus import Corpus, Document

STORY = (
    "The cat sat on the mat. Then it slept for hours and dreamt of fish! Why, nobody knew (it never said.) Well then"
)


def make_corpus(*texts: str) -> Corpus:
    return Corpus("source", "", "", tuple(Document(f"d{index}", text) for index, text in enumerate(texts)))


def draw_all(corpus: Corpus, max_context_words: int = 50) -> list[WordInContext]:
    """Return all words that can be drawn, in the order of the text."""
    with pytest.raises(BadInputError) as raised:
        sample_words(corpus, SampleSettings(10**6, max_context_words=max_context_words))
    count = int(re.search(r"has only (\d+) words", raised.value.message).group(1))
    words = sample_words(corpus, SampleSettings(count, max_context_words=max_context_words)).words
    return sorted(words, key=lambda word: (word.source_document_id, word.source_word_index))


def test_a_sentence_begins_after_a_full_stop_even_before_closing_marks():
    words = STORY.split()
    assert [words[index] for index in find_sentence_beginnings(words)] == ["The", "Then", "Why,", "Well"]
    assert find_sentence_beginnings([]) == []
    assert find_sentence_beginnings(["a", "b."]) == [0]


def test_targets_are_words_of_letters_with_four_words_before_them():
    """Words with punctuation (mat. fish! Why, (it said.) are not drawn, nor are the first four words."""
    assert [word.target for word in draw_all(make_corpus(STORY))] == (
        ["the", "Then", "it", "slept", "for", "hours", "and", "dreamt", "of", "nobody", "knew", "never", "Well", "then"]
    )


def test_a_context_goes_back_to_the_furthest_beginning_of_a_sentence_that_is_near_enough():
    contexts = {word.target: " ".join(word.context) for word in draw_all(make_corpus(STORY), max_context_words=8)}
    assert contexts["the"] == "The cat sat on"
    assert contexts["slept"] == "The cat sat on the mat. Then it"
    assert contexts["hours"] == "Then it slept for"
    assert contexts["of"] == "Then it slept for hours and dreamt"
    assert "nobody" not in contexts


def test_the_words_that_cannot_be_drawn_are_counted_by_reason():
    long = "a b c d e f g h i j. k l m n o"
    sample = sample_words(make_corpus(long, "one two"), SampleSettings(1, max_context_words=5))
    counts = dataclasses.asdict(sample.counts)
    # e and f have a to d, or a to e, before them. g, h and i have no beginning within five words, k to n too few words
    # after it, and o has k to n before it. Of the second document, both words come too early.
    assert counts == {
        "word_count": 17,
        "early_count": 4 + 4 + 2,
        "not_alphabetic_count": 1,
        "long_context_count": 3,
        "candidate_count": 3,
        "repeated_count": 0,
        "in_training_count": None,
    }


def test_the_text_is_the_context_and_the_target_and_only_the_target_counts():
    word = WordInContext(("é", "b", "c", "d"), "naïve", "source", 3, 7)
    document = word.as_document("name", "validation")
    assert document.text == "é b c d naïve"
    assert document.text.encode()[document.scored_from_byte :] == " naïve".encode()
    assert (document.kind, document.scored_from_position, document.token_ids) == ("word-in-context", 0, ())
    assert json.loads(document.provenance) == {
        "split": "validation",
        "target": "naïve",
        "target_word_index": 4,
        "source_corpus_id": "source",
        "source_document_id": 3,
        "source_word_index": 7,
    }


def test_the_same_seed_draws_the_same_words_and_another_seed_others():
    corpus = make_corpus(
        *(f"{STORY} {index}" for index in range(20)), " ".join(f"w{chr(97 + i % 26)}x" for i in range(99))
    )
    draws = [sample_words(corpus, SampleSettings(12, seed=seed)).words for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]
    more = sample_words(corpus, SampleSettings(20, seed=3)).words
    assert more[:12] == draws[0]


def test_repeated_words_are_drawn_once():
    sample = sample_words(make_corpus(*["a b c d e"] * 5, "f g h i j"), SampleSettings(2))
    assert {word.target for word in sample.words} == {"e", "j"}
    assert sample.counts.candidate_count == 6
    with pytest.raises(BadInputError, match=r"has only 2 words .* 4 drawn words were repeated"):
        sample_words(make_corpus(*["a b c d e"] * 5, "f g h i j"), SampleSettings(3))


def test_words_of_training_texts_are_not_drawn_and_counted_until_enough_are_found():
    texts = [f"{name} b c d e" for name in "abcdefghijklmnopqrst"]
    asked: list[int] = []

    def find_known(sequences):
        asked.append(len(sequences))
        return {words for words in sequences if words[0] in "abcdefghij"}

    sample = sample_words(make_corpus(*texts), SampleSettings(5, seed=1), find_known)
    assert all(word.context[0] in "klmnopqrst" for word in sample.words)
    assert asked == [5, 10, 5][: len(asked)]
    whole = sample_words(make_corpus(*texts), SampleSettings(20, seed=1)).words
    firsts = [word.context[0] for word in whole]
    last = firsts.index(sample.words[-1].context[0])
    assert [word.context[0] for word in sample.words] == [first for first in firsts if first in "klmnopqrst"][:5]
    assert sample.counts.in_training_count == sum(first in "abcdefghij" for first in firsts[:last])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"count": 0}, "0 words"),
        ({"max_context_words": 3}, "at most 3 words"),
        ({"shares": (80, 10, 9)}, "80/10/9"),
        ({"shares": (120, -10, -10)}, "120/-10/-10"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, problem):
    with pytest.raises(UsageError, match=problem):
        SampleSettings(**{"count": 1, **changes})


@given(st.integers(0, 300), st.integers(0, 100), st.data())
def test_the_splits_have_their_shares_up_to_one_word(count, first, data):
    second = data.draw(st.integers(0, 100 - first))
    shares = (first, second, 100 - first - second)
    splits = divide(count, shares)
    assert len(splits) == count
    for split, share in zip(("train", "validation", "test"), shares, strict=True):
        assert abs(splits.count(split) - count * share / 100) < 1
    assert splits == sorted(splits, key=("train", "validation", "test").index)


def count_directly(words: list[str], max_context_words: int) -> int:
    """Return how many words of letters have a beginning of a sentence four to ``max_context_words`` words before."""
    begins = [
        index == 0 or words[index - 1].rstrip("\"'»)]}\u201d\u2019")[-1:] in (".", "!", "?")
        for index in range(len(words))
    ]
    return sum(
        word.isalpha() and any(begins[max(0, index - max_context_words) : max(0, index - 3)])
        for index, word in enumerate(words)
    )


TEXT = st.text(st.sampled_from(list("abé \n\t.!,1\u3000\x1c")), min_size=1, max_size=120).filter(str.strip)


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(4, 9), st.integers(0, 5))
def test_every_drawn_word_stands_in_its_document_after_a_context_of_the_right_length(texts, max_context_words, seed):
    corpus = make_corpus(*texts)
    expected = sum(count_directly(text.split(), max_context_words) for text in texts)
    if expected == 0:
        with pytest.raises(BadInputError, match="has only 0 words"):
            sample_words(corpus, SampleSettings(1, seed, max_context_words))
        return
    sample = sample_words(corpus, SampleSettings(1, seed, max_context_words))
    counts = sample.counts
    assert counts.candidate_count == expected
    reasons = counts.early_count + counts.not_alphabetic_count + counts.long_context_count + counts.candidate_count
    assert reasons == counts.word_count == sum(len(text.split()) for text in texts)
    built = build_sampled_corpus("new", corpus, sample.words, SampleSettings(1, seed, max_context_words))
    for word, document in zip(sample.words, built.documents, strict=True):
        source = texts[word.source_document_id].split()
        start = word.source_word_index - len(word.context)
        assert source[start : word.source_word_index + 1] == list(word.words)
        assert 4 <= len(word.context) <= max_context_words
        assert word.target.isalpha()
        assert start == 0 or source[start - 1].rstrip("\"'»)]}\u201d\u2019")[-1] in ".!?"
        assert document.text.split() == list(word.words)
        assert document.text.encode()[document.scored_from_byte :].decode() == f" {word.target}"
