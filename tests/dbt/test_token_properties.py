"""Token properties, odds ratios, overlaps, double descent and random sets, compared with independent Python."""

import math
import uuid
from collections import Counter

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit
from statsmodels.stats.contingency_tables import Table2x2

from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

STEPS = [0, 100, 200, 400, 800, 1200, 1600, 2000]
MODELS = {"s/small": 10, "s/large": 100}
WORDS = ("The", " cat", " of", "ing", ".", "\n", " 42", "x1", " the", "fu", " tree", ",", "\ufffd")
DOCUMENTS = dict.fromkeys(range(12), 150)
OCCURRENCE_COUNTS = (1, 2, 9, 10, 99, 100, 999, 1000)  # on both sides of each frequency border; 2,220 tokens in all
POSITION_BORDERS = (0, 32, 128, 512, 2048)
FREQUENCY_BORDERS = (1, 2, 10, 100, 1000)


def make_texts(seed: int) -> dict[tuple[int, int], str]:
    random = np.random.default_rng(seed)
    return {
        (document_id, position): str(random.choice(WORDS))
        for document_id, length in DOCUMENTS.items()
        for position in range(length)
    }


def make_series(seed: int, tokens: list[tuple[int, int]]) -> dict[tuple[int, int], dict[int, float]]:
    """Series that fall, rise, oscillate or stay constant; the first position of a document has no score."""
    random = np.random.default_rng(seed)
    series = {}
    for document_id, position in tokens:
        if position == 0:
            continue
        level, kind = random.uniform(0.2, 6), random.integers(4)
        time = np.arange(len(STEPS))
        shapes = (level * np.exp(-time / 3), level + 0.2 * time, level + np.sin(2 * time), np.full(len(STEPS), level))
        noise = 0 if kind == 3 else random.normal(0, 0.1, len(STEPS))
        values = np.float32(-np.abs(shapes[kind] + noise) - 0.01)
        series[document_id, position] = dict(zip(STEPS, map(float, values), strict=True))
    return series


@pytest.fixture(scope="module")
def texts():
    return make_texts(0)


@pytest.fixture(scope="module")
def series(texts):
    return {model_id: make_series(seed, list(texts)) for seed, model_id in enumerate(MODELS)}


@pytest.fixture(scope="module")
def built(warehouse, texts, series):
    """Two models with the same tokenizer, scored on a corpus with texts, and a second corpus without scores."""
    warehouse.insert("raw_corpus", corpus_id="books", document_count=len(DOCUMENTS))
    for document_id in DOCUMENTS:
        warehouse.insert("raw_document", corpus_id="books", document_id=document_id, kind="human")
    rows = []
    for (document_id, position), text in texts.items():
        previous = texts.get((document_id, position - 1), "\n")
        is_initial = bool(text.strip()) and (text[0].isspace() or previous[-1].isspace())
        rows.append(["tok", "books", document_id, position, WORDS.index(text), text, is_initial])
    columns = ["tokenizer_id", "corpus_id", "document_id", "position", "token_id", "token_text", "is_word_initial"]
    warehouse.client.insert("raw_token", rows, column_names=columns)
    add_long_document(warehouse)
    for model_id, parameter_count in MODELS.items():
        warehouse.add_model(model_id, STEPS, planned_steps=2000, parameter_count=parameter_count)
        warehouse.score(model_id, "books", series[model_id])
    warehouse.insert("raw_scoring_run", scoring_run_id=uuid.UUID(int=1), device="cpu")  # the run of every ledger row
    warehouse.dbt("build", "--exclude-resource-types", "unit_test", "test")
    return warehouse


def add_long_document(warehouse) -> None:
    """Insert a corpus with one long document under two tokenizers; token k occurs OCCURRENCE_COUNTS[k] times.

    No model is scored on it. Its token ids also occur in the other corpus and must be counted separately.
    """
    warehouse.insert("raw_corpus", corpus_id="long", document_count=1)
    warehouse.insert("raw_document", corpus_id="long", document_id=0, kind="human")
    token_ids = [token_id for token_id, count in enumerate(OCCURRENCE_COUNTS) for _ in range(count)]
    rows = [
        [tokenizer_id, "long", 0, position, token_id, f" w{token_id}"]
        for tokenizer_id in ("tok", "other")
        for position, token_id in enumerate(token_ids)
    ]
    columns = ["tokenizer_id", "corpus_id", "document_id", "position", "token_id", "token_text"]
    warehouse.client.insert("raw_token", rows, column_names=columns)


def find_bucket(value: int, borders: tuple[int, ...]) -> str:
    """Return the name of the bucket of a value. The bucket begins at the largest border that is at most the value."""
    return f"from {max(border for border in borders if border <= value)}"


def test_buckets_begin_at_their_borders(built):
    rows = built.rows(
        "select tokenizer_id, position, position_bucket, token_id, occurrence_count, frequency_bucket from dim_token"
        " where corpus_id = 'long' order by tokenizer_id, position"
    )
    token_ids = [token_id for token_id, count in enumerate(OCCURRENCE_COUNTS) for _ in range(count)]
    assert rows == [
        (
            tokenizer_id,
            position,
            find_bucket(position, POSITION_BORDERS),
            token_id,
            OCCURRENCE_COUNTS[token_id],
            find_bucket(OCCURRENCE_COUNTS[token_id], FREQUENCY_BORDERS),
        )
        for tokenizer_id in ("other", "tok")
        for position, token_id in enumerate(token_ids)
    ]


def classify(text: str, previous: str, following: str) -> str:
    """Return the word class, by Python's classification of letters and digits."""
    trimmed = text.strip()
    if not trimmed:
        return "whitespace"
    if trimmed.isnumeric():
        return "number"
    if trimmed == "\ufffd" or not (trimmed.isalpha() or not any(character.isalnum() for character in trimmed)):
        return "mixed"
    if not trimmed.isalpha():
        return "punctuation"
    begins = text[0].isspace() or not previous[-1:].isalnum()
    if not (begins and not following[:1].isalnum()):
        return "word piece"
    return "function word" if trimmed.lower() in ("the", "of") else "content word"


def test_every_token_has_the_class_that_its_neighbours_give_it(built, texts):
    found = {
        row[:2]: row[2]
        for row in built.rows("select document_id, position, word_class from dim_token where corpus_id = 'books'")
    }
    expected = {
        (document_id, position): classify(
            text, texts.get((document_id, position - 1), ""), texts.get((document_id, position + 1), "")
        )
        for (document_id, position), text in texts.items()
    }
    assert found == expected
    assert len(set(expected.values())) == 7


def test_frequency_counts_the_token_in_the_corpus(built, texts):
    counts = Counter(texts.values())
    assert (
        dict(built.rows("select token_text, any(occurrence_count) from dim_token where corpus_id = 'books' group by 1"))
        == counts
    )


def read_properties(built) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the properties of the tokens of each trend, and the trends' places, categories and documents."""
    rows = built.rows(
        "select convention_id, model_id, start_percent, category, document_id, word_class, word_part, position_bucket,"
        " frequency_bucket from int_token_trend_by_start inner join dim_token using (corpus_id, document_id, position)"
        " where category != 'undetermined'"
    )
    columns = np.array(rows, dtype=object).T
    names = ("word class", "word part", "position", "frequency")
    return dict(zip(names, columns[5:], strict=True)), columns[:5]


def fit_clustered(in_category, has_value, documents):
    """Fit the logistic regression of a category on a property, with errors clustered by document.

    Return the logarithm of the odds ratio and the logit of the share, both with the half-width of their intervals.
    """
    own, other = count_effectively(documents[has_value]), count_effectively(documents[~has_value])
    fits = []
    for regressors, chosen, count in (
        (sm.add_constant(has_value.astype(float)), np.ones(len(documents), bool), min(own, other)),
        (np.ones((has_value.sum(), 1)), has_value, own),
    ):
        groups = {"groups": documents[chosen].astype(int), "use_correction": False}
        family = sm.families.Binomial()
        fit = sm.GLM(in_category[chosen].astype(float), regressors, family).fit(cov_type="cluster", cov_kwds=groups)
        half_width = stats.t.ppf(0.975, count - 1) * fit.bse[-1] * math.sqrt(count / (count - 1))
        fits.append((fit.params[-1], half_width))
    return fits


def count_effectively(documents: np.ndarray) -> float:
    """Return Kish's effective number of documents."""
    counts = np.array(list(Counter(documents).values()))
    return counts.sum() ** 2 / (counts**2).sum()


def test_odds_ratios_and_shares_have_the_errors_of_a_regression_clustered_by_document(built):
    properties, (conventions, models, starts, categories, documents) = read_properties(built)
    compared = 0
    for row in built.rows(
        "select convention_id, model_id, start_percent, property, property_value, category, token_count,"
        " property_token_count, document_count, token_share, odds_ratio, odds_ratio_lower, odds_ratio_upper,"
        " token_share_lower, token_share_upper, odds_ratio_caveat from fct_trend_share_by_token_property"
        " where convention_id = 'paper' and start_percent in (0, 40)"
    ):
        convention, model, start, name, value, category, count, total, document_count, share, *estimates, caveat = row
        here = (conventions == convention) & (models == model) & (starts == start)
        has_value, in_category = properties[name][here] == value, categories[here] == category
        assert count == (has_value & in_category).sum()
        assert total == has_value.sum()
        assert document_count == len(set(documents[here][has_value])) == len(DOCUMENTS)
        assert share == count / total
        if has_value.all() or not in_category.any() or in_category.all():
            assert estimates[:3] == [None] * 3
            assert caveat.startswith(("all tokens", "no token"))
            continue
        table = np.array([[(has_value == v) & (in_category == c) for c in (1, 0)] for v in (1, 0)]).sum(axis=2)
        if table.min() == 0:
            assert estimates[:3] == [None] * 3
            assert caveat == "a cell of the 2 x 2 table is empty"
            continue
        assert estimates[0] == pytest.approx(Table2x2(table, shift_zeros=False).oddsratio, rel=1e-9)
        if min(map(count_effectively, (documents[here][has_value], documents[here][~has_value]))) < 10:
            assert caveat == "fewer than 10 effective documents: no interval"
            continue
        (log_ratio, half_width), (logit, share_half_width) = fit_clustered(in_category, has_value, documents[here])
        expected = [
            math.exp(log_ratio),
            *np.exp(log_ratio + half_width * np.array([-1, 1])),
            *expit(logit + share_half_width * np.array([-1, 1])),
        ]
        assert estimates == pytest.approx(expected, rel=5e-4)
        assert caveat == ""
        compared += 1
    assert compared > 100


def test_trends_that_are_not_fitted_are_in_no_category(built):
    """The last start of the convention leaves two checkpoints."""
    fitted = built.rows(
        "select distinct convention_id, start_percent from int_token_trend_by_start where category != 'undetermined'"
    )
    everything = built.rows("select distinct convention_id, start_percent from int_token_trend_by_start")
    shown = built.rows("select distinct convention_id, start_percent from fct_trend_share_by_token_property")
    assert set(shown) == set(fitted) < set(everything)
    few = built.rows(
        "select distinct has_few_points, fit_point_count < 5, category from fct_trend_share_by_token_property"
    )
    assert {row[:2] for row in few} == {(True, True), (False, False)}
    assert {row[2] for row in few} == {"upward", "downward", "stagnated", "other"}


def test_the_overlap_of_sets_is_that_of_python(built):
    sets = {}
    for model_id, start, category, *token in built.rows(
        "select model_id, start_percent, category, document_id, position from int_token_trend_by_start"
        " where convention_id = 'paper' and category != 'undetermined'"
    ):
        sets.setdefault((model_id, start, category), set()).add(tuple(token))
    rows = built.rows(
        "select set_model_id, model_id, start_percent, category, jaccard_ratio, contained_share, expected_share"
        " from fct_token_set_overlap"
    )
    assert len(rows) == 2 * 7 * 4  # from 70% on, two checkpoints are left
    token_count = len(DOCUMENTS) * 149
    for set_model_id, model_id, start, category, jaccard, contained, expected in rows:
        ours, theirs = (sets.get((name, start, category), set()) for name in (set_model_id, model_id))
        either = ours | theirs if ours and theirs else set()
        assert jaccard == (pytest.approx(len(ours & theirs) / len(either)) if either else None)
        assert contained == (pytest.approx(len(ours & theirs) / len(ours)) if ours else None)
        assert expected == pytest.approx(len(theirs) / token_count)


def find_double_descent(losses: list[float]) -> tuple[float, float, bool]:
    """Search all pairs of checkpoints; return the rise, the fall, and whether the series is a double descent."""
    count = len(losses)
    rise, early, peak = max(
        ((losses[j] - losses[i], i, j) for j in range(count) for i in range(j + 1)),
        key=lambda found: (found[0], -found[2]),
    )
    late = min(losses[peak:])
    return rise, losses[peak] - late, rise > 0 and late < losses[early]


def test_double_descent_is_that_of_a_brute_force_search(built, series):
    rows = built.rows(
        "select model_id, document_id, position, rise_nats, fall_nats, falls_below_minimum"
        " from int_token_double_descent"
    )
    assert len(rows) == sum(map(len, series.values()))
    verdicts = Counter()
    for model_id, document_id, position, rise, fall, is_double in rows:
        losses = [-value for value in series[model_id][document_id, position].values()]
        expected = find_double_descent(losses)
        assert (rise, fall) == pytest.approx(expected[:2], abs=1e-5)
        assert is_double == expected[2]
        verdicts[is_double] += 1
    assert min(verdicts.values()) > 100


def test_the_share_of_double_descents_counts_rises_from_the_threshold_on(built, series):
    rows = built.rows(
        "select model_id, minimum_rise_nats, rise_share, double_descent_share from fct_token_double_descent_share"
    )
    assert len(rows) == 2 * 5
    for model_id, threshold, rise_share, double_share in rows:
        found = [find_double_descent([-value for value in token.values()]) for token in series[model_id].values()]
        assert rise_share == pytest.approx(np.mean([rise >= threshold for rise, _, _ in found]))
        assert double_share == pytest.approx(np.mean([rise >= threshold and verdict for rise, _, verdict in found]))


def test_a_random_set_of_all_tokens_is_the_corpus(built):
    rows = built.rows(
        "select perplexity, validation_perplexity from fct_random_token_set_trajectory where set_percent = 100"
    )
    assert len(rows) == len(MODELS) * len(STEPS)
    for perplexity, validation in rows:
        assert perplexity == pytest.approx(validation, rel=1e-9)


def test_a_passage_is_its_document_in_order(built, texts):
    for document_id in (0, 7):
        rows = built.rows(
            "select position, token_text, category is null from fct_passage_token where convention_id = 'paper'"
            f" and model_id = 's/large' and start_percent = 10 and document_id = {document_id} order by position"
        )
        assert [row[:2] for row in rows] == [(position, texts[document_id, position]) for position in range(150)]
        assert [row[0] for row in rows if row[2]] == [0]


def ask(warehouse, name: str, **values: object) -> list[dict]:
    """Return the rows of a packaged question about the suite of this file."""
    question = read_questions(packaged_questions())[name]
    given = {"suite_id": "s", "corpus_id": "books"} | {key: str(value) for key, value in values.items()}
    return ask_question(warehouse.client, question, given).to_pylist()


QUESTIONS_ABOUT_TOKENS = [
    name
    for name, question in sorted(read_questions(packaged_questions()).items())
    if {"suite_id", "corpus_id"} <= {parameter.name for parameter in question.parameters}
]


@pytest.mark.parametrize("name", QUESTIONS_ABOUT_TOKENS)
def test_every_question_answers_on_any_suite_and_says_nothing_about_an_unknown_one(built, name):
    assert ask(built, name)
    unknown = ask(built, name, suite_id="nobody")
    assert unknown == [] or name.endswith("beside_published")


def test_the_most_forgotten_tokens_are_those_that_rise_most(built, series, texts):
    start = 2  # index of the first checkpoint at or after step 200, which is 10% of 2,000 steps
    upward = built.rows(
        "select document_id, position from int_token_trend_by_start where convention_id = 'paper'"
        " and model_id = 's/large' and start_percent = 10 and category = 'upward'"
    )
    rises = {}
    for token in upward:
        losses = [-value for value in series["s/large"][token].values()]
        rises[token] = losses[-1] - losses[start]
    rows = ask(built, "most_forgotten_tokens", limit=15)
    expected = sorted(rises, key=rises.__getitem__, reverse=True)[:15]
    assert [(row["document_id"], row["position"]) for row in rows] == expected
    assert [row["rise_nats"] for row in rows] == pytest.approx([rises[token] for token in expected], abs=1e-5)
    for row in rows:
        document_id, position = row["document_id"], row["position"]
        assert row["token_text"] == texts[document_id, position]
        before = [texts[document_id, place] for place in range(max(0, position - 12), position)]
        assert row["text_before"] == "".join(before)


def test_the_tokens_the_large_model_loses_are_those_with_the_largest_difference(built, series):
    differences = {
        token: series["s/small"][token][STEPS[-1]] - series["s/large"][token][STEPS[-1]] for token in series["s/small"]
    }
    rows = ask(built, "tokens_the_large_model_loses", limit=10)
    expected = sorted(differences, key=differences.__getitem__, reverse=True)[:10]
    assert [(row["document_id"], row["position"]) for row in rows] == expected


def test_a_token_is_learned_after_the_last_checkpoint_that_did_not_know_it(built, series):
    learned = Counter()
    for values in series["s/small"].values():
        unknown = [index for index, value in enumerate(values.values()) if math.exp(-value) > 3]
        if unknown and unknown[-1] + 1 < len(STEPS):
            learned[STEPS[unknown[-1] + 1]] += 1
    rows = ask(built, "tokens_learned_last", model_id="s/small", perplexity_bound=3, limit=100000)
    assert Counter(row["learned_step"] for row in rows) == learned
    steps = [row["learned_step"] for row in rows]
    assert steps == sorted(steps, reverse=True)


def test_passages_are_ordered_by_their_share_of_double_descent(built, series):
    found = Counter()
    for (document_id, _), values in series["s/large"].items():
        rise, _, is_double = find_double_descent([-value for value in values.values()])
        found[document_id] += is_double and rise >= 0.5
    rows = ask(built, "passages_with_most_double_descent")
    assert {row["document_id"]: row["double_descent_percent"] for row in rows} == {
        document_id: pytest.approx(100 * count / 149) for document_id, count in found.items()
    }
    shares = [row["double_descent_percent"] for row in rows]
    assert shares == sorted(shares, reverse=True)


def test_forgetting_is_counted_between_neighbouring_checkpoints(built, series):
    losses = -np.array([list(values.values()) for values in series["s/large"].values()])
    changes = np.diff(losses, axis=1)
    rows = ask(built, "forgetting_by_checkpoint")
    assert [row["step"] for row in rows] == STEPS[1:]
    assert [row["forgotten_percent"] for row in rows] == pytest.approx(100 * (changes > 0.5).mean(axis=0))
    assert [row["learned_percent"] for row in rows] == pytest.approx(100 * (changes < -0.5).mean(axis=0))
