"""Some scores of every checkpoint, chosen at random, are computed a second time, for both kinds of work."""

from dataclasses import replace

import pytest

from tests.support.nudged_weights import nudge_weights
from trailhouse.models.few_shot import verified_options
from trailhouse.models.scoring import verified_scores
from trailhouse.models.scoring.verification import AloneScore

DEFAULT_COUNTS = {"score": 4, "evaluate": 2}  # 4 positions, or 1 option of each of two tasks
RECORDED = "select verified_count, largest_difference_nats from raw_scoring_run final order by started_at"


@pytest.fixture
def shift_scores_alone(monkeypatch):
    """Change every score that is computed a second time by half a nat."""
    for module in (verified_scores, verified_options):

        def shift(*arguments, score_alone=module.score_alone) -> AloneScore:
            alone = score_alone(*arguments)
            return replace(alone, log_prob_nats=alone.log_prob_nats + 0.5)

        monkeypatch.setattr(module, "score_alone", shift)


def test_a_run_records_what_it_verified(kind, run_kind, make_tiny_suite, client):
    assert run_kind(make_tiny_suite("verified", [0, 10]))[0] == 0
    ((count, difference),) = client.query(RECORDED).result_rows
    assert count == 2 * DEFAULT_COUNTS[kind.name]
    assert 0 <= difference < 1e-3


def test_the_number_is_chosen_and_0_leaves_the_check_out(kind, run_kind, make_tiny_suite, client):
    assert run_kind(make_tiny_suite("chosen", [0]), "--verify", "3")[0] == 0
    unchecked = make_tiny_suite("unchecked", [0])
    nudge_weights(unchecked.step(0), 1e-3)  # equal weights would not be scored again
    assert run_kind(unchecked, "--verify", "0")[0] == 0
    counts = [count for count, _ in client.query(RECORDED).result_rows]
    assert counts == [3 * kind.unit_count, 0]


@pytest.mark.usefixtures("shift_scores_alone")
def test_a_checkpoint_whose_scores_differ_fails_and_nothing_of_it_is_stored(kind, run_kind, make_tiny_suite, client):
    suite = make_tiny_suite("different", [0])
    code, report, err = run_kind(suite)
    assert (code, report) == (3, {})
    assert "nats in its batch" in err
    assert "--verify 0" in err
    assert kind.read_rows(client, suite) == []
    assert kind.read_steps(client, suite) == []
    assert run_kind(suite, "--verify", "0")[0] == 0
    assert kind.read_steps(client, suite) == [0]
