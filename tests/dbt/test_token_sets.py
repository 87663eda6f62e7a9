"""Token sets defined by one model and measured on others, compared with plain Python."""

import math

import numpy as np
import pytest
from scipy import stats

STEPS = {
    "s/small": [0, 100, 200, 300, 400, 500],
    "s/large": [0, 100, 250, 300, 450, 500, 550],
    "t/other": [0, 100, 200],
}
TOKENS = [(token // 5, 1 + token % 5) for token in range(80)]


def make_series(model_id: str) -> dict[tuple[int, int], dict[int, float]]:
    """Series that fall, rise, stay constant or oscillate; the large model lacks some scores at step 250."""
    random = np.random.default_rng(len(model_id))
    shapes = [
        lambda x: -4 * math.exp(-x),
        lambda x: -1 - 2 * x,
        lambda x: -1.0,
        lambda x: -3 + 2 * math.sin(9 * x),
    ]
    return {
        token: {
            step: float(np.float32(shapes[index % 4](step / 500) - 0.1 * random.random() * (index % 4 != 2)))
            for step in STEPS[model_id]
            if (model_id, step, index % 5) != ("s/large", 250, 0)
        }
        for index, token in enumerate(TOKENS)
    }


@pytest.fixture(scope="module")
def series_by_model(warehouse):
    """Two models with one tokenizer and a third with another. They are scored, and dbt has built the marts."""
    warehouse.add_corpus("books", dict.fromkeys(range(16), 6))
    made = {model_id: make_series(model_id) for model_id in STEPS}
    for model_id, steps in STEPS.items():
        warehouse.add_model(model_id, steps, planned_steps=steps[-1])
        warehouse.score(model_id, "books", made[model_id], tokenizer_id="other" if model_id == "t/other" else "tok")
    warehouse.build("+fct_double_descent", "+fct_trajectory_measure", "+fct_token_set_overlap", "trend_convention")
    return made


@pytest.fixture(scope="module")
def categories(warehouse, series_by_model):
    """Tokens of every determined category under the default convention, by model, start and category."""
    rows = warehouse.rows(
        "select model_id, start_percent, category, document_id, position from int_token_trend_by_start"
        " where convention_id = 'paper' and category != 'undetermined'"
    )
    sets = {}
    for model_id, percent, category, *token in rows:
        sets.setdefault((model_id, percent, category), []).append(tuple(token))
    return sets


@pytest.fixture(scope="module")
def trajectories(warehouse, series_by_model):
    """By token set, followed model and step: number and share of the tokens, and perplexities."""
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, step, token_count, token_share, perplexity,"
        " validation_perplexity from fct_token_set_trajectory order by all"
    )
    return {row[:5]: row[5:] for row in rows}


def test_a_set_is_followed_in_every_model_with_its_tokenizer_and_in_no_other(categories, trajectories, series_by_model):
    followed = {
        "s/small": ("s/small", "s/large"),
        "s/large": ("s/small", "s/large"),
        "t/other": ("t/other",),
    }
    assert set(trajectories) == {
        (*chosen, model_id, step)
        for chosen, tokens in categories.items()
        for model_id in followed[chosen[0]]
        for step in STEPS[model_id]
        if any(step in series_by_model[model_id][token] for token in tokens)
    }
    assert {key[2] for key in trajectories} == {"upward", "downward", "stagnated", "other"}


def test_the_perplexity_of_a_set_is_the_geometric_mean_over_its_tokens(categories, trajectories, series_by_model):
    for (*chosen, model_id, step), (token_count, token_share, perplexity, validation) in trajectories.items():
        series = series_by_model[model_id]
        everything = [values[step] for values in series.values() if step in values]
        scores = [series[token][step] for token in categories[tuple(chosen)] if step in series[token]]
        assert token_count == len(scores)
        assert token_share == len(scores) / len(everything)
        assert perplexity == pytest.approx(math.exp(-math.fsum(scores) / len(scores)), rel=1e-8)
        assert validation == pytest.approx(math.exp(-math.fsum(everything) / len(everything)), rel=1e-8)


def test_the_interval_over_documents_is_that_of_a_plain_loop_or_null(warehouse, categories, series_by_model):
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, step, perplexity, perplexity_lower, perplexity_upper"
        " from fct_token_set_trajectory"
    )
    for *chosen, model_id, step, perplexity, low, high in rows:
        by_document = {}
        for token in categories[tuple(chosen)]:
            if step in series_by_model[model_id][token]:
                by_document.setdefault(token[0], []).append(-series_by_model[model_id][token][step])
        count = len(by_document)
        if count < 10:
            assert (low, high) == (None, None)
            continue
        loss = math.log(perplexity)
        left_out = [
            np.mean([score for other, losses in by_document.items() if other != document for score in losses])
            for document in by_document
        ]
        error = math.sqrt((count - 1) / count * math.fsum((mean - loss) ** 2 for mean in left_out))
        lengths = np.array([len(losses) for losses in by_document.values()])
        reach = stats.t.ppf(0.975, lengths.sum() ** 2 / (lengths**2).sum() - 1) * error
        assert (math.log(low), math.log(high)) == pytest.approx((loss - reach, loss + reach), rel=1e-3)
    assert {row[-1] is None for row in rows} == {True, False}


def test_a_set_is_compared_with_the_perplexity_of_the_other_tokens(warehouse, categories, series_by_model):
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, step, rest_token_count, rest_perplexity,"
        " measure.validation_perplexity from fct_token_set_trajectory as mart"
        " inner join fct_trajectory_measure as measure using (set_model_id, start_percent, category, model_id, step)"
        " where measure = 'token set loss'"
    )
    assert len(rows) == warehouse.rows("select count() from fct_token_set_trajectory")[0][0]
    for *chosen, model_id, step, rest_count, rest_perplexity, axis_perplexity in rows:
        outside = set(TOKENS) - set(categories[tuple(chosen)])
        scores = [values[step] for token in outside if step in (values := series_by_model[model_id][token])]
        assert rest_count == len(scores)
        expected = math.exp(-math.fsum(scores) / len(scores)) if scores else None
        assert rest_perplexity == (expected and pytest.approx(expected, rel=1e-8))
        assert axis_perplexity == rest_perplexity


def test_a_start_with_fewer_than_three_checkpoints_has_no_sets_and_no_overlap(warehouse, categories):
    starts = {(model_id, percent) for model_id, percent, _ in categories}
    assert {percent for model_id, percent in starts if model_id == "s/small"} == {0, 10, 20, 30, 40, 50, 60}
    found = warehouse.rows("select distinct set_model_id, start_percent from fct_token_set_trajectory")
    assert set(found) == starts
    overlaps = warehouse.rows("select distinct start_percent, category from fct_token_set_overlap")
    both = {percent for model_id, percent in starts if model_id == "s/small"} & {
        percent for model_id, percent in starts if model_id == "s/large"
    }
    assert {row[0] for row in overlaps} == both
    assert {row[1] for row in overlaps} == {"upward", "downward", "stagnated", "other"}


def test_a_double_descent_is_the_largest_rise_and_a_fall_below_where_it_began(warehouse, trajectories):
    curves = {}
    for (*chosen, model_id, step), (_, _, perplexity, validation) in trajectories.items():
        curves.setdefault((*chosen, model_id), []).append((step, perplexity, validation))
    rows = warehouse.rows(
        "select set_model_id, start_percent, category, model_id, minimum_step, peak_step, later_minimum_step,"
        " minimum_validation_perplexity, peak_validation_perplexity, later_minimum_validation_perplexity,"
        " rise_nats, fall_nats, is_double_descent from fct_double_descent where corpus_id = 'books'"
    )
    assert {row[:4] for row in rows} == set(curves)
    for row in rows:
        curve = curves[row[:4]]
        early, peak = max(
            ((i, k) for k in range(len(curve)) for i in range(k + 1)),
            key=lambda pair: (curve[pair[1]][1] / curve[pair[0]][1], -pair[1], -pair[0]),
        )
        late = min(range(peak, len(curve)), key=lambda index: curve[index][1])
        turns = [curve[index] for index in (early, peak, late)]
        assert row[4:7] == tuple(turn[0] for turn in turns)
        assert row[7:10] == tuple(turn[2] for turn in turns)
        rise, fall = math.log(turns[1][1] / turns[0][1]), math.log(turns[1][1] / turns[2][1])
        assert row[10:12] == (pytest.approx(rise, abs=1e-12), pytest.approx(fall, abs=1e-12))
        assert row[12] == (rise >= 0.05 and turns[2][1] < turns[0][1])
    assert {row[12] for row in rows} == {True, False}


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9])
def test_95_percent_of_random_sets_are_in_their_interval(warehouse, fraction):
    """The losses are skewed, as those of tokens are, so an interval around the mean would leave unequal tails."""
    generator = np.random.default_rng(5)
    losses = generator.gamma(0.8, 3, size=2500)
    size = round(fraction * len(losses))
    drawn = np.array([generator.choice(losses, size, replace=False).mean() for _ in range(4000)])
    moments = (losses.mean(), losses.var(), stats.skew(losses))
    source = f"""
        select {{{{ random_set_bound("-", "token_set", "loss_moment") }}}},
               {{{{ random_set_bound("+", "token_set", "loss_moment") }}}}
        from (select 1 as key, {size} as token_count) as token_set
        inner join (
            select 1 as key, {len(losses)} as token_count, {moments[0]} as mean_loss_nats,
            {moments[1]} as loss_variance, {moments[2]} as loss_skewness
        ) as loss_moment using (key)
    """
    ((lower, upper),) = warehouse.rows(compile_inline(warehouse, source))
    below, above = (np.mean(drawn < math.log(lower)), np.mean(drawn > math.log(upper)))
    assert 0.93 <= 1 - below - above <= 0.97
    assert max(below, above) < 0.04


def test_the_interval_beside_a_set_is_that_of_sets_of_its_size(warehouse, trajectories, series_by_model):
    rows = warehouse.rows(
        "select distinct model_id, step, token_count, token_share, random_perplexity_lower, random_perplexity_upper"
        " from fct_token_set_trajectory where token_share > 0.1"
    )
    assert max(row[3] for row in rows) > 0.4
    for model_id, step, size, _, lower, upper in rows:
        losses = -np.array([values[step] for values in series_by_model[model_id].values() if step in values])
        spread = losses.std() * math.sqrt((len(losses) - size) / (size * (len(losses) - 1)))
        assert math.log(upper / lower) == pytest.approx(2 * stats.norm.ppf(0.975) * spread, abs=1e-9)
        shift = math.log(upper * lower) / 2 - losses.mean()
        total = len(losses)
        skewness = stats.skew(losses) * (total - 2 * size) / (total - 2)
        expected = (stats.norm.ppf(0.975) ** 2 - 1) / 6 * losses.std() * skewness / size * (size < total)
        assert shift == pytest.approx(expected, abs=1e-7)


def compile_inline(warehouse, source: str) -> str:
    """Return a query with the macros of the project filled in."""
    return str(warehouse.dbt("compile", "--inline", source).results[0].node.compiled_code)
