"""Damaged checkpoints: nothing is derived from them by default, they are counted, and they can be included."""

import datetime

import numpy as np
import pytest

STEPS = [0, 100, 200, 300, 400, 500]
DAMAGED_STEPS = [100, 300]
DAMAGE = "the same weights as step 500"
MODELS = ("+fct_validation_perplexity_by_checkpoint", "+fct_trend_share_by_start", "+fct_trend_caveat")
MODELS += ("+fct_eval_metric_by_checkpoint", "+fct_pipeline_health", "+stg_tasks__option_score")
LATER = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
DESCRIBES_CHECKPOINTS = ("dim_checkpoint", "fct_trend_caveat")


def make_series(steps: list[int]) -> dict[tuple[int, int], dict[int, float]]:
    """Return falling series of forty tokens, in which damaged steps have the scores of step 500."""
    levels = np.random.default_rng(3).uniform(0.5, 6, 40)
    return {
        (token // 20, 1 + token % 20): {
            step: float(np.float32(-level * np.exp(-(500 if step in DAMAGED_STEPS else step) / 300))) for step in steps
        }
        for token, level in enumerate(levels)
    }


def add_results(warehouse, steps: list[int]) -> None:
    """Add an evaluation with one option and an imported result for each step."""
    for step in steps:
        shared = {"model_id": "s/a", "step": step, "task_id": "t", "shot_count": 0}
        evaluation = {"seed": 0, "task_sha256": "a" * 64, "is_complete": True}
        warehouse.insert("raw_option_score", **shared, seed=0, item_id=0, option_index=0, log_prob_nats=-1.0)
        warehouse.insert("raw_evaluation_ledger", **shared, **evaluation)
        warehouse.insert("raw_eval_result", **shared, harness="h", metric="acc", value=step / 1000)


def mark(warehouse, status: str) -> None:
    """Register the damaged steps again, with this audit status."""
    warehouse.clock += 1
    for step in DAMAGED_STEPS:
        warehouse.insert(
            "raw_checkpoint",
            model_id="s/a",
            step=step,
            tokens_seen=step * 1024,
            audit_status=status,
            updated_at=LATER + datetime.timedelta(seconds=warehouse.clock),
        )


def read_steps(warehouse) -> list[list[int]]:
    """Return the steps that have perplexities, those that have imported results, and those that have option scores."""
    relations = ("fct_validation_perplexity_by_checkpoint", "fct_eval_metric_by_checkpoint", "stg_tasks__option_score")
    return [
        [step for (step,) in warehouse.rows(f"select distinct step from {relation} order by step")]
        for relation in relations
    ]


@pytest.fixture(scope="module")
def built(warehouse):
    """Build marts from sound checkpoints only, add the scores of damaged ones, and build again.

    Returns the warehouse, and the digest of the marts after the first build.
    """
    warehouse.add_corpus("books", dict.fromkeys(range(2), 21))
    warehouse.add_model("s/a", STEPS, planned_steps=600)
    warehouse.insert("raw_task", task_id="t", task_sha256="a" * 64)
    sound = [step for step in STEPS if step not in DAMAGED_STEPS]
    warehouse.score("s/a", "books", make_series(sound))
    add_results(warehouse, sound)
    warehouse.build(*MODELS)
    content = warehouse.digest()
    warehouse.score("s/a", "books", make_series(STEPS), steps=DAMAGED_STEPS)
    add_results(warehouse, DAMAGED_STEPS)
    mark(warehouse, DAMAGE)
    warehouse.dbt("run", "--select", *MODELS)
    return warehouse, content


def test_marts_are_those_of_the_sound_checkpoints_alone(built):
    warehouse, content = built
    assert read_steps(warehouse) == [[0, 200, 400, 500]] * 3
    after = warehouse.digest()
    assert {name for name in content if after[name] != content[name]} == set(DESCRIBES_CHECKPOINTS)


def test_the_trajectory_is_the_exponential_of_the_mean_loss_of_each_sound_checkpoint(built):
    warehouse, _ = built
    series = make_series(STEPS)
    expected = {step: np.exp(-np.mean([values[step] for values in series.values()])) for step in (0, 200, 400, 500)}
    found = dict(warehouse.rows("select step, perplexity from fct_validation_perplexity_by_checkpoint"))
    assert found == pytest.approx(expected, rel=1e-6)


def test_what_is_left_out_is_told(built):
    warehouse, _ = built
    caveats = [caveat for (caveat,) in warehouse.rows("select caveat from fct_trend_caveat")]
    assert "2 of 6 registered checkpoints are damaged: they are left out" in caveats
    assert not [caveat for caveat in caveats if "not scored" in caveat]
    states = dict(warehouse.rows("select step, pipeline_state from fct_pipeline_health"))
    assert states == {step: "refused" if step in DAMAGED_STEPS else "in the marts" for step in STEPS}
    statuses = dict(warehouse.rows("select step, audit_status from dim_checkpoint where audit_status != ''"))
    assert statuses == dict.fromkeys(DAMAGED_STEPS, DAMAGE)


def test_damaged_checkpoints_are_included_on_request_and_left_out_again(built):
    warehouse, _ = built
    before = warehouse.digest()
    warehouse.dbt("run", "--select", *MODELS, "--vars", "{include_damaged_checkpoints: true}")
    assert read_steps(warehouse) == [STEPS] * 3
    assert not warehouse.rows("select caveat from fct_trend_caveat where caveat like '%damaged%'")
    warehouse.dbt("run", "--select", *MODELS)
    assert warehouse.digest() == before


def test_a_checkpoint_that_is_no_longer_damaged_is_back(built):
    warehouse, _ = built
    mark(warehouse, "ok")
    warehouse.dbt("run", "--select", *MODELS)
    assert read_steps(warehouse) == [STEPS] * 3
