"""Groups of tasks that users declare: what is stored, and which names are refused."""

import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.loading.task_groups import declare_task_group, read_task_groups, remove_task_group


@pytest.fixture
def evaluated(client):
    """A client of a warehouse with the tasks a:x, a:y and b."""
    client.insert(
        "raw_task",
        [["a:x", "a"], ["a:y", "a"], ["b", "b"]],
        column_names=["task_id", "parent_task_id"],
    )
    return client


def test_a_group_is_stored_once_replaced_and_removed(evaluated):
    assert declare_task_group(evaluated, "mine", ["b", "a", "b"])
    assert read_task_groups(evaluated) == {"mine": ["a", "b"]}
    assert not declare_task_group(evaluated, "mine", ["a", "b"])
    assert declare_task_group(evaluated, "mine", ["a:y"])
    assert declare_task_group(evaluated, "first", ["b"])
    assert read_task_groups(evaluated) == {"first": ["b"], "mine": ["a:y"]}
    remove_task_group(evaluated, "mine")
    assert read_task_groups(evaluated) == {"first": ["b"]}
    assert declare_task_group(evaluated, "mine", ["a:y"])  # a removed group can come back
    assert [*read_task_groups(evaluated)] == ["first", "mine"]


def test_an_unknown_task_is_refused_with_the_nearest_name_and_nothing_is_stored(evaluated):
    with pytest.raises(BadInputError, match="'a:z'") as refused:
        declare_task_group(evaluated, "mine", ["b", "a:z"])
    assert "'a:" in refused.value.hint
    with pytest.raises(BadInputError) as refused:
        declare_task_group(evaluated, "mine", ["something else"])
    assert "task list" in refused.value.hint
    assert read_task_groups(evaluated) == {}


def test_removing_an_unknown_group_names_those_that_are_declared(evaluated):
    with pytest.raises(BadInputError, match="'mine'") as refused:
        remove_task_group(evaluated, "mine")
    assert refused.value.hint == "no group is declared"
    declare_task_group(evaluated, "first", ["b"])
    with pytest.raises(BadInputError) as refused:
        remove_task_group(evaluated, "mine")
    assert refused.value.hint == "declared are: first"
