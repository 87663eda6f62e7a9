"""Coverage of the intervals of task accuracies and of the calibration error, by simulation.

A checkpoint is a replicate: the marts are derived from simulated outcomes of many checkpoints.
"""

import numpy as np
import pytest

REPLICATES = 1000
ITEMS = 40
POPULATION_ACCURACY = 0.6
GROUP_SIZE = 6
GROUP_ITEMS = 25
CHOICES = 60
COLUMNS = [
    "model_id",
    "step",
    "task_id",
    "shot_count",
    "seed",
    "normalisation",
    "item_id",
    "chosen_option_ordinal",
    "is_correct",
    "confidence_ratio",
    "chance_ratio",
    "chosen_score",
    "chance_score",
    "evaluation_fingerprint",
]
MARTS = ("fct_task_accuracy_by_checkpoint", "fct_task_calibration_by_checkpoint")


def insert_outcomes(warehouse, model_id: str, task_id: str, right: np.ndarray, confidence=None) -> None:
    """Write the outcomes ``right`` (replicate, seed, item) of a model on a task, with their confidences."""
    step, seed, item = (index.ravel() for index in np.indices(right.shape))
    count = right.size
    confidence = np.full(count, 0.5) if confidence is None else confidence.ravel()
    columns = [[model_id] * count, step.tolist(), [task_id] * count, [2] * count, seed.tolist(), ["token"] * count]
    columns += [item.tolist(), [0] * count, right.ravel().tolist(), confidence.tolist(), [0.25] * count]
    columns += [right.ravel().astype(float).tolist(), [0.25] * count, [1] * count]
    warehouse.client.insert("int_item_outcome", columns, column_names=COLUMNS, column_oriented=True)


@pytest.fixture(scope="module")
def simulated(warehouse):
    """Marts of three kinds of models.

    `s/seeds-1`, `s/seeds-4`: items of unequal difficulty, with one and four seeds. `s/group`: tasks drawn from a
    population of tasks. `s/calibrated`: right as often as the confidence says.
    """
    random = np.random.default_rng(7)
    warehouse.build(*(f"+{mart}" for mart in MARTS))
    names = ["seeds-1", "seeds-4", "group", "calibrated"]
    for name in names:
        warehouse.add_model(f"{name}/m", [], planned_steps=100)
    tasks = ["items", "choices", *(f"task{number}" for number in range(GROUP_SIZE))]
    for task in tasks:
        warehouse.insert("raw_task", task_id=task, parent_task_id=task, item_count=ITEMS, task_sha256="a" * 64)
    for seeds in (1, 4):
        difficulty = random.beta(0.9, 0.6, (REPLICATES, 1, ITEMS))  # mean 0.6, mostly near 0 or 1
        insert_outcomes(warehouse, f"seeds-{seeds}/m", "items", random.random((REPLICATES, seeds, ITEMS)) < difficulty)
    accuracies = np.clip(random.normal(POPULATION_ACCURACY, 0.12, (GROUP_SIZE, REPLICATES)), 0.2, 1.0)
    for number in range(GROUP_SIZE):
        chances = accuracies[number][:, None, None]
        insert_outcomes(warehouse, "group/m", f"task{number}", random.random((REPLICATES, 1, GROUP_ITEMS)) < chances)
    confidence = random.uniform(0.25, 1.0, (REPLICATES, 1, CHOICES))
    insert_outcomes(warehouse, "calibrated/m", "choices", random.random(confidence.shape) < confidence, confidence)
    derived = ("int_outcome_count", "int_task_set", "int_balanced_task", "int_seed_mean", "int_task_accuracy")
    warehouse.dbt("run", "--select", *derived, "int_calibration_bin", *MARTS)
    return warehouse


@pytest.mark.parametrize("seeds", [1, 4])
def test_the_interval_over_items_covers_the_accuracy_on_all_items_of_the_kind(simulated, seeds):
    rows = simulated.rows(
        "select accuracy_lower, accuracy_upper, standard_error, accuracy_ratio from fct_task_accuracy_by_checkpoint"
        f" where model_id = 'seeds-{seeds}/m' and task_set = 'items'"
    )
    lower, upper, error, accuracy = np.array(rows).T
    assert len(rows) == REPLICATES
    covered = np.mean((lower <= POPULATION_ACCURACY) & (upper >= POPULATION_ACCURACY))
    assert 0.93 <= covered <= 0.97
    assert np.mean(error) == pytest.approx(np.std(accuracy), rel=0.08)


def test_the_interval_over_tasks_covers_the_mean_over_all_tasks_of_the_kind(simulated):
    rows = simulated.rows(
        "select accuracy_lower_over_tasks, accuracy_upper_over_tasks, task_standard_error, accuracy_ratio,"
        " accuracy_lower, accuracy_upper from fct_task_accuracy_by_checkpoint"
        " where model_id = 'group/m' and task_set = 'all'"
    )
    lower, upper, error, accuracy, item_lower, item_upper = np.array(rows).T
    assert len(rows) == REPLICATES
    covered = np.mean((lower <= POPULATION_ACCURACY) & (upper >= POPULATION_ACCURACY))
    assert 0.93 <= covered <= 0.97
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.std(accuracy), rel=0.08)
    assert np.mean((item_lower <= POPULATION_ACCURACY) & (item_upper >= POPULATION_ACCURACY)) < 0.9


def test_a_calibrated_model_exceeds_the_95_percent_point_in_one_of_twenty_cases(simulated):
    rows = simulated.rows(
        "select calibration_error_ratio, calibrated_error_95_percent_point, excess_calibration_error_ratio"
        " from fct_task_calibration_by_checkpoint where model_id = 'calibrated/m' and task_set = 'choices'"
    )
    error, point, excess = np.array(rows).T
    assert len(rows) == REPLICATES
    assert 0.93 <= np.mean(error <= point) <= 0.97
    assert np.mean(error) > 0.09
    assert abs(np.mean(excess)) < 0.003
