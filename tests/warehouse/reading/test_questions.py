"""Named questions: their comments, their parameters and their answers."""

import re

import pytest

from trailhouse.errors import BadInputError, UsageError
from trailhouse.warehouse.reading.questions import (
    ask_question,
    packaged_questions,
    parse_question,
    read_answer_caveats,
    read_questions,
)

TEXT = """-- Counts up to a limit.
-- parameter limit UInt32 = 3: how far
-- parameter greeting String: what to say
select number, {greeting:String} as greeting from numbers({limit:UInt32})
"""


def test_a_question_is_parsed_with_its_parameters():
    question = parse_question("numbers", "count_up", TEXT)
    assert (question.subject, question.name, question.caveat_mart) == ("numbers", "count_up", None)
    assert question.description == "Counts up to a limit."
    assert [(p.name, p.type, p.default, p.description) for p in question.parameters] == [
        ("limit", "UInt32", "3", "how far"),
        ("greeting", "String", None, "what to say"),
    ]


def test_defaults_are_filled_in_and_values_are_bound_not_pasted(client):
    rows = ask_question(client, parse_question("numbers", "count_up", TEXT), {"greeting": "it's; drop table x --"})
    assert rows.to_pydict() == {"number": [0, 1, 2], "greeting": ["it's; drop table x --"] * 3}


def test_a_missing_parameter_is_named(client):
    with pytest.raises(UsageError, match="needs parameter greeting"):
        ask_question(client, parse_question("numbers", "count_up", TEXT), {})


def test_an_unknown_parameter_is_named_with_the_known_ones(client):
    with pytest.raises(UsageError, match=r"no parameter corpus .*limit, greeting"):
        ask_question(client, parse_question("numbers", "count_up", TEXT), {"corpus": "x"})


def test_a_question_must_say_what_it_answers():
    with pytest.raises(BadInputError, match=r"silent\.sql does not say"):
        parse_question("numbers", "silent", "select 1")


def write_questions(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(TEXT)


def test_questions_are_read_by_subject_and_name(tmp_path):
    write_questions(tmp_path, "tasks/b.sql", "tasks/a.sql", "perplexity/c.sql")
    (tmp_path / "tasks" / "notes.md").write_text("no question")
    (tmp_path / "README.md").write_text("no question")
    found = read_questions(tmp_path)
    assert [(question.subject, name) for name, question in found.items()] == [
        ("perplexity", "c"),
        ("tasks", "a"),
        ("tasks", "b"),
    ]
    assert all(name == question.name for name, question in found.items())


def test_two_questions_of_one_name_are_refused(tmp_path):
    write_questions(tmp_path, "tasks/twice.sql", "perplexity/twice.sql")
    with pytest.raises(BadInputError, match="the question twice is in perplexity and in tasks"):
        read_questions(tmp_path)


def test_every_packaged_question_is_in_the_folder_of_its_subject():
    files = [file for subject in packaged_questions().iterdir() if subject.is_dir() for file in subject.iterdir()]
    found = read_questions(packaged_questions())
    assert sorted(file.name for file in files) == sorted(f"{name}.sql" for name in found)


def test_the_caveats_of_a_question_are_one_line_each_with_the_models_they_concern(client):
    client.command(
        "create table fct_caveat (suite_id String, corpus_id String, parameter_count Int64, model_id String,"
        " caveat String) engine = Memory"
    )
    client.command(
        "insert into fct_caveat values ('s', 'c', 9, 's/large', 'few steps'), ('s', 'c', 2, 's/small', 'few steps'),"
        " ('s', 'c', 2, 's/small', 'no seed'), ('s', 'other', 2, 's/small', 'a'), ('other', 'c', 2, 'other/m', 'b')"
    )
    head = (
        "-- Counts.\n-- caveats fct_caveat\n-- parameter suite_id String = s: suite\n-- parameter corpus_id String: c\n"
    )
    question = parse_question("numbers", "counted", head + "select 1")
    assert question.caveat_mart == "fct_caveat"
    assert read_answer_caveats(client, question, {"corpus_id": "c"}) == ["small, large: few steps", "small: no seed"]
    assert read_answer_caveats(client, parse_question("numbers", "count_up", TEXT), {"greeting": "x"}) == []
    without_corpus = parse_question(
        "numbers", "count_up", "-- Counts.\n-- caveats fct_caveat\n-- parameter suite_id String = s: suite\nselect 1"
    )
    assert len(read_answer_caveats(client, without_corpus, {})) == 3


def test_every_packaged_question_uses_each_of_its_parameters():
    questions = read_questions(packaged_questions())
    assert questions
    for question in questions.values():
        for parameter in question.parameters:
            assert f"{{{parameter.name}:{parameter.type}}}" in question.sql, question.name


def test_every_packaged_question_is_described_in_few_sentences_of_which_only_the_first_may_be_a_question():
    for question in read_questions(packaged_questions()).values():
        first, *others = re.split(r"(?<=[.?]) ", question.description)
        assert first[-1] in ".?", question.name
        assert len(others) <= 2, question.name
        assert all(sentence.endswith(".") and "?" not in sentence for sentence in others), question.name
        assert all(sentence[0].isupper() for sentence in (first, *others)), question.name
