"""The same weights are never scored twice, and never taken for another model's."""

import json
import shutil

import pytest

from tests.support.nudged_weights import nudge_weights


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


def test_duplicates_get_the_scores_of_what_they_equal_and_other_weights_their_own(
    trailhouse, make_tiny_suite, corpus, client
):
    suite = make_tiny_suite("ours", [0, 10, 20])
    shutil.copytree(suite.step(10), suite.step(11))
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", corpus, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["checkpoint_count"], report["scored_count"], report["copied_count"]) == (4, 4, 1)
    assert "1 have the weights of another" in err
    assert read_scores(client, "ours/tiny", 11) == read_scores(client, "ours/tiny", 10) != []
    assert len({tuple(read_scores(client, "ours/tiny", step)) for step in (0, 10, 20)}) == 3

    other = make_tiny_suite("theirs", [10, 30])
    nudge_weights(other.step(10), 0.5)  # another model's step 10
    shutil.rmtree(other.step(30))
    shutil.copytree(suite.step(20), other.step(30))  # and our step 20 under its name
    report = json.loads(trailhouse("score", str(other.declaration), "--corpus", corpus, "--json")[1])
    assert (report["scored_count"], report["copied_count"]) == (2, 1)
    assert read_scores(client, "theirs/tiny", 30) == read_scores(client, "ours/tiny", 20)
    assert read_scores(client, "theirs/tiny", 10) != read_scores(client, "ours/tiny", 10)
    again = json.loads(trailhouse("score", str(other.declaration), "--corpus", corpus, "--json")[1])
    assert (again["already_scored_count"], again["scored_count"]) == (2, 0)
    damage = "  known_damage: [{steps: [30], problem: of another run}]\nmodels:"
    other.declaration.write_text(other.declaration.read_text().replace("models:", damage))
    assert trailhouse("score", str(other.declaration), "--corpus", corpus)[0] == 0
    vouched = "select step from raw_score_ledger final where model_id = 'theirs/tiny' and is_complete"
    assert client.query(vouched).result_rows == [(10,)]
    other_settings = trailhouse("score", str(other.declaration), "--corpus", corpus, "--json", "--dtype", "bfloat16")[1]
    assert json.loads(other_settings)["copied_count"] == 0
