"""Checkpoints with different tasks, short contexts and unequal progress: what is compared, and which caveats say so."""

import itertools
import uuid

import numpy as np
import pytest

from trailhouse.warehouse.reading.questions import packaged_questions, read_answer_caveats, read_questions

TASKS = [f"task{number:02}" for number in range(14)]
COMMON, HARD = TASKS[:5], TASKS[5:]
ITEMS = 20
SHOTS = 2
MODELS = {"s/small": 100, "s/large": 900}
STEPS = {"s/small": [50, 100], "s/large": [50, 80]}
KEPT = {"task00": 0, "task01": 1}  # exemplars in the prompts of items below 15; the others have both


def tasks_of(model_id: str, step: int) -> list[str]:
    """Return the tasks of a checkpoint: the last one of the larger model was evaluated on the five easy ones only."""
    return COMMON if (model_id, step) == ("s/large", 80) else TASKS


def right_items(model_id: str, step: int, task_id: str) -> int:
    """Number of items that a checkpoint answers correctly: many of an easy task, few of a hard one."""
    gained = (step == 80) + (model_id == "s/large")
    return (14 if task_id in COMMON else 3) + TASKS.index(task_id) % 3 + gained


def evaluate(warehouse, model_id: str, step: int, task_id: str, *, shots: int = SHOTS) -> None:
    """Write the scores of an evaluation: the first items are answered correctly."""
    right = right_items(model_id, step, task_id)
    rows = [
        [
            model_id,
            step,
            task_id,
            shots,
            0,
            item,
            option,
            -1.0 - (option == 0) * (item >= right),
            2,
            5,
            5,
            KEPT.get(task_id, shots) if item < 15 and shots else shots,
        ]
        for item in range(ITEMS)
        for option in range(2)
    ]
    columns = ["model_id", "step", "task_id", "shot_count", "seed", "item_id", "option_index", "log_prob_nats"]
    columns += ["token_count", "character_count", "byte_count", "exemplar_count"]
    warehouse.client.insert("raw_option_score", rows, column_names=columns)
    warehouse.insert(
        "raw_evaluation_ledger",
        model_id=model_id,
        step=step,
        task_id=task_id,
        shot_count=shots,
        seed=0,
        evaluation_key="b" * 64,
        task_sha256="a" * 64,
        scoring_run_id=uuid.UUID(int=1),
        is_complete=True,
    )


@pytest.fixture(scope="module")
def built(warehouse):
    """A suite of which one checkpoint lacks nine of fourteen tasks; with no exemplars, no task is common to all."""
    for task_id in TASKS:
        rows = [[task_id, item, option, option == 0, "a" * 64] for item in range(ITEMS) for option in range(2)]
        columns = ["task_id", "item_id", "option_index", "is_correct", "task_sha256"]
        warehouse.client.insert("raw_task_item", rows, column_names=columns)
        warehouse.insert("raw_task", task_id=task_id, parent_task_id=task_id, item_count=ITEMS, task_sha256="a" * 64)
    for model_id, steps in STEPS.items():
        warehouse.add_model(model_id, steps, planned_steps=100, parameter_count=MODELS[model_id])
        for step in steps:
            for task_id in tasks_of(model_id, step):
                evaluate(warehouse, model_id, step, task_id)
    evaluate(warehouse, "s/small", 100, "task00", shots=0)
    evaluate(warehouse, "s/large", 80, "task01", shots=0)
    marts = ("fct_task_scaling", "fct_accuracy_comparison", "fct_task_caveat", "fct_option_perplexity_by_checkpoint")
    wanted = (*marts, "fct_task_calibration_by_checkpoint", "int_behaviour_measure")
    warehouse.build(*(f"+{mart}" for mart in wanted))
    return warehouse


def mean_accuracy(model_id: str, step: int, tasks: list[str]) -> float:
    return float(np.mean([right_items(model_id, step, task) / ITEMS for task in tasks]))


def test_a_group_is_the_mean_over_the_tasks_that_every_checkpoint_has(built):
    rows = built.rows(
        "select model_id, step, accuracy_ratio, task_count, left_out_task_count from fct_task_accuracy_by_checkpoint"
        f" where task_set = 'all' and shot_count = {SHOTS} and normalisation = 'token'"
    )
    assert {tuple(row[:2]) for row in rows} == {(model, step) for model, steps in STEPS.items() for step in steps}
    for model_id, step, accuracy, *counts in rows:
        assert accuracy == pytest.approx(mean_accuracy(model_id, step, COMMON), abs=1e-12)
        assert counts == [5, 9]


def test_the_gain_from_the_smaller_to_the_larger_model_is_not_that_of_other_tasks(built):
    gains = built.rows(
        "select largest_accuracy_ratio - smallest_accuracy_ratio, improvement_ratio, task_count, left_out_task_count,"
        " least_fraction_of_training, greatest_fraction_of_training, linearity, reason_for_null from fct_task_scaling"
        f" where suite_id = 's' and task_set = 'all' and shot_count = {SHOTS} and normalisation = 'token'"
    )
    common = mean_accuracy("s/large", 80, COMMON) - mean_accuracy("s/small", 100, COMMON)
    of_different_tasks = mean_accuracy("s/large", 80, COMMON) - mean_accuracy("s/small", 100, TASKS)
    assert of_different_tasks > 0.3 > 0.11 > common
    assert gains == [(*[pytest.approx(common, abs=1e-12)] * 2, 5, 9, 0.8, 1.0, None, "fewer than four models")]


def test_single_tasks_keep_every_checkpoint_that_has_them(built):
    rows = built.rows(
        "select task_set, count() from fct_task_accuracy_by_checkpoint where task_set_kind = 'task'"
        f" and shot_count = {SHOTS} and normalisation = 'token' group by task_set"
    )
    assert dict(rows) == {task: 4 if task in COMMON else 3 for task in TASKS}


def test_where_no_task_is_common_there_is_no_number(built):
    for table in ("fct_task_accuracy_by_checkpoint", "fct_option_perplexity_by_checkpoint"):
        assert built.rows(f"select count() from {table} where task_set = 'all' and shot_count = 0") == [(0,)]
    assert built.rows("select count() from int_behaviour_measure where subject = 'all' and variant = '0-shot'") == [
        (0,)
    ]
    assert built.rows("select count() from fct_task_accuracy_by_checkpoint where shot_count = 0") != [(0,)]


def test_options_and_calibration_of_a_group_use_the_same_tasks(built):
    counts = built.rows(
        "select distinct task_count, left_out_task_count, option_count from fct_option_perplexity_by_checkpoint"
        f" where task_set = 'all' and shot_count = {SHOTS}"
    )
    assert counts == [(5, 9, 5 * ITEMS)]
    choices = "select distinct choice_count from fct_task_calibration_by_checkpoint"
    assert built.rows(f"{choices} where task_set = 'all' and shot_count = {SHOTS}") == [(5 * ITEMS,)]
    measured = {
        (model_id, step): value
        for model_id, step, value in built.rows(
            "select model_id, step, measure_value from int_behaviour_measure"
            f" where measure = 'task accuracy' and subject = 'all' and variant = '{SHOTS}-shot'"
            " and model_id not like 'opt-published%'"
        )
    }
    assert measured == {
        (model, step): pytest.approx(mean_accuracy(model, step, COMMON)) for model in STEPS for step in STEPS[model]
    }


def test_models_are_compared_at_the_last_progress_that_both_reached(built):
    rows = built.rows(
        "select first_step, second_step, is_at_same_progress, item_count, task_set from fct_accuracy_comparison"
        f" where comparison = 'last checkpoints of two models' and shot_count = {SHOTS} and normalisation = 'token'"
    )
    assert {row[:3] for row in rows} == {(50, 50, True)}
    assert {row[4]: row[3] for row in rows} == {"all": 5 * ITEMS, **dict.fromkeys(TASKS, ITEMS)}


def caveats(built) -> list[str]:
    question = read_questions(packaged_questions())["models_differing_on_tasks"]
    return read_answer_caveats(built.client, question, {"suite_id": "s"})


def test_caveats_name_the_unbalanced_model_with_its_missing_tasks(built):
    assert (
        "large: 2-shot: 9 tasks that other checkpoints have are not evaluated at every checkpoint"
        " (task05, task06, task07, task08, task09 and 4 more); means over groups leave them out for every model"
    ) in caveats(built)
    missing = {"small": "task01", "large": "task00"}
    for model, task in missing.items():
        assert (
            f"{model}: 0-shot: 1 tasks that other checkpoints have are not evaluated at every checkpoint"
            f" ({task}); means over groups leave them out for every model; no task of these sets is evaluated at every"
            " checkpoint, so they have no mean: all"
        ) in caveats(built)
    assert not any(line.startswith("small") and "2-shot: 9" in line for line in caveats(built))


def test_caveats_say_where_last_checkpoints_are_not_at_the_same_progress(built):
    assert (
        "large: 2-shot: the last evaluated checkpoint is at 80% of training, that of another model of the suite at"
        " 100%: last checkpoints are not at the same progress"
    ) in caveats(built)


def test_prompts_without_all_exemplars_are_counted_and_caveated(built):
    rows = built.rows(
        "select task_set, mean_exemplar_count, shortened_item_ratio from fct_task_accuracy_by_checkpoint"
        f" where model_id = 's/small' and step = 100 and shot_count = {SHOTS} and normalisation = 'token'"
    )
    means = {task: (15 * KEPT.get(task, SHOTS) + 5 * SHOTS) / 20 for task in TASKS}
    shortened = {task: 0.75 if task in KEPT else 0.0 for task in TASKS}
    expected = {task: (pytest.approx(means[task]), pytest.approx(shortened[task])) for task in TASKS}
    expected["all"] = (
        pytest.approx(np.mean([means[task] for task in COMMON])),
        pytest.approx(np.mean([shortened[task] for task in COMMON])),
    )
    assert {name: values for name, *values in rows} == {name: list(pair) for name, pair in expected.items()}
    assert (
        "small, large: 2-shot: the context is too short for all prompts of 2 tasks: task00 (0.5 exemplars on average,"
        " 75% of the prompts shortened), task01 (1.25 exemplars on average, 75% of the prompts shortened)"
    ) in caveats(built)
    assert not any("0-shot: the context" in line for line in caveats(built))


def test_the_marts_say_that_no_two_models_share_progress(built):
    built.add_model("s/odd", [33], planned_steps=100, parameter_count=500)
    for task_id in TASKS:
        evaluate(built, "s/odd", 33, task_id)
    built.dbt("run", "--select", "+fct_accuracy_comparison")
    rows = built.rows(
        "select distinct first_model_id, second_model_id, first_step, second_step, is_at_same_progress"
        " from fct_accuracy_comparison where comparison = 'last checkpoints of two models' and task_set = 'task00'"
        f" and shot_count = {SHOTS}"
    )
    pairs = itertools.combinations(sorted({**MODELS, "s/odd": 500}.items(), key=lambda model: model[1]), 2)
    last = {"s/small": 100, "s/large": 80, "s/odd": 33}
    assert set(rows) == {
        (first, second, 50, 50, True)
        if "s/odd" not in (first, second)
        else (first, second, last[first], last[second], False)
        for (first, _), (second, _) in pairs
    }
