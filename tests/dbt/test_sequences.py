"""Marts of corrupted and generated texts, against numpy and scipy on synthetic scores."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.figures.gallery import TABLES
from trailhouse.dashboards.figures.sequences import corruption_perplexity, generation_perplexity, generation_quality
from trailhouse.flows.draw_figures import draw_figure, draw_table
from trailhouse.warehouse.reading.query import read_models_by_size
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

STEPS = [0, 10, 40, 80]
# By model: number of parameters. All models but those of suite `w` have the tokenizer of the generated texts.
PARAMETERS = {"s/tiny": 100, "s/small": 400, "s/middle": 1600, "s/large": 6400, "w/a": 50, "w/b": 70, "w/c": 90}
PROMPT_COUNT, PROMPT_LENGTH, NEW_LENGTH = 12, 3, 8
# By generation: the key, the configuration, and by how much the loss grows with each next larger model.
GENERATIONS = {"ps-pl": ("a" * 64, 0.25), "pl-ps": ("b" * 64, -0.25), "ps": ("c" * 64, 0.0)}
RATES = {"none": 0.0, "replace-20": 0.2, "replace-100": 1.0}
DOCUMENT_LENGTH = 6
SELECTION = ("--exclude", "test_type:unit", "--indirect-selection", "buildable", "--select")


def tokenizer_of(model_id: str) -> str:
    return "words" if model_id.startswith("w/") else "tok"


def curve(model_id: str, step: int) -> float:
    """Return how the mean loss depends on the checkpoint: it falls, and for the largest model rises at the end."""
    values = {0: 3.0, 10: 1.0, 40: 0.25, 80: 0.5 if model_id == "s/large" else 0.125}
    return values[step]


def generated_losses(decoding: str) -> dict[tuple[str, int], np.ndarray]:
    """Return the losses of the generated tokens, of shape (prompts, tokens), by model and step."""
    noise = np.random.default_rng(len(decoding)).normal(0, 0.125, size=(PROMPT_COUNT, NEW_LENGTH))
    growth = GENERATIONS[decoding][1]
    sizes = sorted(PARAMETERS.values())
    return {
        (model_id, step): np.float32(
            2
            + curve(model_id, step)
            + growth * sizes.index(PARAMETERS[model_id])
            + noise
            + np.random.default_rng([step, PARAMETERS[model_id]]).normal(0, 0.25, size=noise.shape)
        )
        for model_id in PARAMETERS
        for step in STEPS
    }


def corrupted_losses(variant: str) -> dict[tuple[str, int], np.ndarray]:
    """Return the losses of the tokens of corrupted documents, of shape (documents, tokens), by model and step."""
    noise = np.random.default_rng(7).normal(0, 0.25, size=(PROMPT_COUNT, DOCUMENT_LENGTH))
    return {
        (model_id, step): np.float32(3 + curve(model_id, step) + 4 * RATES[variant] + noise)
        for model_id in PARAMETERS
        for step in STEPS
    }


def add_documents(warehouse, corpus_id: str, kind: str, documents: list[dict], *, length: int, prompt: int) -> None:
    """Insert a corpus of texts that were made from tokens of four bytes, and its tokens under both tokenizers.

    Tokens of the tokenizer `words` are two bytes longer, so that one of them begins in the prompt and ends after it.
    """
    warehouse.insert("raw_corpus", corpus_id=corpus_id, document_count=len(documents))
    for document_id, provenance in enumerate(documents):
        warehouse.insert(
            "raw_document",
            corpus_id=corpus_id,
            document_id=document_id,
            document_name=f"text {document_id}",
            text="".join(f"{position:>4}" for position in range(length)),
            kind=kind,
            provenance=json.dumps(provenance),
            scored_from_position=prompt,
            tokenizer_id="tok",
            token_ids=list(range(length)),
            scored_from_byte=4 * prompt,
        )
    rows = []
    for tokenizer_id, size in (("tok", 4), ("words", 6)):
        for document_id in range(len(documents)):
            for position in range(math.ceil(4 * length / size)):
                text = f"{position:>4}" if position else "a\u202e"
                rows.append(
                    [tokenizer_id, corpus_id, document_id, position, text, size * position, size * (position + 1)]
                )
    names = ["tokenizer_id", "corpus_id", "document_id", "position", "token_text", "byte_start", "byte_end"]
    warehouse.client.insert("raw_token", rows, column_names=names)


def add_generation(warehouse, decoding: str) -> None:
    key = GENERATIONS[decoding][0]
    warehouse.insert(
        "raw_generation",
        generation_key=key,
        small_model_id="s/tiny",
        small_step=80,
        small_weights_sha256="0" * 64,
        large_model_id="s/large",
        large_step=80,
        large_weights_sha256="0" * 64,
        tokenizer_id="tok",
        prompt_corpus_id="human",
        prompt_corpus_sha256="0" * 64,
        prompt_token_count=PROMPT_LENGTH,
        new_token_count=NEW_LENGTH,
        method="interpolated",
        decoding_name=decoding,
        sampling="greedy",
        top_p=1.0,
    )
    losses = generated_losses(decoding)
    for prompt in range(PROMPT_COUNT):
        warehouse.insert(
            "raw_generated_text",
            generation_key=key,
            prompt_document_id=prompt,
            token_ids=[(prompt + position) % 5 for position in range(NEW_LENGTH)],
            is_fallback=[position == 0 for position in range(NEW_LENGTH)],
            small_log_prob_nats=(-losses["s/tiny", 80][prompt]).tolist(),
            large_log_prob_nats=(-losses["s/large", 80][prompt]).tolist(),
        )


def score(warehouse, model_id: str, corpus_id: str, step: int, texts: np.ndarray, *, prompt: int) -> None:
    """Score the texts of a corpus by one checkpoint. Tokens of the prompts have a loss of 50 nats."""
    if tokenizer_of(model_id) == "words":
        prompt_tokens = math.ceil(4 * prompt / 6)
        length = math.ceil(4 * (prompt + texts.shape[1]) / 6) - prompt_tokens
        texts = texts[:, :length]
    else:
        prompt_tokens = prompt
    rows = [
        (document_id, position, -50.0 if position < prompt_tokens else -float(losses[position - prompt_tokens]))
        for document_id, losses in enumerate(texts)
        for position in range(1, prompt_tokens + len(losses))
    ]
    warehouse.score_checkpoint(model_id, corpus_id, step, rows, tokenizer_id=tokenizer_of(model_id))


def kept(losses: np.ndarray, model_id: str, *, prompt: int) -> np.ndarray:
    """Return the losses that aggregates count: without prompts, and without the first token of a document."""
    if tokenizer_of(model_id) == "words":
        losses = losses[:, : math.ceil(4 * (prompt + losses.shape[1]) / 6) - math.ceil(4 * prompt / 6)]
    return losses if prompt else losses[:, 1:]


@pytest.fixture(scope="module")
def built(warehouse):
    """Three generations in two corpora, three corrupted corpora, and the human corpus that both were made from."""
    warehouse.add_corpus("human", dict.fromkeys(range(PROMPT_COUNT), 4))
    for model_id, count in PARAMETERS.items():
        warehouse.add_model(model_id, STEPS, planned_steps=80, parameter_count=count, active_parameter_count=count)
    held = {"texts": ["ps-pl", "pl-ps"], "texts-too": ["ps-pl", "ps"]}
    for corpus_id, decodings in held.items():
        documents = [
            {"generation_key": GENERATIONS[decoding][0], "prompt_corpus_id": "human", "prompt_document_id": prompt}
            for decoding in decodings
            for prompt in range(PROMPT_COUNT)
        ]
        length = PROMPT_LENGTH + NEW_LENGTH
        add_documents(warehouse, corpus_id, "generated", documents, length=length, prompt=PROMPT_LENGTH)
    for variant, rate in RATES.items():
        documents = [
            {
                "source_corpus_id": "human",
                "source_document_id": document_id,
                "corruption_kind": variant.split("-")[0],
                "corruption_rate": rate,
                "corruption_unit": "token",
                "seed": 1,
                "changed_token_count": round(rate * DOCUMENT_LENGTH),
                "source_token_count": DOCUMENT_LENGTH,
                "vocabulary_size": 5000,
            }
            for document_id in range(PROMPT_COUNT)
        ]
        add_documents(warehouse, variant, "corrupted", documents, length=DOCUMENT_LENGTH, prompt=0)
    for decoding in GENERATIONS:
        add_generation(warehouse, decoding)
    for model_id, step in itertools.product(PARAMETERS, STEPS):
        for corpus_id, decodings in held.items():
            texts = np.concatenate([generated_losses(decoding)[model_id, step] for decoding in decodings])
            score(warehouse, model_id, corpus_id, step, texts, prompt=PROMPT_LENGTH)
        for variant in RATES:
            score(warehouse, model_id, variant, step, corrupted_losses(variant)[model_id, step], prompt=0)
        rows = [(document, position, -1.5 - step / 64) for document in range(PROMPT_COUNT) for position in (1, 2, 3)]
        if model_id.startswith("s/"):
            warehouse.score_checkpoint(model_id, "human", step, rows)
    warehouse.insert(
        "raw_generation_quality", generation_key="a" * 64, metric="mauve", value=0.25, settings='{"seed": 1}'
    )
    warehouse.dbt(
        "build",
        *SELECTION,
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
        losses = kept(generated_losses(decoding)[model_id, step], model_id, prompt=PROMPT_LENGTH).astype(float)
        assert token_count == losses.size
        assert perplexity == pytest.approx(math.exp(losses.mean()), rel=1e-6)
        token_bytes = 6 if tokenizer_of(model_id) == "words" else 4
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
        finals = [kept(generated_losses(decoding)[m, 80], m, prompt=PROMPT_LENGTH).astype(float) for m in models]
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
        losses, clean = (
            kept(corrupted_losses(each)[model_id, step], model_id, prompt=0).astype(float) for each in (variant, "none")
        )
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
