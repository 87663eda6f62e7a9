"""The answers to the questions of `trailhouse ask` about tokens and trends, compared with plain Python."""

import math
from collections import Counter

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.multitest import multipletests

from tests.support.reference_trends import BATCH_TOKENS, categorise, find_start, fit_windows
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

STEPS = [0, 100, 200, 400, 800, 1200, 1600, 2000]
MODELS = {"s/small": 10, "s/large": 1000}
CONVENTIONS = ("paper", "paper_index", "log_step", "ours")
CATEGORIES = ("downward", "other", "stagnated", "upward")
START = 10
DOCUMENT_COUNT, LENGTH = 4, 120
WORDS = {" cat": "content word", " the": "function word", ".": "punctuation"}


@pytest.fixture(scope="module")
def losses() -> dict[str, np.ndarray]:
    """By model: the loss of every token as float32. The axes are documents, positions from 1 on, and checkpoints."""
    random = np.random.default_rng(5)
    time = np.arange(len(STEPS))
    made = {}
    for model_id in MODELS:
        level = random.uniform(0.2, 5, (DOCUMENT_COUNT, LENGTH - 1, 1))
        kind = random.integers(0, 4, level.shape)
        shapes = np.select(
            [kind == 0, kind == 1, kind == 2], [level * np.exp(-time / 3), level + 0.2 * time, level + np.sin(2 * time)]
        )
        noisy = np.where(kind == 3, level, shapes + random.normal(0, 0.05, shapes.shape))
        made[model_id] = np.float32(np.abs(noisy) + 0.01).astype(float)
    return made


@pytest.fixture(scope="module")
def texts() -> np.ndarray:
    """Text of every token; the axes are documents and positions. Each is a whole word or a full stop."""
    return np.random.default_rng(6).choice(list(WORDS), (DOCUMENT_COUNT, LENGTH))


@pytest.fixture(scope="module")
def trends(losses) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """By convention and model: category and slope of every token, computed with scipy and statsmodels.

    The axes of both arrays are documents and positions from 1 on.
    """
    found = {}
    for convention in CONVENTIONS:
        first = find_start(convention, np.array(STEPS), START, STEPS[-1])
        for model_id, values in losses.items():
            fits = fit_windows(convention, tuple(STEPS[first:]), -values.reshape(-1, len(STEPS))[:, first:])
            decisive = [fit.p_value for fit in fits]
            if convention == "ours":
                decisive = multipletests(decisive, method="fdr_bh")[1]
            names = [categorise(convention, fit, p) for fit, p in zip(fits, decisive, strict=True)]
            shape = values.shape[:2]
            found[convention, model_id] = (
                np.reshape(names, shape),
                np.reshape([fit.slope for fit in fits], shape),
            )
    assert {len(set(names.flat)) for names, _ in found.values()} == {len(CATEGORIES)}
    return found


@pytest.fixture(scope="module")
def ask(warehouse, losses, texts):
    """A function that asks a packaged question about a suite of two models."""
    warehouse.insert("raw_corpus", corpus_id="books", document_count=DOCUMENT_COUNT)
    rows = []
    for document_id in range(DOCUMENT_COUNT):
        warehouse.insert("raw_document", corpus_id="books", document_id=document_id, kind="human")
        for position, text in enumerate(texts[document_id].tolist()):
            token_id = list(WORDS).index(text)
            rows.append(["tok", "books", document_id, position, token_id, text, text.startswith(" ")])
    columns = ["tokenizer_id", "corpus_id", "document_id", "position", "token_id", "token_text", "is_word_initial"]
    warehouse.client.insert("raw_token", rows, column_names=columns)
    for model_id, parameter_count in MODELS.items():
        warehouse.add_model(
            model_id, STEPS, planned_steps=STEPS[-1], parameter_count=parameter_count, batch_tokens=BATCH_TOKENS
        )
        series = {
            (document_id, position + 1): dict(zip(STEPS, -loss, strict=True))
            for (document_id, position), loss in zip(
                np.ndindex(losses[model_id].shape[:2]), losses[model_id].reshape(-1, len(STEPS)), strict=True
            )
        }
        warehouse.score(model_id, "books", series)
    wanted = (
        "fct_comparable_validation_perplexity",
        "int_token_trend_by_start",
        "fct_trend_share_by_token_property",
        "int_trend_agreement",
        "fct_token_set_overlap",
        "fct_passage_series",
        "fct_trend_sensitivity",
        "dim_token",
        "dim_token_context",
        "dim_document",
        "dim_suite",
        "fct_trend_caveat",
    )
    warehouse.build(*(f"+{name}" for name in wanted))

    def answer(name: str, **values: object) -> list[dict]:
        question = read_questions(packaged_questions())[name]
        given = {"suite_id": "s", "corpus_id": "books"} | {key: str(value) for key, value in values.items()}
        return ask_question(warehouse.client, question, given).to_pylist()

    return answer


def test_the_compute_to_reach_a_perplexity_is_that_of_the_first_checkpoint_at_or_below_it(ask, losses):
    validation = {model_id: np.exp(values.mean(axis=(0, 1))) for model_id, values in losses.items()}
    wanted = max(values.min() for values in validation.values())
    rows = ask("compute_to_reach_perplexity")
    assert [row["model_id"] for row in rows] == list(MODELS)
    for row in rows:
        index = int(np.flatnonzero(validation[row["model_id"]] <= wanted * (1 + 1e-12))[0])
        assert row["perplexity_to_reach"] == pytest.approx(wanted, rel=1e-9)
        assert row["perplexity_reached"] == pytest.approx(validation[row["model_id"]][index], rel=1e-9)
        assert (row["first_step"], row["first_tokens_seen"]) == (STEPS[index], STEPS[index] * BATCH_TOKENS)
        assert row["first_train_flops_palm"] == 6 * MODELS[row["model_id"]] * STEPS[index] * BATCH_TOKENS


def test_documents_are_ordered_by_the_share_of_tokens_that_are_forgotten(ask, trends):
    names, _ = trends["paper", "s/large"]
    shares = {category: 100 * (names == category).mean(axis=1) for category in CATEGORIES}
    order = sorted(range(DOCUMENT_COUNT), key=lambda document_id: (-shares["upward"][document_id], document_id))
    rows = ask("documents_by_trend")
    assert [row["document_id"] for row in rows] == order
    for row in rows:
        assert row["token_count"] == LENGTH - 1
        for category in ("upward", "downward", "stagnated"):
            assert row[f"{category}_percent"] == pytest.approx(shares[category][row["document_id"]])


def test_odds_of_word_classes_are_those_of_their_contingency_tables(ask, trends, texts):
    classes = np.vectorize(WORDS.__getitem__)(texts[:, 1:])
    rows = [row for row in ask("kinds_of_tokens_by_odds") if row["property"] == "word class"]
    expected = {}
    for model_id in MODELS:
        is_upward = trends["paper", model_id][0] == "upward"
        for word_class in WORDS.values():
            has_class = classes == word_class
            cells = [[(has_class == a)[is_upward == b].sum() for b in (True, False)] for a in (True, False)]
            expected[model_id, word_class] = Table2x2(np.array(cells))
    assert {(row["model_id"], row["property_value"]) for row in rows} == set(expected)
    for row in rows:
        table = expected[row["model_id"], row["property_value"]]
        assert row["property_token_count"] == table.table[0].sum()
        assert row["token_percent"] == pytest.approx(100 * table.table[0, 0] / table.table[0].sum())
        assert row["odds_ratio"] == pytest.approx(table.oddsratio)
    for model_id in MODELS:
        odds = [row["odds_ratio"] for row in rows if row["model_id"] == model_id]
        assert odds == sorted(odds, reverse=True)


def test_agreement_counts_the_tokens_by_their_trends_under_both_models(ask, trends):
    pairs = zip(trends["paper", "s/large"][0].flat, trends["paper", "s/small"][0].flat, strict=True)
    expected = Counter((str(first), str(second)) for first, second in pairs)
    rows = ask("models_agreeing_on_trends")
    assert {(row["first_model_id"], row["second_model_id"]) for row in rows} == {("s/large", "s/small")}
    assert {(row["first_category"], row["second_category"]): row["token_count"] for row in rows} == expected
    assert sum(row["token_percent"] for row in rows) == pytest.approx(100)


def test_a_larger_models_set_contains_of_a_smaller_ones_what_both_hold(ask, trends):
    small, large = (trends["paper", model_id][0] == "stagnated" for model_id in MODELS)
    (row,) = ask("supersets_of_token_sets")
    shared = int((small & large).sum())
    assert (row["smaller_model_id"], row["larger_model_id"]) == tuple(MODELS)
    assert (row["smaller_token_count"], row["larger_token_count"]) == (small.sum(), large.sum())
    assert row["shared_token_count"] == shared
    assert row["jaccard_ratio"] == pytest.approx(shared / (small | large).sum())
    assert row["contained_percent"] == pytest.approx(100 * shared / small.sum())
    assert row["expected_percent"] == pytest.approx(100 * large.mean())


def test_perplexity_by_property_is_that_of_the_last_checkpoint(ask, losses, texts):
    classes = np.vectorize(WORDS.__getitem__)(texts[:, 1:])
    rows = ask("perplexity_by_token_property")
    assert {(row["property_value"], row["model_id"]) for row in rows} == {
        (word_class, model_id) for word_class in WORDS.values() for model_id in MODELS
    }
    for row in rows:
        chosen = losses[row["model_id"]][..., -1][classes == row["property_value"]]
        assert row["token_count"] == len(chosen)
        assert row["perplexity"] == pytest.approx(math.exp(chosen.mean()), rel=1e-6)


def test_the_history_of_a_token_is_its_perplexity_under_every_checkpoint(ask, losses):
    rows = ask("token_history", document_id=2, position=7)
    assert [(row["model_id"], row["step"]) for row in rows] == [(name, step) for name in MODELS for step in STEPS]
    expected = np.exp(np.concatenate([losses[model_id][2, 6] for model_id in MODELS]))
    np.testing.assert_allclose([row["perplexity"] for row in rows], expected, rtol=1e-6)


def test_models_disagree_on_tokens_that_one_forgets_and_the_other_learns(ask, trends):
    (small, small_slopes), (large, large_slopes) = (trends["paper", model_id] for model_id in MODELS)
    is_opposed = ((small == "upward") & (large == "downward")) | ((small == "downward") & (large == "upward"))
    expected = {
        (int(document_id), int(place) + 1): (
            small[document_id, place],
            large[document_id, place],
            abs(small_slopes[document_id, place] - large_slopes[document_id, place]),
        )
        for document_id, place in np.argwhere(is_opposed)
    }
    assert len(expected) > 10
    rows = ask("tokens_where_models_disagree", limit=1000)
    assert {(row["document_id"], row["position"]) for row in rows} == set(expected)
    for row in rows:
        first, second, difference = expected[row["document_id"], row["position"]]
        assert (row["small_category"], row["large_category"]) == (first, second)
        assert row["slope_difference"] == pytest.approx(difference, rel=1e-5)
    differences = [row["slope_difference"] for row in rows]
    assert differences == sorted(differences, reverse=True)


def test_shares_stand_under_every_convention_beside_the_default(ask, trends):
    rows = ask("trends_by_convention")
    share = {key: Counter(names.flat) for key, (names, _) in trends.items()}
    assert {(row["model_id"], row["category"], row["convention_id"]) for row in rows} >= {
        (model_id, category, convention) for model_id in MODELS for category in CATEGORIES for convention in CONVENTIONS
    }
    count = DOCUMENT_COUNT * (LENGTH - 1)
    for row in rows:
        if row["convention_id"] not in CONVENTIONS:  # test_trends_and_chance counts those of single choices
            continue
        own = share[row["convention_id"], row["model_id"]][row["category"]]
        usual = share["paper", row["model_id"]][row["category"]]
        assert row["token_percent"] == pytest.approx(100 * own / count)
        assert row["default_token_percent"] == pytest.approx(100 * usual / count)
        assert row["token_share_ratio"] == pytest.approx(own / usual)
