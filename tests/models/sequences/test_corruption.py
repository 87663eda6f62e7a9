"""Corruption changes tokens with the asked probability, reproducibly, and what is scored are exactly those tokens."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from scipy import stats

from trailhouse.errors import BadInputError
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.sequences.corruption import (
    CORRUPTION_KINDS,
    Corruption,
    corrupt_corpus,
    corrupt_tokens,
    list_ordinary_token_ids,
    list_variants,
)
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.tokenizer import token_table, tokenize_corpus

TEXT = "The naïve cat sat on the mat in 東京, and the cat's own mat was there too. " * 12
TOKENIZER = train_tokenizer([TEXT])
CORPUS = Corpus("c", "", "", (Document("one", TEXT), Document("two", TEXT[5:])))
FIXED_TOKENS = [1, 1, 1, 1, 249, 813]
VOCABULARY = list_ordinary_token_ids(TOKENIZER)


def corrupt(kind: str, rate: float, **options: object) -> Corpus:
    """Return the corpus after a corruption."""
    (corrupted,) = corrupt_corpus(TOKENIZER, CORPUS, [Corruption(kind, rate, **options)])
    return corrupted


def test_twenty_percent_of_the_tokens_change_binomially() -> None:
    count, rate = 400, 0.2
    counts = [
        corrupt_tokens([0] * count, Corruption("replace", rate), VOCABULARY, random.Random(str(seed)))[1]
        for seed in range(400)
    ]
    expected = stats.binom(count, rate)
    edges = expected.ppf(np.linspace(0, 1, 9)[1:-1])
    observed = np.bincount(np.searchsorted(edges, counts, side="left"), minlength=8)
    bounds = np.concatenate([[-1], edges, [count]])
    share = np.diff(expected.cdf(bounds))
    assert stats.chisquare(observed, share * len(counts)).pvalue > 0.001
    # A random token equals the token that it replaces in one of |V| cases.
    replaced, _ = corrupt_tokens(range(400), Corruption("replace", 1.0), [*range(400)], random.Random("0"))
    assert 390 <= sum(a != b for a, b in zip(replaced, range(400), strict=True)) <= 400


def test_random_tokens_are_uniform_over_the_vocabulary_without_special_tokens() -> None:
    drawn, _ = corrupt_tokens([0] * 20_000, Corruption("replace", 1.0), VOCABULARY[:50], random.Random("1"))
    assert set(drawn) == set(VOCABULARY[:50])
    counts = np.bincount(drawn, minlength=max(VOCABULARY[:50]) + 1)[VOCABULARY[:50]]
    assert stats.chisquare(counts).pvalue > 0.001
    assert not set(TOKENIZER.all_special_ids) & set(VOCABULARY)
    assert len(VOCABULARY) == len(TOKENIZER) - len(set(TOKENIZER.all_special_ids))


def test_every_kind_does_to_the_tokens_what_it_says() -> None:
    ids = [10, 11, 12, 13]
    results = {
        kind: corrupt_tokens(ids, Corruption(kind, 1.0), [7], random.Random("0"))[0] for kind in CORRUPTION_KINDS
    }
    assert results == {
        "replace": [7, 7, 7, 7],
        "delete": [],
        "insert": [10, 7, 11, 7, 12, 7, 13, 7],
        "repeat": [10, 10, 11, 11, 12, 12, 13, 13],
    }
    spans = corrupt_tokens(ids, Corruption("repeat", 1.0, unit="span"), [7], random.Random("0"))[0]
    assert spans == [10, 11, 12, 10, 11, 12, 13, 13]


def test_spans_are_corrupted_whole() -> None:
    ids = list(range(100, 400))
    corrupted, changed = corrupt_tokens(ids, Corruption("replace", 0.3, unit="span"), [7], random.Random("3"))
    groups = [set(corrupted[start : start + 3]) for start in range(0, 300, 3)]
    assert all(group == {7} or 7 not in group for group in groups)
    assert changed == corrupted.count(7)
    assert 0 < changed < 300


def test_a_higher_rate_corrupts_what_a_lower_rate_corrupts_with_the_same_tokens() -> None:
    low, high = corrupt("replace", 0.2).documents[0], corrupt("replace", 0.6).documents[0]
    source = tokenize_corpus(TOKENIZER, CORPUS).token_ids[0][:100].tolist()
    changed = [index for index, pair in enumerate(zip(low.token_ids, source, strict=True)) if pair[0] != pair[1]]
    assert changed
    assert all(low.token_ids[index] == high.token_ids[index] for index in changed)


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    first, again, other = (corrupt("replace", 0.4, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert [d.token_ids for d in first.documents] != [d.token_ids for d in other.documents]
    # Written down once: a change of these tokens would change every corrupted corpus.
    fixed, _ = corrupt_tokens([1] * 6, Corruption("replace", 0.5), [*range(1000)], random.Random("0 replace token x"))
    assert fixed == FIXED_TOKENS


def test_a_corrupted_document_is_scored_on_exactly_its_tokens() -> None:
    corpus = corrupt("replace", 1.0)
    tokenized = tokenize_corpus(TOKENIZER, corpus)
    for document, ids in zip(corpus.documents, tokenized.token_ids, strict=True):
        assert tuple(ids.tolist()) == document.token_ids
        assert len(document.token_ids) == 100
    retokenized = tokenize_corpus(
        TOKENIZER, Corpus("plain", "", "", tuple(Document("a", d.text) for d in corpus.documents))
    )
    assert any(tuple(a.tolist()) != d.token_ids for a, d in zip(retokenized.token_ids, corpus.documents, strict=True))
    table = token_table(TOKENIZER, corpus, tokenized)
    assert table.num_rows == 200
    one = table.slice(0, 100)
    assert one["byte_start"].to_pylist()[0] == 0
    assert one["byte_end"].to_pylist()[-1] == len(corpus.documents[0].text.encode())


def test_another_tokenizer_reads_the_text() -> None:
    other = train_tokenizer([TEXT[:80]], 300)
    corpus = corrupt("repeat", 0.5)
    tokenized = tokenize_corpus(other, corpus)
    assert "".join(other.convert_ids_to_tokens(tokenized.token_ids[0].tolist()))
    plain = Corpus("plain", "", "", tuple(Document("a", document.text) for document in corpus.documents))
    assert all(
        (a == b).all() for a, b in zip(tokenized.token_ids, tokenize_corpus(other, plain).token_ids, strict=True)
    )


def test_tokens_that_do_not_spell_the_text_are_refused() -> None:
    good = corrupt("replace", 0.4).documents[0]
    bad = Document("bad", good.text + "x", "corrupted", token_ids=good.token_ids, tokenizer_id=good.tokenizer_id)
    with pytest.raises(BadInputError, match="'bad': its 100 exact tokens do not spell its text"):
        tokenize_corpus(TOKENIZER, Corpus("c", "", "", (bad,)))


def test_the_provenance_says_how_the_text_came_about() -> None:
    document = corrupt("insert", 0.2, seed=3, token_cap=50).documents[1]
    provenance = json.loads(document.provenance)
    assert provenance.pop("changed_token_count") == len(document.token_ids) - 50
    assert provenance == {
        "source_corpus_id": "c",
        "source_document_id": 1,
        "source_document_name": "two",
        "corruption_kind": "insert",
        "corruption_rate": 0.2,
        "corruption_unit": "token",
        "seed": 3,
        "token_cap": 50,
        "source_token_count": 50,
        "vocabulary_size": len(VOCABULARY),
    }
    assert document.kind == "corrupted"


def test_variants_have_one_name_each_and_begin_with_the_unchanged_documents() -> None:
    variants = list_variants(["replace", "delete"], [0.2, 0.4, 0.2], "span", 2, 50)
    assert [variant.name_corpus("c") for variant in variants] == [
        "c-intact-cap50",
        "c-replace-20-span-seed2-cap50",
        "c-replace-40-span-seed2-cap50",
        "c-delete-20-span-seed2-cap50",
        "c-delete-40-span-seed2-cap50",
    ]
    intact = corrupt("none", 0.0)
    source = tokenize_corpus(TOKENIZER, CORPUS).token_ids
    assert [document.token_ids for document in intact.documents] == [tuple(ids[:100].tolist()) for ids in source]


@pytest.mark.parametrize(
    ("kind", "rate", "cap", "message"),
    [
        ("replace", 0.0, 100, "rate 0 is not within"),
        ("replace", 1.5, 100, "rate 1.5 is not within"),
        ("repeat", float("nan"), 100, "rate nan is not within"),
        ("delete", 1.0, 100, "leaves no token"),
        ("shuffle", 0.5, 100, "unknown kind of corruption 'shuffle'"),
        ("insert", 0.5, 1, "a cap of 1 tokens"),
    ],
)
def test_a_corruption_that_makes_no_sense_is_refused(kind: str, rate: float, cap: int, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        corrupt(kind, rate, token_cap=cap)
