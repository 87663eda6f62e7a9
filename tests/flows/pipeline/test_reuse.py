"""Equal weights are scored once, and their scores are copied; different weights are never taken for equal."""

import json
import shutil

import pytest

from tests.support.nudged_weights import nudge_weights
from tests.support.tiny_suite import TinySuite


@pytest.fixture
def corpus(trailhouse, tmp_path) -> str:
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the parser reads the file " * 3)
    assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0
    return "few"


def read_scores(client, model_id: str, step: int) -> list[tuple]:
    return client.query(
        f"select position, log_prob_quanta from raw_token_score where model_id = '{model_id}' and step = {step}"
        " order by position"
    ).result_rows


def declare_damage(suite: TinySuite, step: int) -> None:
    """Name a step under known damage."""
    damage = f"  known_damage: [{{steps: [{step}], problem: of another run}}]\nmodels:"
    suite.declaration.write_text(suite.declaration.read_text().replace("models:", damage))


def read_statuses(client, model_id: str) -> dict[int, str]:
    query = f"select step, audit_status from raw_checkpoint final where model_id = '{model_id}'"
    return dict(client.query(query).result_rows)


def test_equal_weights_get_the_scores_of_what_they_equal_and_other_weights_their_own(
    trailhouse, make_tiny_suite, corpus, client
):
    suite = make_tiny_suite("ours", [0, 10, 20])
    assert trailhouse("score", str(suite.declaration), "--corpus", corpus, "--json")[0] == 0
    assert len({tuple(read_scores(client, "ours/tiny", step)) for step in (0, 10, 20)}) == 3

    other = make_tiny_suite("theirs", [10, 30])
    nudge_weights(other.step(10), 0.5)  # their step 10 has other weights than ours
    shutil.rmtree(other.step(30))
    shutil.copytree(suite.step(20), other.step(30))  # their step 30 has the weights of our step 20
    report = json.loads(trailhouse("score", str(other.declaration), "--corpus", corpus, "--json")[1])
    assert (report["scored_count"], report["copied_count"]) == (2, 1)
    assert read_scores(client, "theirs/tiny", 30) == read_scores(client, "ours/tiny", 20)
    assert read_scores(client, "theirs/tiny", 10) != read_scores(client, "ours/tiny", 10)
    again = json.loads(trailhouse("score", str(other.declaration), "--corpus", corpus, "--json")[1])
    assert (again["already_scored_count"], again["scored_count"]) == (2, 0)
    other_settings = trailhouse("score", str(other.declaration), "--corpus", corpus, "--json", "--dtype", "bfloat16")[1]
    assert json.loads(other_settings)["copied_count"] == 0


def test_the_earlier_of_two_steps_with_equal_weights_is_refused_until_one_is_declared_damaged(
    trailhouse, make_tiny_suite, corpus, client
):
    suite = make_tiny_suite("doubled", [0, 10, 20])
    shutil.copytree(suite.step(10), suite.step(11))
    code, _, err = trailhouse("score", str(suite.declaration), "--corpus", corpus)
    assert code == 4
    assert "step-10: has the same weights as step 11, which is later" in err
    assert "known_damage" in err
    assert [bool(read_scores(client, "doubled/tiny", step)) for step in (0, 10, 11, 20)] == [True, False, True, True]
    refused = {0: "ok", 10: "the same weights as step 11", 11: "ok", 20: "ok"}
    assert read_statuses(client, "doubled/tiny") == refused

    declare_damage(suite, 11)
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", corpus, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["already_scored_count"], report["scored_count"], report["copied_count"]) == (2, 1, 1)
    assert "1 with the weights of another" in err
    assert read_scores(client, "doubled/tiny", 10) == read_scores(client, "doubled/tiny", 11) != []
    assert read_statuses(client, "doubled/tiny") == {0: "ok", 10: "ok", 11: "of another run", 20: "ok"}


@pytest.mark.parametrize("command", ["score", "audit"])
def test_damage_that_is_declared_later_is_stored_although_the_checkpoint_is_gone(
    command, trailhouse, make_tiny_suite, corpus, client
):
    suite = make_tiny_suite("declared", [0, 10, 20])
    assert trailhouse("score", str(suite.declaration), "--corpus", corpus)[0] == 0
    shutil.rmtree(suite.step(10))
    declare_damage(suite, 10)
    arguments = ("--corpus", corpus) if command == "score" else ()
    assert trailhouse(command, str(suite.declaration), *arguments)[0] == 0
    assert read_statuses(client, "declared/tiny") == {0: "ok", 10: "of another run", 20: "ok"}
    rows = "select uniqExact(updated_at), uniqExact(discovered_at, weights_sha256) from raw_checkpoint where step = 10"
    assert client.query(rows).result_rows == [(2, 1)]
    vouched = "select step from raw_score_ledger final where is_complete order by step"
    assert client.query(vouched).result_rows == [(0,), (10,), (20,)]
