"""Scores of the warehouse against n-gram models by their definitions."""

import json
import math
from itertools import product

import pytest

from tests.support.counted_ngrams import count_texts, draw_texts, score_texts
from tests.support.message_listener import Listener
from tests.support.ngram_models import KneserNey, back_off
from tests.support.paths import ROOT
from trailhouse.errors import BadInputError
from trailhouse.support.progress import listening

# The scored texts have words that the training texts lack, and sequences of their words that they lack.
SCORED = [*draw_texts(100, 6, "abcdefghijkl"), ["a"], ["unknown"], ["b", "unknown", "a", "b", "c", "a", "b"]]


def list_units(texts):
    """Yield every (document, word, order) of the texts, with the words before it and the word."""
    for document, text in enumerate(texts):
        for (index, word), order in product(enumerate(text), range(1, 6)):
            yield (document, index, order), text[:index], word


@pytest.mark.parametrize("shard_count", [1, 3])
def test_stupid_backoff_is_that_of_the_definition(client, shard_count):
    texts = draw_texts(shard_count, 60)
    counts = count_texts(client, [texts[index::shard_count] for index in range(shard_count)])
    found = score_texts(client, counts, SCORED, "stupid_backoff")
    expected = {unit: back_off(texts, context, word, unit[2]) for unit, context, word in list_units(SCORED)}
    assert found.keys() == expected.keys()
    for unit, (log_score, matched_order) in expected.items():
        assert found[unit] == (pytest.approx(log_score, abs=1e-6), matched_order), unit


@pytest.mark.parametrize(("shard_count", "text_count"), [(1, 400), (3, 400), (1, 8)])
def test_kneser_ney_is_that_of_chen_and_goodman(client, shard_count, text_count):
    texts = draw_texts(shard_count + text_count, text_count)
    counts = count_texts(client, [texts[index::shard_count] for index in range(shard_count)])
    found = score_texts(client, counts, SCORED, "kneser_ney")
    models = {order: KneserNey(texts, order) for order in range(1, 6)}
    assert len(found) == 5 * sum(map(len, SCORED))
    for unit, context, word in list_units(SCORED):
        expected = math.log(models[unit[2]].predict(context, word))
        assert found[unit][0] == pytest.approx(expected, abs=2e-6), unit


def test_kneser_ney_is_that_of_kenlm(client):
    folder = ROOT / "tests" / "fixtures" / "kenlm"
    texts = [line.split() for line in (folder / "training.txt").read_text().splitlines()]
    held_out = [line.split() for line in (folder / "held_out.txt").read_text().splitlines()]
    scores = json.loads((folder / "log10_scores.json").read_text())
    found = score_texts(client, count_texts(client, [texts[:300], texts[300:]]), held_out, "kneser_ney")
    assert {matched for _, matched in found.values()} == {0, 1, 2, 3, 4, 5}
    for order in range(2, 6):
        for document, words in enumerate(scores[str(order)]):
            for index, (log10_prob, matched_order) in enumerate(words):
                expected = (pytest.approx(log10_prob * math.log(10), abs=1e-5), matched_order)
                assert found[document, index, order] == expected, (document, index, order)


def test_kneser_ney_probabilities_of_all_words_add_up_to_one(client):
    texts = draw_texts(11, 300)
    counts = count_texts(client, [texts])
    context = ["a", "b", "c", "d"]
    continued = [[*context, word] for word in [*"abcdefgh", "unknown"]]
    found = score_texts(client, counts, continued, "kneser_ney")
    for order in range(1, 6):
        total = sum(math.exp(found[document, 4, order][0]) for document in range(len(continued)))
        end = KneserNey(texts, order).predict(context, "</s>")
        assert total + end == pytest.approx(1, abs=1e-5)


def test_where_discounts_are_not_determined_the_user_is_told(client):
    counts = count_texts(client, [[["a", "b", "c"]]])
    listener = Listener()
    with listening(listener):
        score_texts(client, counts, [["a", "b"]], "kneser_ney")
    assert any("order 5 have no Kneser-Ney discounts" in message for message in listener.notes)


def test_kneser_ney_of_pruned_counts_is_refused(client):
    counts = count_texts(client, [draw_texts(12, 30)], least_pruned_order=2)
    with pytest.raises(BadInputError, match="Kneser-Ney smoothing is not defined"):
        score_texts(client, counts, SCORED, "kneser_ney")
    assert score_texts(client, counts, SCORED, "stupid_backoff")
