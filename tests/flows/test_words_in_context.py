"""Words in context through the real commands: sampled, read, scored and compared with their contexts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trailhouse.models.texts.tokenizer import load_tokenizer
from trailhouse.models.texts.word_starts import find_word_starts

pytestmark = pytest.mark.slow

SENTENCES = [f"the cat sat on the mat and the {name} reads the file" for name in ("parser", "reader", "writer", "cat")]


@pytest.fixture
def source(trailhouse, tmp_path) -> str:
    """Register four texts."""
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in SENTENCES))
    assert trailhouse("corpus", "add", "texts.jsonl", "--name", "source")[0] == 0
    return "source"


def test_words_are_sampled_once_and_none_stands_in_the_training_texts(trailhouse, client, source, tmp_path):
    (tmp_path / "train.txt").write_text(f"first {SENTENCES[0]} and more")
    command = ("phases", "sample", source, "--name", "words", "--count", "10", "--seed", "2")
    command += ("--train-texts", "train.txt", "--split", "50/30/20", "--json")
    code, out, err = trailhouse(*command)
    assert code == 0, err
    report = json.loads(out)
    assert (report["document_count"], report["is_new"]) == (10, True)
    assert report["split_counts"] == {"train": 5, "validation": 3, "test": 2}
    assert report["counts"]["word_count"] == 48
    assert report["counts"]["in_training_count"] > 0
    assert "--corpus words --next-word-log-prob" in err
    assert "stand in the training texts" in err
    rows = client.query_arrow("select * from raw_document where corpus_id = 'words' order by document_id").to_pylist()
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == 10
    for row in rows:
        origin = json.loads(row["provenance"])
        words = SENTENCES[origin["source_document_id"]].split()
        assert row["text"].split() == words[: origin["source_word_index"] + 1]
        assert row["text"] not in SENTENCES[0]
        assert (row["kind"], origin["target"]) == ("word-in-context", row["text"].split()[-1])
    again = json.loads(trailhouse(*command)[1])
    assert {**again, "is_new": True} == report
    assert not again["is_new"]
    other = json.loads(trailhouse(*command, "--split", "80/20/0")[1])
    assert (other["is_new"], other["split_counts"]) == (True, {"train": 8, "validation": 2})


def test_only_the_target_counts_and_its_tokens_have_the_score_of_the_word(
    trailhouse, client, tmp_path, make_tiny_suite, tiny_template
):
    """Log-probabilities are stored losslessly. Those of the target are computed a second time, in one forward pass."""
    import torch
    from transformers import AutoModelForCausalLM

    suite = make_tiny_suite("few", [5])
    (tmp_path / "words.tsv").write_text(
        "context\ttarget\tsplit\nthe cat sat on the\tmattress\ttest\na b c d\tfile\ttrain\n"
    )
    assert trailhouse("phases", "read", "words.tsv", "--name", "words")[0] == 0
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", "words", "--next-word-log-prob")
    assert code == 0, err
    rows = client.query(
        "select position, byte_start >= 18, log_prob_nats, next_word_log_prob_nats from raw_token_score"
        " inner join raw_token using (corpus_id, document_id, position) where document_id = 0 order by position"
    ).result_rows
    tokenizer = load_tokenizer(tiny_template)
    ids = torch.tensor(tokenizer("the cat sat on the mattress", add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(suite.step(5))
        distribution = model(input_ids=ids[None]).logits[0].double().log_softmax(-1)
    starts = distribution[:, find_word_starts(tokenizer)].logsumexp(-1)
    np.testing.assert_allclose([row[3] for row in rows], starts[1:], atol=1e-4)
    target = [position for position, is_target, _, _ in rows if is_target]
    assert len(target) > 1
    direct = sum(float(distribution[position - 1, ids[position]]) for position in target)
    assert sum(row[2] for row in rows if row[1]) == pytest.approx(direct, abs=2e-4 * len(target))
    ledger = "select JSONExtractBool(settings, 'with_next_word') from raw_score_ledger final"
    assert client.query(ledger).result_rows == [(True,)]
    code, out, _ = trailhouse("score", str(suite.declaration), "--corpus", "words", "--json")
    assert json.loads(out)["scored_count"] == 1  # the key without the setting is another
    ((count, filled),) = client.query("select count(), count(next_word_log_prob_nats) from raw_token_score").result_rows
    assert (count > 0, filled) == (True, 0)


def test_similarities_are_computed_once_and_again_when_something_changes(trailhouse, client, source, tmp_path):
    (tmp_path / "v.vec").write_text("4 2\nthe 1 0\ncat 0 1\nsat 1 1\nmat 2 1\n")
    command = ("phases", "similarity", source, "--vectors", "v.vec", "--json")
    code, out, err = trailhouse(*command)
    report = json.loads(out)
    assert (code, report["is_new"]) == (0, True), err
    # each text has 12 words, of which the last 8 have at least four words before them
    assert report["summary"]["word_count"] == 32
    assert list(report["summary"]["unknown_words"].items()) == [
        ("and", 4),
        ("file", 4),
        ("reads", 4),
        ("parser", 1),
        ("reader", 1),
        ("writer", 1),
    ]
    assert "15 words without a vector, the most frequent first: and (4), file (4)" in err
    ((cosine, target, known),) = client.query(
        "select cosine_similarity, word, known_context_word_count from raw_semantic_similarity"
        " where document_id = 0 and word_index = 5 and weighting = 'unweighted'"
    ).result_rows
    mean = np.asarray([1 + 0 + 1 + 1, 0 + 1 + 1 + 0]) / 4
    expected = float(mean @ [2, 1] / np.linalg.norm(mean) / np.linalg.norm([2, 1]))
    assert (target, known, cosine) == ("mat", 4, pytest.approx(expected, abs=1e-6))
    again = json.loads(trailhouse(*command)[1])
    assert {**again, "is_new": True} == report
    assert not again["is_new"]
    assert json.loads(trailhouse(*command, "--max-context-words", "5")[1])["is_new"]
    (tmp_path / "train.txt").write_text("\n".join(SENTENCES * 3))
    code, out, err = trailhouse("phases", "similarity", source, "--train", "train.txt", "--json")
    assert (code, json.loads(out)["is_new"]) == (0, True), err
    rows = client.query("select origin, vocabulary_count from raw_word_vectors final order by all").result_rows
    assert rows == [("file", 4), ("trained", 8)]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (("sample", "source", "--name", "w", "--count", "99"), 3, "has only"),
        (("sample", "source", "--name", "source", "--count", "1"), 2, "would replace 'source' itself"),
        (("sample", "none", "--name", "w", "--count", "1"), 3, "there is no corpus 'none'"),
        (("sample", "source", "--name", "w", "--count", "1", "--split", "half"), 2, "'half' is not three percentages"),
        (("sample", "source", "--name", "w", "--count", "1", "--train-texts", "no.txt"), 3, "there is no such file"),
        (("read", "no.tsv", "--name", "w"), 3, "no.tsv: cannot be read"),
        (("similarity", "source"), 2, "neither are given"),
        (("similarity", "source", "--vectors", "no.vec"), 3, "no.vec: there is no such file"),
        (("similarity", "none", "--vectors", "a.vec"), 3, "there is no corpus 'none'"),
        (("similarity", "short", "--vectors", "a.vec"), 3, "no word with at least four words before it"),
    ],
)
def test_a_mistake_is_one_line_with_its_hint_and_writes_nothing(
    trailhouse, client, source, tmp_path, arguments, exit_code, named
):
    (tmp_path / "a.vec").write_text("1 1\na 1\n")
    (tmp_path / "short.txt").write_text("one two")
    assert trailhouse("corpus", "add", "short.txt", "--name", "short")[0] == 0
    code, out, err = trailhouse("phases", *arguments)
    assert (code, out) == (exit_code, "")
    problem, hint = err.strip().splitlines()[-2:]
    assert named in problem
    assert hint.startswith("  hint: ")
    assert client.query("select count() from raw_corpus final").result_rows == [(2,)]
    assert client.query("select count() from raw_semantic_similarity").result_rows == [(0,)]


def test_words_in_context_are_not_sampled_from_themselves(trailhouse, tmp_path):
    (tmp_path / "words.tsv").write_text("context\ttarget\na b c d\te\n")
    code, _, err = trailhouse("phases", "read", "words.tsv", "--name", "words")
    assert code == 0
    assert "no word is a validation word" in err
    code, _, err = trailhouse("phases", "sample", "words", "--name", "more", "--count", "1")
    assert (code, "holds words in context already" in err) == (3, True)
