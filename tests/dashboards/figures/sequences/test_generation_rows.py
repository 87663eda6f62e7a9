"""Which generations a figure compares."""

from tests.dashboards.figures.sequences.sequence_rows import describe_generation
from trailhouse.dashboards.figures.sequences.generation_rows import choose_comparable, choose_length


def list_keys(rows: list[dict]) -> list[str]:
    return sorted(row["generation_key"] for row in rows)


def test_the_pair_with_the_most_configurations_is_chosen_and_then_the_latest_checkpoints():
    early = [describe_generation(key, key, large_step=10) for key in ("pl", "ps")]
    late = [describe_generation(f"{key} late", key, large_step=20) for key in ("pl", "ps")]
    alone = [describe_generation("alone", "pl", large_step=30)]
    assert list_keys(choose_comparable([*late, *early, *alone])) == ["pl late", "ps late"]
    assert list_keys(choose_comparable([*early, *alone])) == ["pl", "ps"]
    assert choose_comparable([]) == []


def test_prompts_of_one_length_are_chosen_the_shortest_of_several():
    rows = [describe_generation(f"{count}", "pl", prompt_token_count=count) for count in (256, 5, 16)]
    assert list_keys(choose_comparable(rows)) == ["5"]


def test_the_lowest_seed_is_chosen():
    rows = [describe_generation(f"seed {seed}", "pl", "nucleus 0.9", seed=seed) for seed in (7, 2, 11)]
    assert list_keys(choose_comparable(rows)) == ["seed 2"]


def test_a_length_is_shown_by_a_figure_of_its_own_only_if_it_is_not_the_shortest():
    rows = [describe_generation(f"{count}", "pl", new_token_count=count) for count in (500, 50, 100)]
    assert [list_keys(choose_length(rows, count)) for count in (None, 50, 100, 128)] == [["50"], [], ["100"], []]
