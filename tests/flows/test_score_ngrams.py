"""`trailhouse phases score-ngrams`: words and tokens are scored by every provider, and never twice."""

import json
import math

import pytest

from tests.models.phases.test_infini_gram import TEXTS, count_like_infini_gram, serve
from tests.support.counted_ngrams import draw_texts
from tests.support.ngram_models import KneserNey, back_off
from tests.support.paths import ROOT
from trailhouse.models.texts.tokenizer import load_tokenizer

SCORES = (
    "select document_id, unit_index, ngram_order, log_prob_nats, matched_order from raw_ngram_score"
    " where provider = '{}' and smoothing = '{}' and unit = '{}' order by all"
)
SCORED = draw_texts(31, 4, "abcdefghij")


@pytest.fixture
def score(trailhouse, tmp_path):
    """Register the corpus `scored`, and return the command; it returns (exit code, reports, stderr)."""
    lines = [json.dumps({"text": " \n ".join(text)}) for text in SCORED]
    (tmp_path / "scored.jsonl").write_text("\n".join(lines))
    assert trailhouse("corpus", "add", "scored.jsonl", "--name", "scored")[0] == 0

    def run(*arguments: str) -> tuple[int, list[dict], str]:
        code, out, err = trailhouse("phases", "score-ngrams", "scored", "--ngrams", "train", "--json", *arguments)
        return code, json.loads(out) if out else [], err

    return run


@pytest.fixture
def count(trailhouse, tmp_path):
    """Count the texts of the fake service, in words or tokens."""

    def run(*arguments: str, texts=TEXTS, file: str = "train.jsonl") -> None:
        (tmp_path / file).write_text("\n".join(json.dumps({"text": " ".join(text)}) for text in texts))
        code, _, err = trailhouse("phases", "count", "--corpus", file, "--name", "train", *arguments)
        assert code == 0, err

    return run


def read_scores(client, provider: str, smoothing: str, unit: str = "word") -> dict:
    rows = client.query(SCORES.format(provider, smoothing, unit)).result_rows
    return {row[:3]: row[3:] for row in rows}


def test_words_are_scored_with_both_smoothings_and_what_is_scored_is_left_alone(score, count, client):
    count("--words")
    smoothings = ("--smoothing", "stupid_backoff", "--smoothing", "kneser_ney")
    code, reports, err = score(*smoothings)
    assert (code, [report["is_new"] for report in reports]) == (0, [True, True]), err
    backed_off = read_scores(client, "clickhouse", "stupid_backoff")
    smoothed = read_scores(client, "clickhouse", "kneser_ney")
    model = KneserNey(TEXTS, 3)
    for document, text in enumerate(SCORED):
        for index, word in enumerate(text):
            assert backed_off[document, index, 4][0] == pytest.approx(
                back_off(TEXTS, text[:index], word, 4)[0], abs=1e-6
            )
            expected = math.log(model.predict(text[:index], word))
            assert smoothed[document, index, 3][0] == pytest.approx(expected, abs=1e-6)
    assert [report["is_new"] for report in score(*smoothings)[1]] == [False, False]


def test_a_new_shard_or_another_text_is_scored_anew(score, count, client, trailhouse, tmp_path):
    count("--words")
    assert score()[1][0]["is_new"]
    before = read_scores(client, "clickhouse", "stupid_backoff")
    count("--words", texts=draw_texts(33, 5), file="more.jsonl")
    assert score()[1][0]["is_new"]
    assert read_scores(client, "clickhouse", "stupid_backoff") != before
    (tmp_path / "scored.jsonl").write_text('{"text": "a b"}\n')
    assert trailhouse("corpus", "add", "scored.jsonl", "--name", "scored")[0] == 0
    assert score()[1][0] | {"is_new": True, "row_count": 10} == score()[1][0] | {"is_new": True}


def test_tokens_are_scored_once_the_corpus_is(score, count, client, trailhouse, make_tiny_suite):
    suite = make_tiny_suite("tiny", [1])
    count("--tokenizer-of", str(suite.declaration))
    code, _, err = score()
    assert (code, "none of its tokens" in err, "trailhouse score" in err) == (3, True, True)
    assert trailhouse("score", str(suite.declaration), "--corpus", "scored")[0] == 0
    assert score()[0] == 0
    tokenizer = load_tokenizer(suite.step(1))

    def encode(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    training = [encode(" ".join(text)) for text in TEXTS]
    found = read_scores(client, "clickhouse", "stupid_backoff", "token")
    scored = [encode(" \n ".join(text)) for text in SCORED]
    assert len(found) == 5 * sum(map(len, scored))
    for document, tokens in enumerate(scored):
        for index in range(0, len(tokens), 5):
            expected = back_off(training, tokens[:index], tokens[index], 3)
            assert found[document, index, 3] == (pytest.approx(expected[0], abs=1e-6), expected[1])


def test_lost_counts_are_named_and_not_taken_for_zeros(score, count, client):
    count("--words")
    count("--words", texts=draw_texts(34, 5), file="more.jsonl")
    client.command(
        "delete from raw_ngram_count where ngram_order = 5 and shard_id = (select min(shard_id) from raw_ngram_shard)"
    )
    code, _, err = score()
    assert (code, "1 of its 2 shards have lost counts or words" in err) == (3, True), err


def test_a_service_with_the_same_counts_gives_the_same_scores(score, count, client):
    count("--words")
    score()
    with serve(count_like_infini_gram) as (url, queries):
        arguments = ("--provider", "infini_gram", "--api", url, "--index", "test")
        code, (report,), err = score(*arguments)
        assert (code, report["is_new"]) == (0, True), err
        query_count = len(queries)
        assert not score(*arguments)[1][0]["is_new"]
        assert len(queries) == query_count + 1  # the size of the index, which says whether it is the same
    own, others = (read_scores(client, name, "stupid_backoff") for name in ("clickhouse", "infini_gram"))
    assert own == others


def test_files_of_kenlm_are_scored_at_their_orders(score, client):
    pytest.importorskip("kenlm", reason="the extra trailhouse[kenlm] is not installed")
    folder = ROOT / "tests" / "fixtures" / "kenlm"
    files = ("--arpa", str(folder / "few_lines_2.arpa"), "--arpa", str(folder / "few_lines_3.arpa"))
    code, (report,), err = score("--provider", "kenlm", *files)
    assert (code, report["row_count"], report["is_new"]) == (0, 2 * sum(map(len, SCORED)), True), err
    assert {order for _, _, order in read_scores(client, "kenlm", "kneser_ney")} == {2, 3}
    assert not score("--provider", "kenlm", *files)[1][0]["is_new"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there are no counts of n-gram corpus 'train'"),
        (("--smoothing", "laplace"), "there is no smoothing 'laplace'"),
        (("--provider", "kenlm", "--smoothing", "kneser_ney"), "the provider kenlm does not use --smoothing"),
        (("--arpa", "file.arpa"), "the provider clickhouse does not use --arpa"),
        (("--provider", "kenlm"), "the provider kenlm needs a file"),
    ],
)
def test_wrong_options_are_refused(score, arguments, message):
    code, _, err = score(*arguments)
    assert (code in (2, 3), message in err) == (True, True), err
