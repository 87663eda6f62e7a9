"""An empty answer says why it is empty, and names the commands that fill it."""

import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.reading.empty_answers import explain_empty_answer
from trailhouse.warehouse.reading.questions import ask_question, packaged_questions, read_questions
from trailhouse.warehouse.reading.scored_subjects import Subject

QUESTIONS = read_questions(packaged_questions())
SHARES, ACCURACY = QUESTIONS["trend_shares_by_start"], QUESTIONS["tasks_by_accuracy"]
OURS = {"suite_id": "ours", "corpus_id": "texts"}


@pytest.fixture
def marts(client):
    """A mart of suites with one suite, and two corpora."""
    client.command("create table dim_suite (suite_id String) engine = MergeTree order by suite_id")
    client.command("insert into dim_suite values ('ours')")
    client.command("insert into raw_corpus (corpus_id) values ('texts'), ('others')")
    return client


def test_before_anything_is_scored_the_commands_are_named(client):
    assert explain_empty_answer(client, SHARES, {}, []) == (
        "no rows, because no suite is scored or evaluated yet:"
        " run `trailhouse score SUITE --corpus CORPUS` and `trailhouse transform`"
    )
    assert "trailhouse evaluate SUITE --tasks TASKS" in explain_empty_answer(client, ACCURACY, {}, [])


@pytest.mark.parametrize(
    ("question", "values", "expected"),
    [
        (SHARES, {**OURS, "suite_id": "owrs"}, "no results of a suite 'owrs'; it has: new, ours"),
        (SHARES, {**OURS, "corpus_id": "txts"}, "no corpus 'txts'; it has: others, texts"),
        (SHARES, {**OURS, "suite_id": "new"}, "suite new are not in the marts yet: run `trailhouse transform`"),
        (SHARES, {**OURS, "corpus_id": "others"}, "not scored on others: run `trailhouse score ours --corpus others`"),
        (SHARES, OURS, "a trend needs three checkpoints"),
        (ACCURACY, {"suite_id": "ours"}, "from `trailhouse evaluate ours --tasks TASKS`"),
    ],
)
def test_the_reason_is_named(question, values, expected, marts):
    subjects = [Subject("ours", "texts"), Subject("new", "texts")]
    assert expected in explain_empty_answer(marts, question, values, subjects)


def test_a_question_about_marts_that_were_never_derived_names_the_command_that_derives_them(client):
    with pytest.raises(BadInputError, match="question trend_shares_by_start reads a mart") as raised:
        ask_question(client, SHARES, OURS)
    assert "trailhouse transform" in raised.value.hint
