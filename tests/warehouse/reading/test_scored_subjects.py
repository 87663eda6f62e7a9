"""The suite and the corpus that a question is about if the user names none."""

import datetime
import uuid

import pytest

from trailhouse.warehouse.reading.questions import packaged_questions, read_questions
from trailhouse.warehouse.reading.scored_subjects import Subject, choose_subject, find_open_parameters, list_subjects

QUESTIONS = read_questions(packaged_questions())
SHARES, ACCURACY = QUESTIONS["trend_shares_by_start"], QUESTIONS["tasks_by_accuracy"]
WORDS = QUESTIONS["words_that_ngrams_miss"]
MORNING = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def insert(client, table, minute, *, is_complete=True, **row):
    time = "scored_at" if table == "raw_score_ledger" else "evaluated_at"
    row |= {"is_complete": is_complete, "scoring_run_id": uuid.UUID(int=1)}
    row[time] = MORNING + datetime.timedelta(minutes=minute)
    client.insert(table, [list(row.values())], column_names=list(row))


def test_the_latest_comes_first_and_evaluated_suites_without_scores_come_last(client):
    assert list_subjects(client) == []
    insert(client, "raw_score_ledger", 1, model_id="old/m", corpus_id="a", step=1)
    insert(client, "raw_score_ledger", 3, model_id="new/m", corpus_id="a", step=1)
    insert(client, "raw_score_ledger", 2, model_id="new/n", corpus_id="b", step=1)
    insert(client, "raw_score_ledger", 9, is_complete=False, model_id="broken/m", corpus_id="a", step=1)
    insert(client, "raw_evaluation_ledger", 8, model_id="asked/m", task_id="t", step=1)
    insert(client, "raw_evaluation_ledger", 8, model_id="old/m", task_id="t", step=1)
    assert list_subjects(client) == [
        Subject("new", "a"),
        Subject("new", "b"),
        Subject("old", "a"),
        Subject("asked", ""),
    ]


def test_corpora_without_texts_by_people_come_after_the_others_and_the_message_says_so(client):
    kinds = {
        "human": ["human"],
        "corrupted": ["corrupted"],
        "words": ["word-in-context"],
        "generated": ["generated"] * 2,
        "mixed": ["generated", "human"],
    }
    for minute, (corpus_id, documents) in enumerate(kinds.items()):
        for document_id, kind in enumerate(documents):
            columns = ["corpus_id", "document_id", "kind"]
            client.insert("raw_document", [[corpus_id, document_id, kind]], column_names=columns)
        insert(client, "raw_score_ledger", minute, model_id="s/m", corpus_id=corpus_id, step=1)
    insert(client, "raw_evaluation_ledger", 8, model_id="asked/m", task_id="t", step=1)
    expected = ["mixed", "human", "generated", "words", "corrupted"]
    subjects = list_subjects(client)
    assert subjects == [*(Subject("s", corpus_id) for corpus_id in expected), Subject("asked", "")]
    kinds_found = [subject.kind for subject in subjects]
    assert kinds_found == ["human", "human", "generated", "word-in-context", "corrupted", "human"]
    # `mixed` was scored last of all, `human` first: with `mixed` left out, later corpora are passed over
    _, choice = choose_subject(SHARES, {}, subjects)
    assert choice == "answered for suite_id=s, corpus_id=mixed, scored last; choose others with --param"
    _, choice = choose_subject(SHARES, {}, subjects[1:])
    assert choice == (
        "answered for suite_id=s, corpus_id=human, the last scored on texts by people; choose others with --param"
    )


@pytest.mark.parametrize(
    ("question", "given", "expected", "is_said"),
    [
        (SHARES, {}, {"suite_id": "new", "corpus_id": "a"}, True),
        (SHARES, {"suite_id": "old"}, {"suite_id": "old", "corpus_id": "c"}, False),
        (SHARES, {"corpus_id": "b"}, {"corpus_id": "b", "suite_id": "new"}, False),
        (SHARES, {"suite_id": "new"}, {"suite_id": "new", "corpus_id": "a"}, True),
        (SHARES, {"suite_id": "old", "corpus_id": "b"}, {"suite_id": "old", "corpus_id": "b"}, False),
        (SHARES, {"suite_id": "unknown"}, {"suite_id": "unknown"}, False),
        (ACCURACY, {}, {"suite_id": "new"}, True),
        (ACCURACY, {"suite_id": "asked"}, {"suite_id": "asked"}, False),
    ],
)
def test_what_is_not_given_is_what_was_scored_last(question, given, expected, is_said):
    subjects = [Subject("new", "a"), Subject("new", "b"), Subject("old", "c"), Subject("asked", "")]
    values, message = choose_subject(question, given, subjects)
    assert values == expected
    assert (message is not None) is is_said
    if message is not None:
        assert all(f"{name}={value}" in message for name, value in expected.items() if name not in given)


def test_a_warehouse_without_results_leaves_the_defaults_of_the_question():
    assert choose_subject(SHARES, {}, []) == ({}, None)


def test_questions_about_phases_prefer_words_in_context():
    subjects = [
        Subject("s", "texts", "human", MORNING),
        Subject("t", "words", "word-in-context", MORNING - datetime.timedelta(days=1)),
    ]
    values, choice = choose_subject(WORDS, {}, subjects)
    assert values["corpus_id"] == "words"
    assert "the last scored on words in context" in choice


def test_a_suite_that_was_only_evaluated_is_not_said_to_be_scored():
    subjects = [Subject("one", ""), Subject("two", "")]
    assert choose_subject(ACCURACY, {}, subjects)[1] == (
        "answered for suite_id=one, evaluated last; choose others with --param"
    )


def test_only_the_suite_and_the_corpus_of_the_question_are_open():
    assert find_open_parameters(SHARES, {"convention_id": "paper"}) == {"suite_id", "corpus_id"}
    assert find_open_parameters(SHARES, {"suite_id": "new", "corpus_id": "a"}) == set()
    assert find_open_parameters(ACCURACY, {}) == {"suite_id"}
