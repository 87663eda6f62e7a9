"""The demonstration on the reduced suite, from scores to figures and answers, through the real commands."""

import json
import math

import pytest

from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

pytestmark = pytest.mark.slow

# The demonstration imports no results, its evaluations need no caveat, and it corrupts no texts
EMPTY_MARTS = {"fct_eval_metric_by_checkpoint", "fct_task_caveat", "fct_corruption_perplexity"}
EMPTY_MARTS |= {"fct_checkpoint_agreement", "fct_phase_trend_bridge"}  # the demonstration measures no phases
PAPER_FIGURES = (
    "figure_02_trend_shares",
    "figure_03_stagnated_tokens",
    "figure_04_upward_tokens",
    "figure_10_other_tokens",
    "figure_11_upward_tokens_by_model",
    "figure_12_equal_perplexity",
    "figure_06_generation_perplexity",
    "figure_16_generation_perplexity_against_validation",
    "table_01_generated_examples",
    "table_04_generation_quality",
    "table_03_passage",
)


def test_there_is_a_score_for_every_scored_position_of_every_document_at_every_checkpoint(demo, workplace):
    counts = workplace.query(
        "select corpus_id, count(), uniqExact(model_id, step, document_id, position) from raw_token_score"
        " group by corpus_id"
    )
    positions = dict(workplace.query("select corpus_id, count() from raw_token where position > 0 group by corpus_id"))
    ((checkpoint_count,),) = workplace.query("select count() from raw_checkpoint final")
    assert checkpoint_count == 18
    assert {corpus for corpus, _, _ in counts} == {"python-docs-validation", demo["generation"]["corpus_id"]}
    for corpus, score_count, distinct_count in counts:
        assert score_count == distinct_count == positions[corpus] * checkpoint_count
    assert demo["scoring"]["score_count"] == dict(row[:2] for row in counts)["python-docs-validation"]


def test_the_losses_fall_and_the_larger_model_ends_lower(demo):
    rows = demo["validation_perplexity"]
    models = list(dict.fromkeys(row["model_id"] for row in rows))
    assert len(models) == 3
    last_step = max(row["step"] for row in rows)
    perplexity = {(row["model_id"], row["step"]): row["perplexity"] for row in rows}
    final = [perplexity[model, last_step] for model in models]
    assert final == sorted(final, reverse=True)
    assert len(set(final)) == 3
    for model in models:
        assert perplexity[model, last_step] < 0.7 * perplexity[model, 0]


def test_the_perplexity_of_the_mart_is_the_one_of_the_raw_scores(demo, workplace):
    raw = dict(
        workplace.query(
            "select (model_id, step), exp(-avg(log_prob_nats)) from raw_token_score"
            " where corpus_id = 'python-docs-validation' group by all"
        )
    )
    assert len(demo["validation_perplexity"]) == len(raw) == 18
    for row in demo["validation_perplexity"]:
        assert row["perplexity"] == pytest.approx(raw[row["model_id"], row["step"]], rel=1e-9)


def test_every_checkpoint_is_evaluated_on_the_tasks_of_the_suite(demo, workplace):
    assert demo["evaluation"]["evaluated_count"] == 18 * 5
    assert {row["item_count"] for row in demo["task_accuracies"]} == {60}
    ((options, checkpoints),) = workplace.query(
        "select count(), uniqExact(model_id, step) from raw_option_score where shot_count = 2"
    )
    assert (options, checkpoints) == (demo["evaluation"]["option_count"], 18)
    ((items,),) = workplace.query("select count() from raw_task_item")
    assert options == items * checkpoints


def test_the_largest_model_learns_several_of_the_tasks(demo, workplace):
    rows = workplace.query(
        "select task_set, argMin(accuracy_ratio, step), argMax(accuracy_ratio, step), any(chance_accuracy_ratio)"
        " from fct_task_accuracy_by_checkpoint where task_set_kind = 'task' and normalisation = 'token'"
        " and shot_count = 2 and parameter_count = (select max(parameter_count) from fct_task_accuracy_by_checkpoint)"
        " group by task_set"
    )
    assert len(rows) == 5
    learned = [task for task, first, last, chance in rows if last > first and last > chance]
    assert len(learned) >= 3, rows


def test_the_training_compute_is_that_of_the_definitions(demo, workplace):
    rows = workplace.query(
        "select m.parameter_count, m.layer_count, m.head_count, m.head_dimension, m.context_length, c.step,"
        " m.batch_tokens, f.train_flops_6n, f.train_flops_palm"
        " from fct_validation_perplexity_by_checkpoint as f"
        " join dim_model as m using model_id join dim_checkpoint as c on c.model_id = f.model_id and c.step = f.step"
    )
    assert len(rows) == 18
    for parameters, layers, heads, head_dimension, length, step, batch, flops_6n, flops_palm in rows:
        tokens = step * batch
        assert flops_6n == pytest.approx(6 * parameters * tokens)
        assert flops_palm == pytest.approx(tokens * (6 * parameters + 12 * layers * heads * head_dimension * length))


def test_the_trend_shares_of_every_model_and_start_add_up_to_one_hundred_percent(demo):
    totals: dict[tuple, float] = {}
    for row in demo["trend_shares"]:
        key = (row["model_id"], row["start_percent"])
        totals[key] = totals.get(key, 0.0) + row["token_percent"]
    assert len(totals) >= 3
    assert all(math.isclose(total, 100.0, abs_tol=1e-9) for total in totals.values())


def test_the_five_configurations_are_generated_and_measured_by_every_checkpoint(demo, workplace):
    assert demo["generation"]["generated_count"] == 10 * 12
    rows = workplace.query(
        "select decoding_name, sampling_name, uniqExact(checkpoint_id), min(text_count), max(text_count)"
        " from fct_generation_perplexity_by_checkpoint group by all order by all"
    )
    expected = [(name, how) for name in ("pl", "pl-ps", "ps", "ps+pl", "ps-pl") for how in ("greedy", "nucleus 0.9")]
    assert rows == [(*pair, 18, 12, 12) for pair in sorted(expected)]
    raw = dict(
        workplace.query(
            "select (model_id, step, JSONExtractString(provenance, 'generation_key')), -avg(log_prob_nats)"
            " from raw_token_score join raw_document using (corpus_id, document_id)"
            " where position >= scored_from_position and kind = 'generated' group by all"
        )
    )
    marts = workplace.query(
        "select (model_id, step, generation_key), log_perplexity_nats from fct_generation_perplexity_by_checkpoint"
    )
    assert len(raw) == len(marts) == 10 * 18
    for (model_id, step, key), log_perplexity_nats in marts:
        assert log_perplexity_nats == pytest.approx(raw[model_id, step, key], rel=1e-7)  # sums of float32


def test_a_sentence_says_how_texts_that_the_small_model_prefers_scale(demo):
    verdicts = {row["sampling_name"]: row for row in demo["generation_scaling"] if row["decoding_name"] == "ps-pl"}
    assert set(verdicts) == {"greedy", "nucleus 0.9"}
    assert all(row["model_count"] == 3 and row["verdict"] for row in verdicts.values())


def test_the_figures_are_written_as_png_svg_and_pdf(demo, workplace):
    files = [workplace.directory / file for file in demo["figures"]]
    assert {file.suffix for file in files} == {".png", ".svg", ".pdf", ".csv", ".html"}
    assert [file for file in files if file.stat().st_size < (100 if file.suffix == ".csv" else 5000)] == []
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files if file.suffix == ".png")


def test_every_mart_is_filled(demo, workplace):
    manifest = json.loads((workplace.settings.data_directory / "dbt" / "target" / "manifest.json").read_text())
    marts = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"].startswith(("fct_", "dim_"))
    }
    assert len(marts) > 40
    assert marts > EMPTY_MARTS
    empty = {mart for mart in marts if workplace.query(f"select count() from {mart}") == [(0,)]}
    assert empty <= EMPTY_MARTS  # other tests of this workplace may import results


def test_the_figures_and_tables_of_the_sections_on_tokens_and_sequences_are_drawn(demo, workplace):
    stems = {(workplace.directory / file).stem for file in demo["figures"]}
    assert stems >= set(PAPER_FIGURES)


def test_status_shows_what_was_scored(demo, workplace):
    models = json.loads(workplace.run("status", "--json").stdout)["models"]
    # 3 models, on the validation corpus and on the generated texts
    assert [(model["checkpoint_count"], model["scored_count"]) for model in models] == [(6, 6)] * 6


def test_sql_counts_the_scores(demo, workplace):
    condition = "corpus_id = 'python-docs-validation'"
    query = f"select count() as n from trailhouse.raw_token_score where {condition}"
    result = workplace.run("sql", query, "--json")
    assert json.loads(result.stdout) == [{"n": demo["scoring"]["score_count"]}]


def test_every_question_is_listed_and_answers(demo, workplace):
    # without an answer: the demonstration has no damaged checkpoint, imported results, corrupted texts or phases
    silent = {"checkpoints_with_something_wrong", "imported_metric_by_step", "corruption_by_rate_and_size"}
    chosen = {
        "suite_id": "miniature-reduced",
        "first_model_id": "miniature-reduced/neox-small",
        "second_model_id": "miniature-reduced/neox-large",
        "second_step": "120",
    }
    questions = read_questions(packaged_questions())
    silent |= {name for name, question in questions.items() if question.subject == "phases"}
    listed = json.loads(workplace.run("ask", "--json").stdout)
    assert {row["question"] for row in listed} == set(questions) > silent
    with connect(resolve_address(workplace.settings)) as client:
        for name in set(questions) - silent:
            declared = {parameter.name for parameter in questions[name].parameters}
            values = {parameter: value for parameter, value in chosen.items() if parameter in declared}
            assert ask_question(client, questions[name], values).num_rows > 0, name


def test_a_question_is_answered_by_the_command(demo, workplace):
    parameters = ("--param", "suite_id=miniature-reduced", "--param", "corpus_id=python-docs-validation")
    result = workplace.run("ask", "validation_perplexity_by_step", *parameters, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == demo["validation_perplexity"]


def test_a_question_about_an_unknown_suite_is_refused(demo, workplace):
    result = workplace.run("ask", "most_forgotten_tokens", "--param", "suite_id=minature-reduced", "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert "did you mean 'miniature-reduced'?" in result.stderr


def test_the_run_recorded_its_provenance(demo, workplace):
    runs = workplace.query(
        "select run_kind, dtype, device, library_versions, checkpoint_count"
        " from raw_scoring_run final order by run_kind"
    )
    kinds = [("evaluation", 18), ("generation", 1), ("judgement", 1), ("scoring", 18), ("scoring", 18)]
    assert [(kind, checkpoints) for kind, _, _, _, checkpoints in runs] == kinds
    for _, dtype, device, versions, _ in runs:
        assert dtype == "float32"
        assert device
        assert {"torch", "transformers"} <= set(json.loads(versions))
