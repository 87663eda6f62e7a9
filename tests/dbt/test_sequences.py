"""Marts of corrupted and generated texts, against numpy and scipy on synthetic scores."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.support.synthetic_sequences import (
    GENERATIONS,
    NEW_LENGTH,
    PARAMETERS,
    PROMPT_COUNT,
    PROMPT_LENGTH,
    RATES,
    STEPS,
    TOKEN_BYTES,
    corrupted_losses,
    count_tokens,
    generated_losses,
    insert_sequences,
    tokenizer_of,
)
from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.figures.gallery import TABLES
from trailhouse.dashboards.figures.sequences import corruption_perplexity, generation_perplexity, generation_quality
from trailhouse.flows.draw_figures import draw_figure, draw_table
from trailhouse.warehouse.reading.query import read_models_by_size
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions


def kept(losses: np.ndarray, model_id: str, *, prompt: int) -> np.ndarray:
    """Return the losses that aggregates count: without prompts, and without the first token of a document."""
    text_end = 4 * (prompt + losses.shape[1])
    losses = losses[:, : count_tokens(text_end, model_id) - count_tokens(4 * prompt, model_id)]
    return (losses if prompt else losses[:, 1:]).astype(float)


@pytest.fixture(scope="module")
def built(warehouse):
    insert_sequences(warehouse)
    warehouse.build(
        "+models/marts/sequences",
        "+fct_trend_share_by_start",
        "+fct_trend_caveat",
        "+fct_model_standing",
        "+fct_perplexity_difference",
        "+fct_checkpoint_token_change",
    )
    return warehouse


@pytest.fixture(scope="module")
def weights(built) -> np.ndarray:
    """Weights of the prompts in each replicate, of shape (prompts, replicates)."""
    rows = built.rows(
        "select weights from int_sequence_weight where origin_corpus_id = 'human' order by document_block"
    )
    return np.array([row[0] for row in rows], dtype=float)


def replicate(losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean loss per token in each replicate."""
    return (weights.T @ losses.sum(axis=1)) / (weights.sum(axis=0) * losses.shape[1])


def test_the_weights_of_prompts_are_those_of_their_documents(built, weights):
    documents = built.rows("select weights from int_document_weight where corpus_id = 'human' order by document_id")
    assert np.array_equal(weights, np.array([row[0] for row in documents]))


def test_perplexity_on_generated_texts_leaves_out_the_prompts_under_any_tokenizer(built):
    found = built.rows(
        "select decoding_name, model_id, step, perplexity, token_count, bits_per_byte,"
        " has_generator_tokenizer, is_final from fct_generation_perplexity_by_checkpoint"
    )
    assert len(found) == len(GENERATIONS) * len(PARAMETERS) * len(STEPS)
    for decoding, model_id, step, perplexity, token_count, bits, has_tokenizer, is_final in found:
        losses = kept(generated_losses(decoding)[model_id, step], model_id, prompt=PROMPT_LENGTH)
        assert token_count == losses.size
        assert perplexity == pytest.approx(math.exp(losses.mean()), rel=1e-6)
        token_bytes = TOKEN_BYTES[tokenizer_of(model_id)]
        assert bits == pytest.approx(losses.sum() / math.log(2) / (token_bytes * losses.size), rel=1e-6)
        assert has_tokenizer is (tokenizer_of(model_id) == "tok")
        assert is_final is (step == 80)


def test_generations_have_the_validation_perplexity_of_their_prompts_and_their_generators(built):
    rows = built.rows(
        "select model_id, step, validation_perplexity, generator_role from fct_generation_perplexity_by_checkpoint"
        " where decoding_name = 'ps'"
    )
    for model_id, step, validation, role in rows:
        expected = math.exp(1.5 + step / 64) if model_id.startswith("s/") else None
        assert validation == (expected and pytest.approx(expected, rel=1e-6))
        assert role == {("s/tiny", 80): "small", ("s/large", 80): "large"}.get((model_id, step), "")


def test_inverse_scaling_is_spearmans_correlation_with_an_interval_over_prompts(built, weights):
    found = {
        (row[0], row[1]): row[2:]
        for row in built.rows(
            "select decoding_name, suite_id, spearman, spearman_lower, spearman_upper, is_strictly_increasing, verdict"
            " from fct_generation_scaling"
        )
    }
    assert found.keys() == {(decoding, suite) for decoding in GENERATIONS for suite in "sw"}
    for (decoding, suite), (spearman, lower, upper, is_increasing, verdict) in found.items():
        models = sorted((m for m in PARAMETERS if m.startswith(suite)), key=PARAMETERS.get)
        finals = [kept(generated_losses(decoding)[m, 80], m, prompt=PROMPT_LENGTH) for m in models]
        means = [losses.mean() for losses in finals]
        sizes = [PARAMETERS[model_id] for model_id in models]
        assert spearman == pytest.approx(stats.spearmanr(sizes, means).statistic, abs=1e-9)
        draws = np.array([replicate(losses, weights) for losses in finals])
        drawn = np.sort([stats.spearmanr(sizes, draws[:, draw]).statistic for draw in range(draws.shape[1])])
        count = PROMPT_COUNT
        tail = stats.norm.cdf(-math.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1))
        rank = round(tail * (len(drawn) - 1))
        assert lower == pytest.approx(drawn[rank], abs=1e-9)
        assert upper == pytest.approx(drawn[len(drawn) - 1 - rank], abs=1e-9)
        assert is_increasing is (means == sorted(means))
        expected = "inverse" if drawn[rank] > 0 else "regular" if drawn[len(drawn) - 1 - rank] < 0 else "undecided"
        assert verdict == expected
    verdicts = {decoding: found[decoding, "s"][-1] for decoding in GENERATIONS}
    assert (verdicts["ps-pl"], verdicts["pl-ps"]) == ("inverse", "regular")


def test_only_the_curve_of_the_largest_model_turns(built, weights):
    rows = built.rows(
        "select model_id, curve_shape, turning_step, rise_nats, rise_lower, rise_upper"
        " from fct_generation_turning_point where decoding_name = 'ps-pl'"
    )
    assert {row[0]: row[1:3] for row in rows} == {
        model_id: ("falls then rises", 40) if model_id == "s/large" else ("falls", None) for model_id in PARAMETERS
    }
    losses = {step: generated_losses("ps-pl")["s/large", step].astype(float) for step in (40, 80)}
    ((rise, lower, upper),) = [row[3:] for row in rows if row[0] == "s/large"]
    assert rise == pytest.approx(losses[80].mean() - losses[40].mean(), rel=1e-6)
    draws = np.sort(replicate(losses[80], weights) - replicate(losses[40], weights))
    assert draws[0] < lower < rise < upper < draws[-1]
    tail = stats.norm.cdf(-math.sqrt(PROMPT_COUNT / (PROMPT_COUNT - 1)) * stats.t.ppf(0.975, PROMPT_COUNT - 1))
    assert lower == pytest.approx(draws[round(tail * (len(draws) - 1))], rel=1e-5)


def test_corrupted_texts_are_compared_with_the_unchanged_ones(built):
    rows = built.rows(
        "select corpus_id, model_id, step, perplexity, unchanged_perplexity, random_model_perplexity, corruption_rate,"
        " changed_token_ratio, log_perplexity_lower < log_perplexity_nats, log_perplexity_upper > log_perplexity_nats"
        " from fct_corruption_perplexity"
    )
    assert len(rows) == len(RATES) * len(PARAMETERS) * len(STEPS)
    for variant, model_id, step, perplexity, unchanged, random, rate, changed, is_lower, is_upper in rows:
        losses, clean = (kept(corrupted_losses(each)[model_id, step], model_id, prompt=0) for each in (variant, "none"))
        assert perplexity == pytest.approx(math.exp(losses.mean()), rel=1e-6)
        assert unchanged == pytest.approx(math.exp(clean.mean()), rel=1e-6)
        assert random == (5000 if tokenizer_of(model_id) == "tok" else None)
        assert (rate, changed) == (RATES[variant], pytest.approx(round(6 * RATES[variant]) / 6))
        assert (is_lower, is_upper) == (True, True)


def test_examples_have_the_text_without_its_prompt_and_the_perplexity_under_the_extreme_models(built):
    rows = built.rows(
        "select prompt_document_id, prompt_text, generated_text, smallest_model_perplexity, largest_model_perplexity,"
        " spearman from fct_generation_example where suite_id = 's' and decoding_name = 'ps-pl'"
        " order by prompt_document_id"
    )
    assert [row[0] for row in rows] == list(range(PROMPT_COUNT))
    losses = generated_losses("ps-pl")
    models = [model_id for model_id in PARAMETERS if model_id.startswith("s/")]
    for prompt, prompt_text, text, smallest, largest, spearman in rows:
        assert prompt_text == "   0   1   2"
        assert text == "".join(f"{position:>4}" for position in range(3, 11))
        means = [losses[model_id, 80][prompt].astype(float).mean() for model_id in models]
        assert (smallest, largest) == pytest.approx((math.exp(means[0]), math.exp(means[-1])), rel=1e-6)
        assert spearman == pytest.approx(stats.spearmanr(range(4), means).statistic)


def test_tokens_of_a_generated_text_carry_the_ratio_of_their_generators(built):
    rows = built.rows(
        "select position, visible_text, is_prompt, is_fallback, log_prob_ratio_nats from fct_generated_token"
        f" where generation_key = '{'b' * 64}' and prompt_document_id = 4 order by position"
    )
    losses = generated_losses("pl-ps")
    ratio = (losses["s/large", 80][4].astype(float) - losses["s/tiny", 80][4]).tolist()
    assert [row[2] for row in rows] == [True] * PROMPT_LENGTH + [False] * NEW_LENGTH
    assert [row[0] for row in rows if row[3]] == [PROMPT_LENGTH]
    assert rows[0][1] == "a\\u{202e}"
    assert [row[4] for row in rows[:PROMPT_LENGTH]] == [None] * PROMPT_LENGTH
    assert [row[4] for row in rows[PROMPT_LENGTH:]] == pytest.approx(ratio, abs=1e-6)


def test_quality_counts_ngrams_and_joins_what_was_computed_elsewhere(built):
    rows = built.rows(
        "select decoding_name, distinct_2_ratio, repeated_4_ratio, fallback_ratio, mean_small_log_prob_nats, mauve,"
        " self_bleu from fct_generation_quality order by decoding_name"
    )
    texts = [[(prompt + position) % 5 for position in range(NEW_LENGTH)] for prompt in range(PROMPT_COUNT)]
    pairs = [pair for text in texts for pair in itertools.pairwise(text)]
    repeated = [1 - len({tuple(text[i : i + 4]) for i in range(5)}) / 5 for text in texts]
    for decoding, distinct, repetition, fallback, small, mauve, self_bleu in rows:
        assert distinct == pytest.approx(len(set(pairs)) / len(pairs))
        assert repetition == pytest.approx(np.mean(repeated))
        assert fallback == pytest.approx(1 / NEW_LENGTH)
        assert small == pytest.approx(-generated_losses(decoding)["s/tiny", 80].astype(float).mean(), rel=1e-6)
        assert (mauve, self_bleu) == (0.25 if decoding == "ps-pl" else None, None)


@pytest.mark.parametrize(
    "mart",
    [
        "fct_validation_perplexity_by_checkpoint",
        "fct_perplexity_difference",
        "fct_trend_share_by_start",
        "fct_trend_caveat",
        "fct_model_standing",
        "fct_checkpoint_token_change",
        "int_loss_replicate_by_checkpoint",
        "int_scored_step_set",
        "int_document_weight",
    ],
)
def test_other_marts_leave_out_the_corpora_of_sequences(built, mart):
    assert built.rows(f"select distinct corpus_id from {mart}") == [("human",)]


def test_scored_checkpoints_of_sequences_are_in_the_marts_by_the_pipeline_too(built):
    rows = built.rows("select distinct corpus_id, pipeline_state from fct_pipeline_health where corpus_id != 'human'")
    assert set(rows) == {(corpus_id, "in the marts") for corpus_id in ("texts", "texts-too", *RATES)}


def test_the_end_of_a_prompt_in_bytes_is_a_part_of_the_fingerprint(built):
    read = "select model_id, series_fingerprint from int_series_fingerprint where corpus_id = 'texts' order by model_id"
    before = built.rows(read)
    built.client.command(
        "alter table raw_document update scored_from_byte = 18 where corpus_id = 'texts' and document_id = 0"
        " settings mutations_sync = 2"
    )
    built.dbt("run", "--select", "+fct_generation_perplexity_by_checkpoint")
    after = built.rows(read)
    assert all(old[1] != new[1] for old, new in zip(before, after, strict=True))
    counted = built.rows(
        "select model_id, max(token_count) from int_sequence_loss_by_document"
        " where corpus_id = 'texts' and document_id = 0 group by model_id"
    )
    assert dict(counted) == {
        model_id: 5 if tokenizer_of(model_id) == "words" else NEW_LENGTH for model_id in PARAMETERS
    }


def ask(built, name: str, **values: str) -> list[dict]:
    """Return the rows of a named question."""
    return ask_question(built.client, read_questions(packaged_questions())[name], values).to_pylist()


def test_questions_about_sizes_and_curves_answer_from_the_marts(built):
    sizes = ask(built, "generation_perplexity_by_size", suite_id="s", decoding_name="ps-pl")
    assert [row["model_id"] for row in sizes] == [f"s/{name}" for name in ("tiny", "small", "middle", "large")]
    verdicts = ask(built, "generations_that_scale_inversely", suite_id="s")
    assert [(row["decoding_name"], row["verdict"]) for row in verdicts][::2] == [
        ("ps-pl", "inverse"),
        ("pl-ps", "regular"),
    ]
    turns = ask(built, "where_generation_curves_turn", suite_id="s", decoding_name="ps-pl")
    assert {row["model_id"] for row in turns if row["turning_step"] == 40} == {"s/large"}
    corrupted = ask(built, "corruption_by_rate_and_size", suite_id="s", source_corpus_id="human")
    assert [row["corruption_rate"] for row in corrupted] == [0] * 4 + [0.2] * 4 + [1] * 4
    assert {row["decoding_name"] for row in ask(built, "generation_quality")} == set(GENERATIONS)


def test_questions_about_texts_name_those_that_the_smallest_model_prefers(built):
    losses = generated_losses("ps-pl")
    ratio = (losses["s/large", 80] - losses["s/tiny", 80]).astype(float).mean(axis=1)
    texts = ask(built, "texts_that_small_models_prefer", suite_id="s", decoding_name="ps-pl", limit="3")
    assert [row["prompt_document_id"] for row in texts] == np.argsort(-ratio)[:3].tolist()
    prompts = ask(built, "prompts_that_invert_scaling", suite_id="s")
    assert len(prompts) == PROMPT_COUNT
    assert prompts[0]["spearman"] == pytest.approx(1)


def test_questions_about_tokens_find_where_the_generators_part(built):
    losses = generated_losses("ps-pl")
    ratio = losses["s/large", 80].astype(float) - losses["s/tiny", 80].astype(float)
    tokens = ask(built, "tokens_where_generators_part")
    prompt, place = np.unravel_index(np.argmax(abs(ratio)), ratio.shape)
    assert (tokens[0]["prompt_document_id"], tokens[0]["position"]) == (prompt, PROMPT_LENGTH + place)
    assert tokens[0]["text_before"].endswith(f"{PROMPT_LENGTH + place - 1:>4}")
    places = ask(built, "positions_where_generators_part")
    assert [row["mean_log_prob_ratio_nats"] for row in places] == pytest.approx(ratio.mean(axis=0), abs=1e-5)
    assert places[-1]["mean_log_prob_ratio_so_far_nats"] == pytest.approx(ratio.mean(), abs=1e-5)


def test_figures_and_tables_of_a_suite_that_generated_texts_are_drawn_from_the_marts(built, tmp_path):
    files = draw_sequences(built, "s", tmp_path)
    assert {file.stem for file in files} == {
        "figure_05_corruption_perplexity",
        "figure_06_generation_perplexity",
        "figure_13_generation_mauve",
        "figure_16_generation_perplexity_against_validation",
        "table_01_generated_examples",
        "table_04_generation_quality",
    }
    texts = {file.stem: file.read_text() for file in files if file.suffix in (".svg", ".html")}
    assert (
        "Texts of 8 tokens after the first 3 tokens of documents of human" in texts["figure_06_generation_perplexity"]
    )
    assert "greedy: inverse, 1 [1, 1]" in texts["figure_06_generation_perplexity"]
    assert "|V| = 5,000" in texts["figure_05_corruption_perplexity"]
    assert texts["table_01_generated_examples"].count("<bdi>") == 2 * len(GENERATIONS)
    assert texts["table_04_generation_quality"].count('<th scope="row">') == len(GENERATIONS)


def test_a_suite_that_generated_no_texts_has_a_figure_of_those_of_others(built, tmp_path):
    files = draw_sequences(built, "w", tmp_path)
    assert {file.stem for file in files} == {
        "figure_05_corruption_perplexity",
        "figure_07_generation_perplexity_of_other_models",
        "table_01_generated_examples",
    }
    (svg,) = [file for file in files if file.name == "figure_07_generation_perplexity_of_other_models.svg"]
    assert "Bits per byte of generated texts" in svg.read_text()


def draw_sequences(warehouse, suite: str, directory: Path) -> list[Path]:
    """Draw the figures and tables of sequences of a suite, with prompts and sources of corpus `human`."""
    colors = assign_model_colors(read_models_by_size(warehouse.client, warehouse.address.database))
    figures = (
        corruption_perplexity.FIGURE,
        *generation_perplexity.FIGURES,
        generation_quality.FIGURE,
        *generation_perplexity.LATER_FIGURES,
    )
    return [
        *(
            file
            for figure in figures
            for file in draw_figure(warehouse.client, figure, suite, "human", directory, colors, [])
        ),
        *(file for table in TABLES for file in draw_table(warehouse.client, table, suite, "human", directory)),
    ]
