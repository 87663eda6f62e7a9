"""The demonstration of behavioural phases on its reduced suite, through the real command."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.support.workplace import Workplace
from trailhouse.server.process import stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SUITE, WORDS, PROSE = "miniature-parallel-reduced", "python-docs-words", "python-docs-validation"
MODELS = [f"{SUITE}/{name}-seed{seed}" for name in ("mamba2", "neox", "rwkv") for seed in (0, 1)]
STEPS = (0, 4, 16, 40, 80)
# Log-probability of each target, and the score of its 2-gram, straight from the raw tables
TARGETS = f"""
    select scored.log_prob, ngram.log_prob_nats
    from (
        select document_id, sum(log_prob_nats) as log_prob from raw_token_score
        inner join (
            select document_id, position from raw_token
            inner join (
                select document_id, scored_from_byte from raw_document where corpus_id = '{WORDS}'
            ) as document using (document_id)
            where corpus_id = '{WORDS}' and byte_start >= scored_from_byte
        ) as token using (document_id, position)
        where corpus_id = '{WORDS}' and model_id = {{model:String}} and step = 80
        group by document_id
    ) as scored
    inner join raw_ngram_score as ngram on ngram.document_id = scored.document_id
    inner join (
        select document_id, JSONExtractString(provenance, 'split') as split,
            JSONExtractInt(provenance, 'target_word_index') as target_index
        from raw_document where corpus_id = '{WORDS}'
    ) as document on document.document_id = scored.document_id
    where ngram.corpus_id = '{WORDS}' and ngram.vocabulary_id = 'words' and ngram_order = 2 and split = 'train'
        and unit_index = target_index
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, command_server):
    made = Workplace(tmp_path_factory.mktemp("phases"), prefect_url=command_server)
    yield made
    stop(made.settings.warehouse_directory)


@pytest.fixture(scope="module")
def report(place):
    result = place.run("demo", "--phases", "--size", "reduced", "--json", timeout=1000)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) | {"messages": result.stderr}


def test_every_checkpoint_is_compared_with_every_order_on_words_and_on_tokens(report, place):
    assert [scoring["scored_count"] for scoring in report["phases"]["scorings"]] == [len(MODELS) * len(STEPS)] * 2
    rows = place.query(
        "select corpus_id, unit, uniqExact(model_id, step), uniqExact(ngram_order) from"
        " fct_phase_correlation_by_checkpoint where predictor_kind = 'ngram' and not is_published"
        " group by all order by all"
    )
    count = len(MODELS) * len(STEPS)
    assert {row[:2] for row in rows} >= {(WORDS, "word"), (PROSE, "word"), (PROSE, "token")}
    assert {row[2:] for row in rows} == {(count, 5)}


@pytest.mark.parametrize("model", MODELS[::2])
def test_a_correlation_is_that_of_scipy_on_the_raw_scores(report, place, model):
    rows = np.array(place.query(TARGETS.replace("{model:String}", f"'{model}'")))
    ((count, pearson, spearman),) = place.query(
        "select unit_count, pearson, spearman from fct_phase_correlation_by_checkpoint"
        f" where model_id = '{model}' and step = 80 and corpus_id = '{WORDS}' and unit = 'word' and ngram_order = 2"
        " and smoothing = 'stupid_backoff'"
    )
    assert len(rows) == count > 300
    np.testing.assert_allclose(pearson, stats.pearsonr(*rows.T)[0], atol=1e-6)
    np.testing.assert_allclose(spearman, stats.spearmanr(*rows.T)[0], atol=1e-6)


def test_models_follow_word_frequencies_more_after_training_than_before(report, place):
    rows = place.query(
        "select model_id, argMin(pearson, step), argMax(pearson, step) from fct_phase_correlation_by_checkpoint"
        f" where corpus_id = '{WORDS}' and unit = 'word' and ngram_order = 1 group by model_id"
    )
    assert len(rows) == len(MODELS)
    assert all(trained > untrained + 0.05 for _, untrained, trained in rows), rows


def test_each_model_has_a_verdict_and_a_sentence_that_says_it(report):
    verdicts = {
        row["model_id"]: row["verdict"]
        for row in report["order"]
        if row["corpus_id"] == WORDS and row["unit"] == "word"
    }
    assert sorted(verdicts) == MODELS
    assert set(verdicts.values()) <= {"in order", "not in order", "cannot be told"}
    assert all(report["messages"].count(f"{model}: ") == 1 for model in MODELS)


def test_the_variance_is_explained_on_training_and_validation_words(report):
    rows = [row for row in report["variance"] if row["corpus_id"] == WORDS and row["step"] == STEPS[-1]]
    assert len(rows) >= len(MODELS)
    for row in rows:
        shares = row["unigram_share"] + row["fivegram_share"] + row["similarity_share"]
        np.testing.assert_allclose(shares, row["r_squared_train"], atol=1e-9)
        assert 0.05 < row["r_squared_train"] < 1
        assert row["r_squared_validation"] <= 1


def test_agreement_joins_all_architectures(report, place):
    ((pair_count, least, greatest),) = place.query(
        "select count(), min(pearson), max(pearson) from fct_checkpoint_agreement"
        f" where corpus_id = '{WORDS}' and step = 80 and other_step = 80"
    )
    assert pair_count == len(MODELS) ** 2
    assert 0.2 < least < greatest <= 1 + 1e-9


def test_figures_of_own_and_published_phases_are_drawn(report, place):
    drawn = {(Path(file).parts[-3], Path(file).stem) for file in report["figures"] if file.endswith(".png")}
    for name in ("phase_correlations", "phase_ladder", "phase_variance_explained"):
        assert {(SUITE, name), ("phases-published", name)} <= drawn
    assert (SUITE, "checkpoint_agreement") in drawn


def test_measuring_again_repeats_nothing(report, place):
    texts = str(place.settings.data_directory / "miniature-texts" / "training.jsonl")
    options = ("--corpus", WORDS, "--corpus", PROSE, "--ngrams", "python-docs-training", "--train-texts", texts)
    result = place.run("phases", "measure", SUITE, *options, "--json")
    assert result.returncode == 0, result.stderr
    again = json.loads(result.stdout)
    assert [count["counted_shard_count"] for count in again["counts"]] == [0, 0]
    assert [scoring["scored_count"] for scoring in again["scorings"]] == [0, 0]
    assert not any(score["is_new"] for score in again["ngram_scores"] + again["similarities"])
