"""Outcomes of tasks derived from random option scores, compared with plain loops, statsmodels and scipy."""

import itertools
import uuid

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions

STEPS = {
    "s/small": [0, 10, 20, 40, 80],
    "s/middle": [0, 10, 30, 80, 90],
    "s/large": [0, 10, 20, 90],
    "s/odd": [5, 85],
    "r/alone": [5],
}
PARAMETERS = {"s/small": 100, "s/middle": 100, "s/large": 900, "s/odd": 300, "r/alone": 7}
# By task: its parent, and its number of items. The parent `own` is in no published group of tasks, `date_understanding`
# is in the group `linearity`, and `implicatures` in the group `breakthroughness`.
TASKS = {
    "own": ("own", 23),
    "date_understanding": ("date_understanding", 17),
    "implicatures:part": ("implicatures", 9),
    "implicatures:rest": ("implicatures", 5),
}
DRAWS = [(0, 0), (2, 0), (2, 1)]  # shots and seed
NORMALISATIONS = ("sum", "token", "character", "byte", "pmi")
SCORE_COLUMNS = ("log_prob_nats", "unconditional_log_prob_nats", "token_count", "character_count", "byte_count")
MCNEMAR_FAMILY = ("suite_id", "comparison", "task_set_kind", "shot_count", "normalisation")


def make_items(task_id: str) -> list[list[bool]]:
    """Whether each option of each item is right: two to five options, nearly always one of them right."""
    random = np.random.default_rng(sum(task_id.encode()))
    items = []
    for _ in range(TASKS[task_id][1]):
        option_count = int(random.integers(2, 6))
        right = {int(random.integers(option_count))} | ({0} if random.random() < 0.1 else set())
        items.append([option in right for option in range(option_count)])
    return items


def make_target_scores(task_id: str, item: int) -> list[float]:
    """Target scores of the options of an item: 0.75 or 1 for a right option, 0.25 or 0 for a wrong one."""
    is_graded = item % 4 == 0
    grades = {True: 0.75 if is_graded else 1.0, False: 0.25 if is_graded else 0.0}
    return [grades[is_right] for is_right in make_items(task_id)[item]]


def count_exemplars(task_id: str, shots: int, item: int) -> int:
    """Number of exemplars in the prompt of an item: one is missing from every third prompt of the task `own`."""
    return max(0, shots - (task_id == "own" and item % 3 == 0))


def make_scores(model_id: str, step: int, task_id: str, shots: int, seed: int) -> list[list[tuple]]:
    """Scores of every option of every item, so coarse that equal ones occur.

    One option in a hundred has no bytes. The model r/alone has no unconditional scores.
    """
    random = np.random.default_rng(sum(f"{model_id} {step} {task_id} {shots} {seed}".encode()))
    knows_unconditional = model_id != "r/alone"
    scores = []
    for item in make_items(task_id):
        options = []
        for is_right in item:
            tokens = int(random.integers(1, 5))
            log_prob = -tokens * random.integers(1, 12) / 4 + is_right * step / 60
            unconditional = -float(random.integers(8, 40)) / 4 if knows_unconditional else None
            length = tokens * int(random.integers(2, 5))
            options.append(
                (float(np.float32(log_prob)), unconditional, tokens, length, length * (random.random() > 0.01))
            )
        scores.append(options)
    return scores


def evaluations() -> list[tuple[str, int, str, int, int]]:
    """Return every evaluation; the last model is evaluated on a single task."""
    return [
        (model_id, step, task_id, *draw)
        for model_id, steps in STEPS.items()
        for step, task_id, draw in itertools.product(steps, TASKS, DRAWS)
        if model_id != "r/alone" or task_id == "own"
    ]


def add_tasks(warehouse) -> None:
    """Register the tasks with their items."""
    for task_id, (parent, item_count) in TASKS.items():
        items = make_items(task_id)
        rows = [
            [task_id, item, option, is_right, make_target_scores(task_id, item)[option], "a" * 64]
            for item, options in enumerate(items)
            for option, is_right in enumerate(options)
        ]
        columns = ["task_id", "item_id", "option_index", "is_correct", "target_score", "task_sha256"]
        warehouse.client.insert("raw_task_item", rows, column_names=columns)
        warehouse.insert(
            "raw_task", task_id=task_id, parent_task_id=parent, item_count=item_count, task_sha256="a" * 64
        )


def evaluate(warehouse, chosen: list[tuple[str, int, str, int, int]]) -> None:
    """Write the scores of evaluations, and then their ledger rows."""
    columns = ["model_id", "step", "task_id", "shot_count", "seed", "item_id", "option_index", *SCORE_COLUMNS]
    columns.append("exemplar_count")
    rows = [
        [*evaluation, item, option, *scores, count_exemplars(*evaluation[2:4], item)]
        for evaluation in chosen
        for item, options in enumerate(make_scores(*evaluation))
        for option, scores in enumerate(options)
    ]
    warehouse.client.insert("raw_option_score", rows, column_names=columns)
    for model_id, step, task_id, shots, seed in chosen:
        warehouse.insert(
            "raw_evaluation_ledger",
            model_id=model_id,
            step=step,
            task_id=task_id,
            shot_count=shots,
            seed=seed,
            evaluation_key="b" * 64,
            task_sha256="a" * 64,
            scoring_run_id=uuid.UUID(int=1),
            is_complete=True,
        )


def import_metric(warehouse, model_id: str, step: int, version: str, value: float) -> None:
    """Write one imported metric."""
    warehouse.insert(
        "raw_eval_result",
        harness="lm-evaluation-harness",
        model_id=model_id,
        step=step,
        task_id="piqa",
        task_version=version,
        metric="acc",
        value=value,
    )


def fill(warehouse) -> None:
    """Insert the models, their scores on a corpus, their evaluations on the tasks, and imported metrics."""
    warehouse.add_corpus("books", {0: 12})
    for model_id, steps in STEPS.items():
        random = np.random.default_rng(PARAMETERS[model_id])
        warehouse.add_model(
            model_id, steps, planned_steps=100, parameter_count=PARAMETERS[model_id], layer_count=1, context_length=8
        )
        series = {
            (0, position): {step: float(np.float32(-5 + step / 30 - random.random())) for step in steps}
            for position in range(1, 12)
        }
        warehouse.score(model_id, "books", series)
    add_tasks(warehouse)
    evaluate(warehouse, evaluations())
    warehouse.add_model("i/imported", [], planned_steps=0, batch_tokens=16)
    for step in (1, 2, 4, 8):
        import_metric(warehouse, "i/imported", step, "1", 0.5 + step / 100)
    import_metric(warehouse, "s/small", 10, "0", 0.25)
    import_metric(warehouse, "s/small", 10, "1", 0.75)


MARTS = (
    "fct_behaviour_alignment",
    "fct_task_scaling",
    "fct_accuracy_comparison",
    "fct_task_calibration_by_checkpoint",
    "fct_calibration_bin_by_checkpoint",
    "fct_task_caveat",
    "fct_eval_metric_by_checkpoint",
    "fct_option_perplexity_by_checkpoint",
    "fct_option_perplexity_by_axis",
    "fct_task_accuracy_by_axis",
    "fct_task_accuracy_by_seed",
    "fct_item_outcome",
    "dim_suite",
)


@pytest.fixture(scope="module")
def built(warehouse):
    """A database with the marts of all evaluations."""
    fill(warehouse)
    warehouse.build(*(f"+{mart}" for mart in MARTS))
    return warehouse


@pytest.fixture(scope="module")
def outcomes():
    """By evaluation, normalisation and item: (is right, confidence, chance, target score, target score by chance).

    An item whose scores are not finite has no entry.
    """
    found = {}
    for evaluation in evaluations():
        items, scores = make_items(evaluation[2]), make_scores(*evaluation)
        for number, normalisation in enumerate(NORMALISATIONS):
            choices = {}
            for item, (truth, options) in enumerate(zip(items, scores, strict=True)):
                if normalisation == "pmi":
                    values = [np.nan if option[1] is None else option[0] - option[1] for option in options]
                else:
                    lengths = [1 if normalisation == "sum" else option[number + 1] for option in options]
                    values = [
                        option[0] / length if length else np.nan
                        for option, length in zip(options, lengths, strict=True)
                    ]
                if np.all(np.isfinite(values)):
                    exponentials = np.exp(np.array(values) - max(values))
                    chosen = int(np.argmax(values))
                    choices[item] = (
                        truth[chosen],
                        1 / exponentials.sum(),
                        np.mean(truth),
                        make_target_scores(evaluation[2], item)[chosen],
                        np.mean(make_target_scores(evaluation[2], item)),
                    )
            if choices:
                found[*evaluation, normalisation] = choices
    return found


def groups_of(task_id: str) -> list[tuple[str, str]]:
    """Kind and name of the task sets that a task is in, but for the group of all published tasks."""
    parent = TASKS[task_id][0]
    named = {"date_understanding": ["linearity"], "implicatures": ["breakthroughness"]}.get(parent, [])
    tasks = [("task", name) for name in dict.fromkeys((task_id, parent))]
    return [*tasks, ("group", "all"), *(("group", name) for name in named)]


def close(expected: float | None):
    return None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_every_item_has_the_outcome_of_the_definition(built, outcomes):
    rows = built.rows(
        "select model_id, step, task_id, shot_count, seed, normalisation, item_id, is_correct, confidence_ratio,"
        " chance_ratio, chosen_score, chance_score from int_item_outcome"
    )
    assert len(rows) == sum(map(len, outcomes.values()))
    assert len({row[5] for row in rows}) == len(NORMALISATIONS)
    for row in rows:
        evaluation, item, is_right, measures = row[:6], row[6], row[7], row[8:]
        assert (is_right, *(close(value) for value in measures)) == outcomes[evaluation][item]


def test_accuracy_with_one_draw_has_wilsons_interval(built, outcomes):
    rows = built.rows(
        "select model_id, step, task_id, shot_count, seed, normalisation, item_count, correct_count, accuracy_lower,"
        " accuracy_upper, chance_accuracy_ratio, chance_corrected_accuracy, expected_score, chance_score,"
        " mean_exemplar_count, shortened_item_ratio from fct_task_accuracy_by_seed"
    )
    assert len(rows) == len(outcomes)
    for *evaluation, item_count, correct_count, lower, upper, chance, kappa, score, chance_score, mean, short in rows:
        choices = list(outcomes[tuple(evaluation)].values())
        task_id, shots = evaluation[2:4]
        exemplars = [count_exemplars(task_id, shots, item) for item in range(TASKS[task_id][1])]
        assert (mean, short) == (close(np.mean(exemplars)), close(np.mean([kept < shots for kept in exemplars])))
        assert (item_count, correct_count) == (len(choices), sum(choice[0] for choice in choices))
        assert (score, chance_score) == (
            close(np.mean([c[3] for c in choices])),
            close(np.mean([c[4] for c in choices])),
        )
        assert kappa == close((correct_count / item_count - chance) / (1 - chance))
        expected = proportion_confint(correct_count, item_count, method="wilson")
        assert (lower, upper) == (close(expected[0]), close(expected[1]))
        assert chance == close(np.mean([choice[2] for choice in choices]))


def accuracies(outcomes) -> dict[tuple, tuple[float, float, float]]:
    """Accuracy, squared standard error and effective items by (model, step, task, shots, normalisation).

    An item enters with its mean over the seeds. Several seeds count at least as much as one, and at most as much as
    independent draws.
    """
    pooled: dict[tuple, list] = {}
    for (model_id, step, task_id, shots, _, normalisation), choices in outcomes.items():
        pooled.setdefault((model_id, step, task_id, shots, normalisation), []).append(choices)
    found = {}
    for key, draws in pooled.items():
        items = sorted({item for choices in draws for item in choices})
        means = [np.mean([choices[item][0] for choices in draws if item in choices]) for item in items]
        mean, spread = np.mean(means), np.mean(means) * (1 - np.mean(means))
        independent = np.var(means, ddof=1)
        worth = np.clip(spread / independent if independent else np.inf, 1, len(draws)) if spread else 1
        found[key] = (mean, spread / len(items) / worth, len(items) * worth)
    return found


def by_task_set(values: dict[tuple, tuple]) -> dict[tuple, list[tuple]]:
    """Values of the tasks in every task set, by (model, step, kind, task set, ...).

    In a group, the subtasks of one parent count as one task, whose value is their average.
    """
    found: dict[tuple, dict[str, list[tuple]]] = {}
    for (model_id, step, task_id, *rest), value in values.items():
        for kind, name in groups_of(task_id):
            counted = task_id if kind == "task" else TASKS[task_id][0]
            found.setdefault((model_id, step, kind, name, *rest), {}).setdefault(counted, []).append(value)
    return {key: [average(parts) for parts in tasks.values()] for key, tasks in found.items()}


def average(parts: list[tuple]) -> tuple[float, float, int]:
    """Accuracy, squared standard error and items of the mean of some accuracies."""
    means, variances, items = zip(*parts, strict=True)
    return float(np.mean(means)), sum(variances) / len(parts) ** 2, sum(items)


def test_a_group_is_the_mean_of_its_tasks_and_series_are_smoothed(built, outcomes):
    expected = by_task_set(accuracies(outcomes))
    rows = built.rows(
        "select model_id, step, task_set_kind, task_set, shot_count, normalisation, accuracy_ratio, standard_error,"
        " accuracy_lower, accuracy_upper, smoothed_accuracy_ratio, task_count, task_standard_error,"
        " accuracy_lower_over_tasks, accuracy_upper_over_tasks, left_out_task_count"
        " from fct_task_accuracy_by_checkpoint where task_set != 'bigbench_74' order by step"
    )
    assert {row[:6] for row in rows} == set(expected)
    smoothed: dict[tuple, float] = {}
    several = 0
    for *key, accuracy, error, lower, upper, smooth, task_count, task_error, low, high, left_out in rows:
        tasks = expected[tuple(key)]
        mean, deviation = np.mean([task[0] for task in tasks]), np.sqrt(sum(task[1] for task in tasks)) / len(tasks)
        assert (accuracy, error, task_count) == (close(mean), close(deviation), len(tasks))
        assert left_out == 0
        if key[2] == "task" and len(tasks) == 1:
            ends = proportion_confint(mean * tasks[0][2], tasks[0][2], method="wilson")
        else:
            ends = (max(0, mean - 1.959963984540054 * deviation), min(1, mean + 1.959963984540054 * deviation))
        assert (lower, upper) == (close(ends[0]), close(ends[1]))
        if len(tasks) == 1:
            assert (task_error, low, high) == (None, None, None)
        else:
            several += 1
            values = [task[0] for task in tasks]
            assert task_error == close(stats.sem(values))
            interval = stats.t.interval(0.95, len(values) - 1, mean, stats.sem(values)) if task_error else (mean, mean)
            assert (low, high) == (close(max(0, interval[0])), close(min(1, interval[1])))
        series = (key[0], *key[2:])
        smoothed[series] = mean if series not in smoothed else 0.4 * mean + 0.6 * smoothed[series]
        assert smooth == close(smoothed[series])
    assert several > 100


def test_option_perplexity_weighs_every_token_the_same(built):
    expected: dict[tuple, list[tuple[float, int]]] = {}
    for evaluation in evaluations():
        model_id, step, task_id, shots, _ = evaluation
        for truth, options in zip(make_items(task_id), make_scores(*evaluation), strict=True):
            for is_right, option in zip(truth, options, strict=True):
                for kind, name in groups_of(task_id):
                    key = (model_id, step, kind, name, shots, is_right)
                    expected.setdefault(key, []).append((option[0], option[2]))
    rows = built.rows(
        "select model_id, step, task_set_kind, task_set, shot_count, is_correct, perplexity, token_count, option_count"
        " from fct_option_perplexity_by_checkpoint where task_set != 'bigbench_74'"
    )
    assert {row[:6] for row in rows} == set(expected)
    for *key, perplexity, token_count, option_count in rows:
        log_probs, lengths = np.array(expected[tuple(key)]).T
        assert (token_count, option_count) == (lengths.sum(), len(lengths))
        assert perplexity == pytest.approx(np.exp(-log_probs.sum() / lengths.sum()), rel=1e-7)


@pytest.mark.parametrize(
    ("mart", "measure", "where", "scale"),
    [
        ("fct_task_accuracy", "accuracy_ratio", "normalisation = 'token'", (np.asarray, np.asarray)),
        ("fct_option_perplexity", "perplexity", "is_correct", (np.log, np.exp)),
    ],
)
@pytest.mark.parametrize("axis", ["step", "validation perplexity"])
def test_lines_have_a_value_wherever_any_model_has_a_checkpoint(built, mart, measure, where, scale, axis):
    where = f"suite_id = 's' and task_set = 'own' and shot_count = 2 and {where}"
    x_column = {"step": "step", "validation perplexity": "validation.perplexity"}[axis]
    points = built.rows(
        f"select measured.model_id as model_id, {x_column} as x, measured.{measure}"
        f" from {mart}_by_checkpoint as measured"
        " inner join fct_validation_perplexity_by_checkpoint as validation using (model_id, step)"
        f" where {where.replace('suite_id', 'measured.suite_id')} order by x"
    )
    drawn = built.rows(
        f"select model_id, axis_value, {measure}, is_measured from {mart}_by_axis where {where}"
        f" and axis = '{axis}' and corpus_id = 'books'"
    )
    expected = {}
    for model_id in {model_id for model_id, _, _ in points}:
        x, y = np.array([point[1:] for point in points if point[0] == model_id]).T
        for place in {place for _, place, _ in points}:
            below = x[x <= place]
            if place in x or (x[0] < place < x[-1] and below[-1] > 0):
                logs = np.log(np.maximum(x, 1e-300))
                y_there = scale[1](np.interp(np.log(max(place, 1e-300)), logs, scale[0](y)))
                expected[model_id, place] = (pytest.approx(float(y_there), rel=1e-9), place in x)
    assert len(expected) > len(points)
    assert {(model_id, place): value for model_id, place, *value in drawn} == {k: list(v) for k, v in expected.items()}
    assert len(drawn) == len(expected)


def test_linearity_and_breakthroughness_follow_equation_4_from_four_models_on(built, outcomes):
    last = {}
    combined = by_task_set(accuracies(outcomes))
    for model_id, step, *rest in sorted(combined, key=lambda key: key[1]):
        last[model_id, *rest] = float(np.mean([task[0] for task in combined[model_id, step, *rest]]))
    panels: dict[tuple, list] = {}
    for (model_id, *rest), accuracy in last.items():
        panels.setdefault((model_id[0], *rest), []).append((PARAMETERS[model_id], model_id, accuracy))
    rows = built.rows(
        "select suite_id, task_set_kind, task_set, shot_count, normalisation, linearity, breakthroughness,"
        " reason_for_null, model_count, least_fraction_of_training, greatest_fraction_of_training"
        " from fct_task_scaling where suite_id != 'opt-published' and task_set != 'bigbench_74'"
    )
    assert {row[:5] for row in rows} == set(panels)
    for *key, linearity, breakthroughness, reason, model_count, least, greatest in rows:
        y = np.array([accuracy for _, _, accuracy in sorted(panels[tuple(key)])])
        assert model_count == len(y)
        assert (least, greatest) == ((0.8, 0.9) if key[0] == "s" else (0.05, 0.05))
        z = np.diff(y)
        change = np.sign(int(np.argmax(y)) - int(np.argmin(y))) * (y.max() - y.min())
        spreads = [part(z**2) if len(y) >= 4 else 0 for part in (np.mean, np.median)]
        expected = [change / np.sqrt(spread) if spread > 1e-24 else None for spread in spreads]
        assert (linearity, breakthroughness) == (close(expected[0]), close(expected[1])), key
        if len(y) < 4:
            assert reason == "fewer than four models"
        else:
            assert (reason == "") == (None not in expected)
    assert {row[8] for row in rows} == {1, 4}
    assert {row[5] is None for row in rows} == {True, False}


def pairs_of_checkpoints() -> dict[tuple[str, str, int, str, int], bool | None]:
    """Return the pairs of checkpoints that are compared, and whether they are at the same progress.

    A pair is its kind, the first and the second checkpoint. All models plan as many steps. Two models are compared at
    the last step that both have, but for step 0, or else at their last steps.
    """
    pairs: dict[tuple[str, str, int, str, int], bool | None] = {}
    for model_id, steps in STEPS.items():
        if len(steps) > 1:
            pairs["first and last checkpoint", model_id, steps[0], model_id, steps[-1]] = None
        for a, b in itertools.pairwise(steps):
            pairs["consecutive checkpoints", model_id, a, model_id, b] = None
    by_size = sorted((PARAMETERS[model_id], model_id) for model_id in STEPS if model_id.startswith("s/"))
    for (_, first), (_, second) in itertools.combinations(by_size, 2):
        common = set(STEPS[first]) & set(STEPS[second]) - {0}
        ends = (max(common), max(common)) if common else (STEPS[first][-1], STEPS[second][-1])
        pairs["last checkpoints of two models", first, ends[0], second, ends[1]] = bool(common)
    return pairs


def test_two_checkpoints_are_compared_by_mcnemars_test(built, outcomes):
    rows = built.rows(
        "select comparison, first_model_id, first_step, second_model_id, second_step, task_set_kind, task_set,"
        " shot_count, seed, normalisation, item_count, only_first_correct_count, only_second_correct_count, p_value,"
        " second_accuracy_ratio, is_at_same_progress, first_fraction_of_training, second_fraction_of_training,"
        " mid_p_value, holm_p_value, benjamini_hochberg_p_value, family_test_count, suite_id"
        " from fct_accuracy_comparison where task_set != 'bigbench_74'"
    )
    pairs = pairs_of_checkpoints()
    assert {row[:5] for row in rows} == set(pairs)
    assert set(pairs.values()) == {True, False, None}
    members = {}
    for task_id in TASKS:
        for task_set in groups_of(task_id):
            members.setdefault(task_set, []).append(task_id)
    for row in rows:
        _, first, first_step, second, second_step, kind, name, *draw = row[:10]
        table = np.zeros((2, 2), dtype=int)
        for task_id in members[kind, name]:
            left = outcomes.get((first, first_step, task_id, *draw), {})
            right = outcomes.get((second, second_step, task_id, *draw), {})
            for item in left.keys() & right.keys():
                table[int(left[item][0]), int(right[item][0])] += 1
        assert row[10:13] == (table.sum(), table[1, 0], table[0, 1]), row
        differing = int(table[1, 0] + table[0, 1])
        exact = min(1, float(mcnemar(table, exact=True).pvalue))
        assert row[13] == close(exact)
        is_even = table[1, 0] == table[0, 1]
        observed = float(stats.binom.pmf(min(table[1, 0], table[0, 1]), differing, 0.5))
        assert row[18] == close(1.0 if is_even else exact - observed)
        assert row[14] == close(table[:, 1].sum() / table.sum())
        assert row[15:18] == (pairs[row[:5]], first_step / 100, second_step / 100)
    assert min(row[13] for row in rows) < 0.05
    assert any(row[11] == row[12] == 0 for row in rows)


def test_p_values_are_adjusted_within_their_family(built):
    columns = ", ".join(MCNEMAR_FAMILY)
    families: dict[tuple, list] = {}
    for *family, p_value, holm, hochberg, count in built.rows(
        f"select {columns}, mid_p_value, holm_p_value, benjamini_hochberg_p_value, family_test_count"
        " from fct_accuracy_comparison"
    ):
        families.setdefault(tuple(family), []).append((p_value, holm, hochberg, count))
    for tests in families.values():
        p_values, holm, hochberg, counts = (list(column) for column in zip(*tests, strict=True))
        assert set(counts) == {len(tests)}
        assert holm == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), rel=1e-9)
        assert hochberg == pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist(), rel=1e-9)
    assert max(map(len, families.values())) > 50


def test_calibration_compares_confidence_with_accuracy_bin_by_bin(built, outcomes):
    panels: dict[tuple, dict[int, list]] = {}
    for (model_id, step, task_id, shots, seed, normalisation), choices in outcomes.items():
        for kind, name in groups_of(task_id):
            seeds = panels.setdefault((model_id, step, kind, name, shots, normalisation), {})
            seeds.setdefault(seed, []).extend(choices.values())
    rows = built.rows(
        "select model_id, step, task_set_kind, task_set, shot_count, normalisation, choice_count,"
        " calibration_error_ratio, mean_confidence_ratio, calibrated_error_ratio, excess_calibration_error_ratio"
        " from fct_task_calibration_by_checkpoint where task_set != 'bigbench_74'"
    )
    assert {row[:6] for row in rows} == set(panels)
    for *key, choice_count, error, mean_confidence, calibrated, excess in rows:
        of_seeds = [np.array(choices, dtype=float)[:, :2].T for choices in panels[tuple(key)].values()]
        errors = [measure_calibration(right, confidence) for right, confidence in of_seeds]
        expected, by_chance = np.mean(errors, axis=0)
        assert (choice_count, error) == (sum(right.size for right, _ in of_seeds), pytest.approx(expected, abs=1e-9))
        assert calibrated == pytest.approx(by_chance, abs=1e-9)
        assert excess == pytest.approx(expected - by_chance, abs=1e-9)
        assert mean_confidence == pytest.approx(np.concatenate([each for _, each in of_seeds]).mean(), abs=1e-9)


def measure_calibration(right: np.ndarray, confidence: np.ndarray) -> tuple[float, float]:
    """Return the calibration error, and the one that is expected if every bin is right as often as its confidence."""
    bins = np.minimum(9, np.searchsorted(np.arange(1, 11) / 10, confidence - 1e-12, side="left"))
    error = by_chance = 0.0
    for number in np.unique(bins):
        inside = bins == number
        count, level = int(inside.sum()), float(confidence[inside].mean())
        counts = np.arange(count + 1)
        error += abs(right[inside].sum() - count * level)
        by_chance += float(stats.binom.pmf(counts, count, level) @ np.abs(counts - count * level))
    return error / right.size, by_chance / right.size


def test_imported_metrics_are_trajectories_beside_registered_checkpoints(built):
    rows = built.rows(
        "select model_id, step, task_version, metric_value, tokens_seen, is_registered_checkpoint,"
        " smoothed_metric_value from fct_eval_metric_by_checkpoint order by all"
    )
    smooth = [0.51, 0.6 * 0.51 + 0.4 * 0.52]
    assert rows[:2] == [
        ("i/imported", 1, "1", 0.51, 16, False, close(smooth[0])),
        ("i/imported", 2, "1", 0.52, 32, False, close(smooth[1])),
    ]
    assert [row[:6] for row in rows[4:]] == [
        ("s/small", 10, "0", 0.25, 10240, True),
        ("s/small", 10, "1", 0.75, 10240, True),
    ]


AXES = {
    "parameters": ("parameter_count", 1),
    "tokens seen": ("tokens_seen", 1),
    "training FLOPs (6N)": ("train_flops_6n", 1),
    "training FLOPs (PaLM)": ("train_flops_palm", 1),
    "validation perplexity": ("validation_perplexity", -1),
}


def equal_perplexity(curves: dict[str, list[tuple]]) -> tuple[int, float | None, float | None]:
    """Return how the measure differs between models at equal validation perplexity: count, deviation, slope.

    Count: the number of perplexity levels that at least two models reach. Deviation: the root mean square of the
    differences between each model's measure and the models' mean at the level. Slope: that of a line fitted to these
    differences over ln(model size).
    """
    deviations, sizes, count = [], [], 0
    for number in range(200):
        reached = []
        for points in curves.values():
            losses = np.log([point[1] for point in points])
            after = next((index for index, loss in enumerate(losses) if loss <= number * 0.1), 0)
            if after:
                pair = [after, after - 1]
                value = np.interp(number * 0.1, losses[pair], np.array([point[2] for point in points])[pair])
                reached.append((value, np.log(points[0][3])))
        if len(reached) > 1:
            count += 1
            values, logs = np.array(reached).T
            deviations.extend(values - values.mean())
            sizes.extend(logs - logs.mean())
    if count == 0:
        return 0, None, None
    deviations, sizes = np.array(deviations), np.array(sizes)
    slope = float(deviations @ sizes / (sizes @ sizes)) if sizes @ sizes > 1e-12 else None
    return count, float(np.sqrt(np.mean(deviations**2))), slope


def test_alignment_agrees_with_scipy_on_published_and_own_behaviours(built):
    columns = ", ".join(column for column, _ in AXES.values())
    trajectories: dict[tuple, list[tuple]] = {}
    for row in built.rows(
        "select suite_id, corpus_id, measure, subject, variant, model_id, step, measure_value, parameter_count,"
        f" {columns} from fct_trajectory_measure order by model_id, step"
    ):
        trajectories.setdefault(row[:5], []).append(row[5:])
    rows = built.rows(
        "select suite_id, corpus_id, measure, subject, variant, axis, pearson_correlation, spearman_correlation,"
        " point_count, equal_perplexity_count, equal_perplexity_deviation, equal_perplexity_size_slope"
        " from fct_behaviour_alignment"
    )
    assert {row[2] for row in rows if row[0] == "opt-published"} == {"task accuracy", "token set loss"}
    assert {row[2] for row in rows if row[0] == "s"} >= {"task accuracy", "correct option loss", "imported metric"}
    assert sum(row[0] == "opt-published" for row in rows) > 80
    checked = 0
    for *key, axis, pearson, spearman, point_count, level_count, deviation, slope in rows:
        points = trajectories[tuple(key)]
        place, sign = 4 + list(AXES).index(axis), AXES[axis][1]
        shown = [(sign * np.log(point[place]), point[2]) for point in points if point[1] > 0 and point[place]]
        x, y = np.array(shown).T
        assert point_count == len(shown)
        if len(shown) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
            assert (pearson, spearman) == (None, None)
        else:
            assert pearson == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
            assert spearman == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
            checked += 1
        if axis == "validation perplexity":
            curves: dict[str, list[tuple]] = {}
            for point in points:
                curves.setdefault(point[0], []).append((point[1], point[8], point[2], point[3]))
            assert (level_count, close(deviation), close(slope)) == equal_perplexity(curves), key
        else:
            assert (level_count, deviation, slope) == (None, None, None)
    assert checked > 100


def ask(warehouse, name: str, **values: str) -> list[dict]:
    """Return the rows of a named question."""
    return ask_question(warehouse.client, read_questions(packaged_questions())[name], values).to_pylist()


def test_questions_about_tasks_answer_from_the_marts(built):
    ranking = ask(built, "tasks_by_accuracy", suite_id="s")
    assert {row["task_id"] for row in ranking} == {*TASKS, *(parent for parent, _ in TASKS.values())}
    assert {row["checkpoint_id"] for row in ranking} == {"s/large@90"}
    gains = [row["above_chance_ratio"] for row in ranking]
    assert gains == sorted(gains, reverse=True)

    for row in ask(built, "tasks_emerging_late", suite_id="s"):
        is_above = built.rows(
            "select accuracy_lower > chance_accuracy_ratio, step from fct_task_accuracy_by_checkpoint"
            f" where model_id = '{row['model_id']}' and task_set = '{row['task_id']}' and shot_count = 2"
            " and normalisation = 'token' order by step desc"
        )
        lasting = [step for above, step in itertools.takewhile(lambda entry: entry[0], is_above)]
        assert row["first_step"] == (lasting[-1] if lasting else None)

    by_perplexity = ask(built, "predictors_of_behaviours", measure="task accuracy")
    (of_all,) = [row for row in by_perplexity if row["subject"] == "all"]
    assert (of_all["best_axis"], of_all["checkpoint_count"]) == ("validation perplexity", 147)

    tests = ask(built, "models_differing_on_tasks", suite_id="s", first_model_id="s/small", second_model_id="s/large")
    assert {(row["task_set"], row["seed"]) for row in tests} >= {(task, seed) for task in TASKS for seed in (0, 1)}
    assert all(row["mid_p_value"] <= row["benjamini_hochberg_p_value"] <= row["holm_p_value"] for row in tests)
    assert {row["is_at_same_progress"] for row in tests} == {True}
    assert {row["model_id"] for row in ask(built, "accuracy_gained_by_training", suite_id="s")} == {
        model_id for model_id in STEPS if model_id.startswith("s/")
    }
    assert len(ask(built, "calibration_by_step", suite_id="s")) == sum(
        len(steps) for model_id, steps in STEPS.items() if model_id.startswith("s/")
    )
    assert len(ask(built, "accuracy_by_normalisation", suite_id="s")) == 4 * 2 * len(NORMALISATIONS)
    for row in ask(built, "option_perplexity_by_step", suite_id="s"):
        ratio = row["incorrect_option_perplexity"] / row["correct_option_perplexity"]
        assert row["gap_nats"] == pytest.approx(np.log(ratio))


@pytest.mark.parametrize(
    ("first", "second"),
    [(("s/small", 10), ("s/large", 90)), (("s/middle", 30), ("s/middle", 80)), (("s/small", 0),) * 2],
)
def test_any_two_checkpoints_are_compared_by_mcnemars_exact_test(built, outcomes, first, second):
    names = ("first_model_id", "first_step", "second_model_id", "second_step")
    values = dict(zip(names, map(str, (*first, *second)), strict=True))
    rows = ask(built, "checkpoints_compared_on_tasks", **values)
    assert {(row["task_id"], row["seed"]) for row in rows} == {(task, seed) for task in TASKS for seed in (0, 1)}
    for row in rows:
        draw = (row["task_id"], 2, row["seed"], "token")
        left, right = outcomes[*first, *draw], outcomes[*second, *draw]
        table = np.zeros((2, 2), dtype=int)
        for item in left.keys() & right.keys():
            table[int(left[item][0]), int(right[item][0])] += 1
        assert row["item_count"] == table.sum()
        assert (row["only_first_correct_count"], row["only_second_correct_count"]) == (table[1, 0], table[0, 1])
        assert row["p_value"] == close(min(1, mcnemar(table, exact=True).pvalue))
        observed = stats.binom.pmf(min(table[1, 0], table[0, 1]), table[1, 0] + table[0, 1], 0.5)
        assert row["mid_p_value"] == close(1.0 if table[1, 0] == table[0, 1] else row["p_value"] - observed)
        assert row["first_accuracy_ratio"] == close(table[1].sum() / table.sum())
    p_values = [row["mid_p_value"] for row in rows]
    for column, method in (("holm_p_value", "holm"), ("benjamini_hochberg_p_value", "fdr_bh")):
        adjusted = multipletests(p_values, method=method)[1]
        assert [row[column] for row in rows] == pytest.approx(adjusted.tolist(), rel=1e-9)


def test_questions_about_published_and_imported_results_answer_from_the_marts(built):
    tasks = ask(built, "breakthrough_tasks")
    assert len(tasks) == 18
    assert tasks[0]["breakthroughness"] > tasks[-1]["breakthroughness"]
    series = ask(built, "imported_metric_by_step", task_id="piqa", model_id="i/imported")
    assert [(row["step"], row["metric_value"]) for row in series] == [(1, 0.51), (2, 0.52), (4, 0.54), (8, 0.58)]


def test_a_new_checkpoint_of_one_model_recomputes_its_own_outcomes_alone(built):
    tables = ("int_item_outcome", "int_option_log_prob", "int_outcome_change", "int_prompt")

    def blocks() -> dict[tuple[str, str], tuple[int, int]]:
        rows = built.rows(
            "select table, partition, min(min_block_number), max(max_block_number) from system.parts"
            " where active and database = currentDatabase() group by table, partition"
        )
        return {(table, partition): ends for table, partition, *ends in rows if table in tables}

    before = blocks()
    evaluate(built, [("r/alone", 6, "own", 0, 0)])
    built.dbt("run", "--select", "int_evaluation_fingerprint", *tables)
    after = blocks()
    assert {key for key in before | after if before.get(key) != after.get(key)} == {
        (table, "r/alone") for table in tables
    }
