"""Generated and corrupted texts through the real command: what is stored, what is scored, and what is refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.sequences.mauve_score import compute_mauve, extract_features
from trailhouse.models.texts.tokenizer import load_tokenizer

pytestmark = pytest.mark.slow

TEXTS = "select generation_key, prompt_document_id, token_ids, is_fallback from raw_generated_text final order by all"
DOCUMENTS = "select * from raw_document where kind != 'human' order by corpus_id, document_id"


@pytest.fixture
def pair(make_tiny_suite, trailhouse, tmp_path) -> tuple[str, str]:
    """Register five prompts, and return the options that name two checkpoints and the prompts."""
    suite = make_tiny_suite("pair", [1, 2])
    lines = [json.dumps({"id": f"p{n}", "text": "the cat sat on the mat and the file " * (n + 1)}) for n in range(5)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    assert trailhouse("corpus", "add", "prompts.jsonl", "--name", "prompts")[0] == 0
    return str(suite.declaration), f"{suite.declaration}/tiny"


@pytest.fixture
def generate(trailhouse, pair):
    """Generate texts with the two checkpoints; returns (exit code, report, stderr)."""

    def run(*options: str, small: str = "@1", large: str = "@2", prompts: str = "prompts") -> tuple[int, dict, str]:
        models = ("--small", f"{pair[1]}{small}", "--large", f"{pair[1]}{large}", "--prompts", prompts)
        code, out, err = trailhouse("generate", *models, "--length", "12", "--json", *options)
        return code, json.loads(out) if out else {}, err

    return run


def test_texts_are_generated_once_and_become_a_corpus_with_their_origin(generate, client):
    code, report, err = generate("--preset", "ps-pl", "--preset", "pl")
    assert (code, report.get("generated_count"), report.get("generation_count")) == (0, 20, 4), err
    first = client.query(TEXTS).result_rows
    assert len(first) == 20
    documents = client.query_arrow(DOCUMENTS).to_pylist()
    assert [one["document_name"] for one in documents[:6]] == [
        *(f"ps-pl, greedy: p{n}" for n in range(5)),
        "ps-pl, nucleus 0.9: p0",
    ]
    stored = {(key.decode(), prompt): tokens for key, prompt, tokens, _ in first}
    for one in documents:
        origin = json.loads(one["provenance"])
        assert one["scored_from_position"] == 5
        assert 0 < one["scored_from_byte"] < len(one["text"].encode())
        assert one["token_ids"][5:] == stored[origin["generation_key"], origin["prompt_document_id"]]
    rows = client.query(
        "select decoding_name, sampling, small_step, large_step, top_p from raw_generation final order by all"
    )
    assert rows.result_rows == [
        ("pl", "greedy", 1, 2, 1.0),
        ("pl", "nucleus", 1, 2, 0.9),
        ("ps-pl", "greedy", 1, 2, 1.0),
        ("ps-pl", "nucleus", 1, 2, 0.9),
    ]
    runs = client.query("select run_kind, checkpoint_count, score_count from raw_scoring_run final order by run_kind")
    assert runs.result_rows == [("generation", 1, 20 * 12), ("judgement", 1, 0)]
    quality = client.query("select metric, count(), min(value) > 0 from raw_generation_quality final group by metric")
    assert quality.result_rows == [("self_bleu", 4, True)]
    assert "MAUVE is not computed: it needs 50 of each, and there are 5 texts by the models and 4 texts" in err

    code, again, _ = generate("--preset", "ps-pl", "--preset", "pl", "--batch-size", "2")
    assert (code, again["generated_count"], again["already_generated_count"]) == (0, 0, 20)
    assert again["corpus_id"] == report["corpus_id"]
    code, more, _ = generate("--preset", "pl", "--preset", "ps", "--sampling", "greedy", "--limit", "3")
    assert (code, more["generated_count"], more["already_generated_count"]) == (0, 3, 3)
    assert {row[0] for row in first} < {row[0] for row in client.query(TEXTS).result_rows}


def test_the_texts_are_the_same_for_every_batch_size(generate, client):
    options = ("--preset", "ps-pl", "--weights", "0.5,0.7", "--seed", "3")
    assert generate(*options, "--batch-size", "5")[0] == 0
    first = client.query(TEXTS).result_rows
    client.command("truncate table raw_generated_text")
    assert generate(*options, "--batch-size", "1")[0] == 0
    assert client.query(TEXTS).result_rows == first


def test_the_generating_models_score_their_texts_as_they_did_when_they_wrote_them(generate, client, pair):
    code, report, err = generate("--score", pair[0])
    assert code == 0, err
    assert report["scorings"][0]["scored_count"] == 2
    for role, step in (("small", 1), ("large", 2)):
        ((difference, count),) = client.query(
            f"""
            select max(abs(score.log_prob_nats - text.{role}_log_prob_nats[score.position - 4])), count()
            from raw_token_score as score
            inner join raw_document as document using (corpus_id, document_id)
            inner join (select * from raw_generated_text final) as text
                on text.generation_key = JSONExtractString(document.provenance, 'generation_key')
                and text.prompt_document_id = JSONExtractInt(document.provenance, 'prompt_document_id')
            where score.step = {step} and score.position >= 5
            """
        ).result_rows
        assert count == 10 * 5 * 12
        assert difference < 2.1e-4  # both are rounded to 1e-4 nats


def test_enough_texts_are_judged_by_mauve_with_features_of_the_large_checkpoint(generate, trailhouse, client, pair):
    words = ["the", "cat", "sat", "on", "the", "mat", "and", "the", "parser", "reads", "the", "file"]
    draw = random.Random(0)
    texts = [{"id": f"t{n}", "text": " ".join(draw.choices(words, k=20))} for n in range(50)]
    Path("many.jsonl").write_text("\n".join(map(json.dumps, texts)))
    assert trailhouse("corpus", "add", "many.jsonl", "--name", "many")[0] == 0
    code, report, err = generate("--preset", "pl", "--sampling", "nucleus", prompts="many")
    assert code == 0, err
    ((value, settings),) = client.query(
        "select value, settings from raw_generation_quality final where metric = 'mauve'"
    ).result_rows
    assert json.loads(settings) == {
        "cluster_count": 5,
        "features_of": "pair/tiny@2",
        "generated_text_count": 50,
        "human_text_count": 50,
        "seed": 25,
    }
    directory = Path(pair[0]).with_suffix("") / "step-2"
    model, tokenizer = load_model(directory, ScoringSettings()), load_tokenizer(directory)
    human = [tokenizer(one["text"])["input_ids"][:17] for one in texts]
    rows = client.query(
        "select token_ids from raw_document where corpus_id = {corpus:String} order by document_id",
        parameters={"corpus": report["corpus_id"]},
    ).result_rows
    groups = ([ids for (ids,) in rows], human)
    features = [extract_features(model, [np.asarray(ids, np.int32) for ids in group]) for group in groups]
    assert value == pytest.approx(compute_mauve(*features, cluster_count=5).mauve, abs=1e-6)


def test_a_killed_run_continues_and_ends_with_the_same_corpus(pair, generate, client, address, tmp_path):
    options = ("--length", "24", "--batch-size", "1")
    code, report, err = generate(*options)
    assert code == 0, err
    expected, documents = client.query(TEXTS).result_rows, client.query(DOCUMENTS).result_rows
    for table in ("raw_generated_text", "raw_generation", "raw_document"):
        client.command(
            f"delete from {table} where 1 = 1"
            if table != "raw_document"
            else "alter table raw_document delete where kind = 'generated' settings mutations_sync = 1"
        )
    command = [sys.executable, "-m", "trailhouse.cli.main", "generate", "--small", f"{pair[1]}@1"]
    command += ["--large", f"{pair[1]}@2", "--prompts", "prompts", *options]
    with subprocess.Popen(command, cwd=tmp_path, env=dict(os.environ), stderr=subprocess.DEVNULL) as process:
        count = 0
        while count < 3 and process.poll() is None:
            time.sleep(0.02)
            ((count,),) = client.query("select count() from raw_generated_text").result_rows
        os.kill(process.pid, signal.SIGKILL)
    ((kept,),) = client.query("select count() from raw_generated_text").result_rows
    assert 3 <= kept < len(expected)
    code, again, err = generate(*options)
    assert (code, again.get("generated_count")) == (0, len(expected) - kept), err
    assert client.query(TEXTS).result_rows == expected
    assert client.query(DOCUMENTS).result_rows == documents
    assert again["corpus_id"] == report["corpus_id"]


def test_bad_input_is_named_in_one_line_and_nothing_is_written(generate, client):
    cases = [
        (("--weights", "-1,-0.5"), {}, "none of them is positive"),
        (("--weights", "half"), {}, "'half' is no pair of numbers"),
        (("--preset", "ps-lp"), {}, "the preset 'ps-lp' is not known"),
        (("--sampling", "beam"), {}, "sampling 'beam' is not known"),
        (("--prompt-length", "15"), {}, "document 'p0'"),
        (("--length", "28"), {}, "has 32 positions, too few for a prompt of 5 and 28 new tokens"),
        (("--length", "0"), {}, "at least 1"),
        (("--limit", "0"), {}, "0 prompts"),
        ((), {"small": "@7"}, "no usable checkpoint at step 7"),
        ((), {"small": "@x"}, "'x' is no step"),
        ((), {"large": "o@1"}, "no model 'tinyo'"),
        ((), {"prompts": "nothing"}, "no corpus 'nothing'"),
        (("--small", "nosuch/model@3"), {}, "'nosuch/model'"),
        (("--features-of", "nosuch/model@3"), {}, "'nosuch/model'"),
    ]
    for options, models, message in cases:
        code, _, err = generate(*options, **models)
        assert (code, message in " ".join(err.split())) == (3, True), err
    assert client.query("select count() from raw_generation").result_rows == [(0,)]
    assert client.query("select count() from raw_document where kind = 'generated'").result_rows == [(0,)]
    assert client.query("select count() from raw_model").result_rows == [(0,)]


def test_models_without_a_common_tokenizer_are_refused_by_name(generate, client, pair):
    from trailhouse.models.miniature.vocabulary import train_tokenizer

    other = Path(pair[0]).with_suffix("") / "step-2"
    train_tokenizer(["the cat sat on the mat and another file"], 258).save_pretrained(other)
    code, _, err = generate()
    assert code == 3
    assert "pair/tiny@1 and pair/tiny@2 have different tokenizers" in " ".join(err.split())
    assert client.query("select count() from raw_generation").result_rows == [(0,)]


def test_corrupted_variants_are_corpora_that_are_scored_on_exactly_their_tokens(trailhouse, client, pair):
    arguments = ("--kind", "replace", "--rate", "0.5", "--kind", "insert", "--cap", "10", "--json")
    code, out, err = trailhouse("corrupt", "prompts", *arguments, "--tokenizer-of", pair[0], "--score", pair[0])
    assert code == 0, err
    names = ["prompts-intact-cap10", "prompts-replace-50-cap10", "prompts-insert-50-cap10"]
    assert [one["corpus_id"] for one in json.loads(out)["corpora"]] == names
    mismatches = client.query(
        "select count() from raw_token as token inner join raw_document as document using (corpus_id, document_id)"
        " where token.token_id != document.token_ids[token.position + 1]"
    ).result_rows
    counts = client.query(
        "select corpus_id, count() from raw_token_score where corpus_id != 'prompts' group by all order by all"
    ).result_rows
    tokens = client.query(
        "select corpus_id, sum(length(token_ids) - 1) * 2 from raw_document where kind = 'corrupted'"
        " group by all order by all"
    ).result_rows
    assert mismatches == [(0,)]
    assert counts == tokens
    code, out, _ = trailhouse("corrupt", "prompts", *arguments, "--tokenizer-of", pair[0])
    assert (code, [one["is_new"] for one in json.loads(out)["corpora"]]) == (0, [False] * 3)


def test_a_corpus_that_nothing_was_scored_on_needs_a_tokenizer(trailhouse, pair, client):
    code, _, err = trailhouse("corrupt", "prompts", "--kind", "delete", "--rate", "0.2")
    assert code == 2
    assert "--tokenizer-of SUITE" in err
    code, _, err = trailhouse("corrupt", "prompts", "--kind", "swap", "--rate", "0.2", "--tokenizer-of", pair[0])
    assert code == 3
    assert "unknown kind of corruption 'swap'" in err
    assert client.query("select count() from raw_document where kind = 'corrupted'").result_rows == [(0,)]
