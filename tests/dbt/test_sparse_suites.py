"""Suites with missing checkpoints, a single checkpoint or extreme series; and what must not change a trend."""

import math
import re
from collections import Counter

import numpy as np
import pytest

from tests.support.reference_trends import BATCH_TOKENS, categorise, find_start, fit_windows
from trailhouse.cli.main import run
from trailhouse.flows.draw_figures import draw_figures
from trailhouse.flows.settings import Settings
from trailhouse.warehouse.reading.query import read_models_by_size
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_answer_caveats, read_questions

STEPS = [100, 200, 400, 500, 800, 900, 1000, 1300]
PLANNED_STEPS = 2000
QUESTIONS = read_questions(packaged_questions())
TOKENS = [(document_id, position) for document_id in range(3) for position in range(1, 22)]
CONVENTIONS = ("paper", "paper_index", "log_step", "ours")
FEW = "only one checkpoint is scored: all trends are undetermined"
HARD_SERIES = [
    [-1.0] * 8,  # constant
    [-80.0, -75.0, -70.0, -60.0, -50.0, -40.0, -30.0, -20.0],  # perplexities of 1e34 at first
    [-1e-6, -2e-6, -3e-6, -2e-6, -1e-6, -2e-6, -3e-6, -1e-6],  # perplexities just above 1
    [-1.0, -1.0000001, -1.0, -1.0000001, -1.0, -1.0000001, -1.0, -1.0000001],  # differences in the last bit
    [-0.1, -9.0, -0.1, -9.0, -0.1, -9.0, -0.1, -9.0],  # up and down
    [-5.0, -5.0, -5.0, -5.0, -5.0, -5.0, -5.0, -0.001],  # one jump
    [-88.0, -0.001, -0.001, -0.001, -0.001, -0.001, -0.001, -0.001],  # one fall
]


def make_series(steps: list[int]) -> dict[tuple[int, int], dict[int, float]]:
    """Extreme series first, then series that fall, rise, oscillate or stay constant, all at the given steps."""
    random = np.random.default_rng(7)
    series = {}
    for index, token in enumerate(TOKENS):
        time = np.arange(len(STEPS))
        level = random.uniform(0.3, 5)
        shape = (level * np.exp(-time / 3), level + 0.3 * time, level + np.sin(2 * time), np.full(len(STEPS), level))
        values = -np.abs(shape[index % 4] + (index % 4 != 3) * random.normal(0, 0.1, len(STEPS)))
        values = HARD_SERIES[index] if index < len(HARD_SERIES) else values
        series[token] = {step: float(np.float32(value)) for step, value in zip(steps, values, strict=True)}
    return series


def keep_steps(series: dict, steps: list[int]) -> dict:
    return {token: {step: value for step, value in values.items() if step in steps} for token, values in series.items()}


@pytest.fixture(scope="module")
def series_by_model():
    """By model: its series. The models belong to four suites.

    Those of `whole` and `units` are complete, and their trends must agree. Those of `gaps` lack steps or single
    scores. Those of `few` have one or two checkpoints.
    """
    whole = make_series(STEPS)
    scaled = make_series([1000 * step for step in STEPS])
    gappy = {
        token: {step: value for step, value in values.items() if index % 3 or step not in (200, 500, 1300)}
        for index, (token, values) in enumerate(whole.items())
    }
    return {
        "whole/plain": whole,
        "whole/shuffled": whole,
        "units/plain": scaled,
        "gaps/plain": keep_steps(whole, [100, 500, 800, 900, 1300]),
        "gaps/tokens": gappy,
        "few/one": keep_steps(whole, [100]),
        "few/two": keep_steps(whole, [100, 1300]),
    }


@pytest.fixture(scope="module")
def built(warehouse, series_by_model):
    """All models, scored on one corpus; dbt has built everything and run its data tests."""
    warehouse.insert("raw_corpus", corpus_id="books", document_count=3)
    for document_id in range(3):
        warehouse.insert("raw_document", corpus_id="books", document_id=document_id, kind="human")
    places = [(document_id, position) for document_id in range(3) for position in range(22)]
    rows = [["tok", "books", *place, index % 9, (" the", " cat", "s")[index % 3]] for index, place in enumerate(places)]
    columns = ["tokenizer_id", "corpus_id", "document_id", "position", "token_id", "token_text"]
    warehouse.client.insert("raw_token", rows, column_names=columns)
    for size, (model_id, series) in enumerate(series_by_model.items()):
        scale = 1000 if model_id.startswith("units") else 1
        planned = 100 if model_id == "few/one" else PLANNED_STEPS * scale
        steps = [scale * step for step in STEPS]
        sizes = {"parameter_count": 1000 + size, "layer_count": 2, "head_count": 2, "head_dimension": 4}
        warehouse.add_model(
            model_id, steps, planned_steps=planned, batch_tokens=BATCH_TOKENS, context_length=64, **sizes
        )
        order = sorted({step for values in series.values() for step in values}, reverse=model_id == "whole/shuffled")
        warehouse.score(model_id, "books", series, steps=order)
    warehouse.dbt("build", "--exclude-resource-types", "unit_test")
    return warehouse


@pytest.fixture(scope="module")
def trends(built):
    rows = built.rows(
        "select model_id, convention_id, start_percent, document_id, position, fit_point_count, p_value, category"
        " from int_token_trend_by_start"
    )
    trends = {}
    for model_id, *key, fit_point_count, p_value, category in rows:
        trends.setdefault(model_id, {})[tuple(key)] = (fit_point_count, p_value, category)
    return trends


def test_trends_do_not_depend_on_the_unit_of_steps(trends):
    assert set(trends["units/plain"]) == set(trends["whole/plain"])
    for key, (fit_point_count, p_value, category) in trends["whole/plain"].items():
        assert trends["units/plain"][key][::2] == (fit_point_count, category)
        assert trends["units/plain"][key][1] == (
            None if p_value is None else pytest.approx(p_value, rel=1e-5, abs=1e-9)
        )


def test_trends_do_not_depend_on_the_order_in_which_checkpoints_were_scored(trends):
    assert trends["whole/shuffled"] == trends["whole/plain"]


def test_what_other_tokens_and_models_lack_does_not_change_a_trend(trends, series_by_model):
    whole = [token for token, values in series_by_model["gaps/tokens"].items() if len(values) == len(STEPS)]
    compared = 0
    for key, trend in trends["whole/plain"].items():
        if key[0] != "ours" and key[2:] in whole:  # "ours" corrects for the number of tests, which differs here
            assert trends["gaps/tokens"][key] == trend
            compared += 1
    assert compared == len(whole) * sum(len({key[1] for key in trends["whole/plain"] if key[0] == name})
                                        for name in CONVENTIONS[:3])  # fmt: skip


@pytest.mark.parametrize("model_id", ["whole/plain", "gaps/plain", "gaps/tokens", "few/one", "few/two"])
def test_hard_series_and_gaps_have_the_trends_of_scipy(trends, series_by_model, model_id):
    planned = 100 if model_id == "few/one" else PLANNED_STEPS
    expected = {}
    for token, values in series_by_model[model_id].items():
        steps = np.array(sorted(values))
        scores = np.array([values[step] for step in steps])
        for convention in CONVENTIONS[:3]:
            for percent in range(0, 100, 10):
                start = find_start(convention, steps, percent, planned)
                if start is not None:
                    (trend,) = fit_windows(convention, tuple(steps[start:].tolist()), scores[None, start:])
                    category = categorise(convention, trend, trend.p_value)
                    expected[convention, percent, *token] = (trend.fit_point_count, category)
    derived = {key: trend[::2] for key, trend in trends[model_id].items() if key[0] != "ours"}
    assert derived == expected


def test_no_mart_holds_what_is_not_a_number(built):
    columns = built.rows(
        "select table, name from system.columns where database = currentDatabase() and type like '%Float%'"
        " and match(table, '^(fct|int)_') and type not like '%Array%'"
    )
    tables = {}
    for table, column in columns:
        tables.setdefault(table, []).append(f"countIf(not isFinite(coalesce({column}, 0)))")
    assert len(tables) > 15
    for table, counts in tables.items():
        assert built.rows(f"select {' + '.join(counts)} from {table}") == [(0,)], table


def test_below_three_checkpoints_trends_are_undetermined_and_no_mart_counts_them(built, trends):
    for model_id, point_counts in {"few/one": {1}, "few/two": {1, 2}}.items():
        assert {trend[0] for trend in trends[model_id].values()} == point_counts
        assert {trend[1:] for trend in trends[model_id].values()} == {(None, "undetermined")}
        assert built.rows(
            f"select distinct category from int_token_trend_robust_by_start where model_id = '{model_id}'"
        ) == [("undetermined",)]
        for mart in ("fct_trend_share_by_start", "fct_trend_sensitivity", "fct_trend_robustness"):
            assert built.rows(f"select count() from {mart} where model_id = '{model_id}'") == [(0,)], mart
    colours = "select distinct category from fct_passage_token where suite_id = 'few' and position > 0"
    assert built.rows(colours) == [(None,)]
    turns = built.rows("select distinct rise_nats, fall_nats, is_double_descent from fct_double_descent"
                       " where model_id = 'few/one'")  # fmt: skip
    assert turns == [(0.0, 0.0, False)]
    assert built.rows("select count() from fct_equal_perplexity_alignment where model_id = 'few/one'") == [(0,)]


def test_a_start_has_shares_where_three_checkpoints_are_left_and_few_points_below_five(built):
    rows = built.rows(
        "select distinct start_percent, fit_point_count, has_few_points from fct_trend_share_by_start"
        " where model_id = 'whole/plain' and convention_id = 'paper' order by start_percent"
    )
    left = [sum(step * 100 >= percent * PLANNED_STEPS for step in STEPS) for percent in range(0, 100, 10)]
    assert rows == [(10 * index, count, count < 5) for index, count in enumerate(left) if count >= 3]
    assert {row[2] for row in rows} == {True, False}


def test_shares_are_over_the_tokens_whose_trend_is_determined(built, trends):
    counts = {}
    for (convention, percent, *_), (*_, category) in trends["gaps/tokens"].items():
        counts.setdefault((convention, percent), Counter())[category] += 1
    rows = built.rows(
        "select convention_id, start_percent, category, token_count, token_share from fct_trend_share_by_start"
        " where model_id = 'gaps/tokens'"
    )
    undetermined = 0
    for *start, category, token_count, token_share in rows:
        if start[0] not in CONVENTIONS:  # trends that are only counted; test_trends_and_chance counts them
            continue
        count = counts[tuple(start)]
        assert token_count == count[category]
        assert token_share == pytest.approx(token_count / (count.total() - count["undetermined"]))
        undetermined += count["undetermined"] > 0
    assert undetermined > 0


def test_caveats_say_in_words_what_is_missing(built):
    caveats = {}
    for model_id, caveat in built.rows("select model_id, caveat from fct_trend_caveat"):
        caveats.setdefault(model_id, []).append(caveat)
    assert caveats["few/one"] == ["7 of 8 registered checkpoints are not scored: the fits leave them out", FEW]
    assert any(caveat.startswith("only two checkpoints") for caveat in caveats["few/two"])
    assert (
        "no checkpoint is scored at 70% of training or later: there are no trends from there on"
        in caveats["whole/plain"]
    )
    few = "from 30% of training on a trend has fewer than five checkpoints: few are significant"
    assert few in caveats["whole/plain"]
    assert any("3 of 8 registered" in caveat for caveat in caveats["gaps/plain"])
    assert any(re.match("21 of 63 tokens lack scores", caveat) for caveat in caveats["gaps/tokens"])


@pytest.mark.parametrize("suite_id", ["gaps", "few"])
@pytest.mark.parametrize("name", [name for name in QUESTIONS if "fct_trend_caveat" in QUESTIONS[name].sql])
def test_a_question_about_a_sparse_suite_is_answered_or_explained(built, name, suite_id):
    given = {"suite_id": suite_id, "corpus_id": "books"}
    values = {p.name: given[p.name] for p in QUESTIONS[name].parameters if p.name in given}
    rows = ask_question(built.client, QUESTIONS[name], values).to_pylist()
    assert rows or read_answer_caveats(built.client, QUESTIONS[name], values)
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)


@pytest.fixture
def settings(built, tmp_path):
    address = built.address
    return Settings(
        warehouse_url=f"http://{address.host}:{address.port}",
        warehouse_user=address.user,
        warehouse_password=address.password,
        database=address.database,
        figures_directory=tmp_path,
        data_directory=tmp_path,
    )


def test_undetermined_trends_are_not_drawn_and_the_report_says_why(settings):
    report = draw_figures(settings, "few", "books")
    names = {file.stem[:9] for file in report.files if file.suffix != ".html"}
    assert "figure_01" in names
    assert not names & {"figure_02", "table_03_"}
    assert f"one: {FEW}" in report.caveats


def test_every_figure_of_a_suite_with_gaps_is_drawn_and_says_why_it_looks_so(settings):
    report = draw_figures(settings, "gaps", "books")
    names = {file.stem[:9] for file in report.files if file.suffix != ".html"}
    assert names >= {f"figure_{number:02d}" for number in (1, 2, 3, 4, 10, 11, 12)} | {"table_03_"}
    (shares,) = [file for file in report.files if file.name == "figure_02_trend_shares.svg"]
    assert "plain: from 10% of training on a trend has fewer than five checkpoints" in shares.read_text()


def test_a_caveat_about_late_starts_stands_only_in_figures_that_show_late_starts(settings):
    report = draw_figures(settings, "whole", "books")
    late = "from 30% of training on a trend has fewer than five checkpoints"
    with_caveat = {file.stem[:9] for file in report.files if file.suffix == ".svg" and late in file.read_text()}
    assert {"figure_02", "figure_10", "figure_11"} <= with_caveat
    assert not with_caveat & {"figure_01", "figure_03", "figure_04", "figure_12"}


def test_captions_count_the_tokens_and_documents_and_name_corpus_and_convention(settings, built):
    report = draw_figures(settings, "whole", "books")
    ((token_count, document_count),) = built.rows(
        "select count(), uniqExact(document_id) from raw_token_score where corpus_id = 'books'"
        " and model_id = 'whole/plain'"
        " and step = (select max(step) from raw_token_score where model_id = 'whole/plain')"
    )
    sample = f"whole; perplexity on books, {token_count} scored tokens of {document_count} documents."
    texts = {file.stem: file.read_text() for file in report.files if file.suffix == ".svg"}
    assert sample in texts["figure_01_validation_perplexity"]
    trends = f"{sample} Convention of trends: paper."
    assert trends in texts["figure_02_trend_shares"]
    assert trends in report.page.read_text()


def test_models_are_listed_by_suite_and_size_and_published_suites_come_last(built):
    models = read_models_by_size(built.client, built.address.database)
    own = built.rows("select suite_id, model_id, parameter_count from dim_model")
    sizes = {model_id: count for _, model_id, count in own}
    published = [model for model in models if model[0] in ("opt-published", "phases-published")]
    assert set(models) - set(published) == {(suite, model) for suite, model, _ in own}
    assert models[-len(published) :] == published
    assert [model for _, model in published[:6]] == [
        f"opt-published/{name}" for name in ("125m", "1.3b", "6.7b", "13b", "30b", "175b")
    ]
    assert [model for _, model in (*published[6:8], published[-1])] == [
        f"phases-published/{name}" for name in ("pythia-14m", "pythia-14m-seed1", "pythia-12b")
    ]
    assert len(published) == 6 + 55
    first_seen = dict(built.rows("select suite_id, min(discovered_at) from dim_checkpoint group by suite_id"))
    keys = [(first_seen[suite], suite, sizes[model], model) for suite, model in models[: -len(published)]]
    assert keys == sorted(keys)
    assert read_models_by_size(built.client, "system") == []


def test_the_published_suite_has_figures_of_its_own(settings):
    report = draw_figures(settings, "opt-published", "pg19-validation")
    names = {file.stem[:9] for file in report.files if file.suffix != ".html"}
    assert names >= {f"figure_{number:02d}" for number in (1, 2, 3, 4, 12)}
    assert not names & {"figure_10", "figure_11", "table_03_"}  # what these show was not published
    texts = [file.read_text() for file in report.files if file.name.startswith("figure_02") and file.suffix == ".svg"]
    assert [text.count("pg19-validation. Convention of trends: published.") for text in texts] == [1]


def test_the_command_notes_on_stderr_what_the_answer_does_not_say(settings, monkeypatch, capsys):
    monkeypatch.setenv("TRAILHOUSE_DATABASE", settings.database)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_USER", settings.warehouse_user)
    monkeypatch.setenv("TRAILHOUSE_WAREHOUSE_PASSWORD", settings.warehouse_password.get_secret_value())
    place = ["--param", "suite_id=few", "--param", "corpus_id=books", "--warehouse-url", str(settings.warehouse_url)]
    assert run(["ask", "most_forgotten_tokens", *place, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == "[]"
    assert f"note: one: {FEW}" in " ".join(captured.err.split())
