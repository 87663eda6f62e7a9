"""The text of the miniature suite: how it is gathered, cleaned and split."""

from __future__ import annotations

import hashlib

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.miniature import text
from trailhouse.models.miniature.text import DocumentationUnit, clean_text, gather_docstrings, gather_topics


def unit(name: str, content: str) -> DocumentationUnit:
    return DocumentationUnit(name, content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 10),
        ("12345\n789 and more", "12345"),
        ("1234  \n789 and more", "1234"),
        ("12345678\n\nmore", "12345678"),
    ],
)
def test_a_long_text_is_cut_at_the_end_of_a_line(monkeypatch, content, expected):
    monkeypatch.setattr(text, "VALIDATION_DOCUMENT_CHARACTERS", 10)
    assert text._truncate_text(content) == expected


def test_of_a_repeated_paragraph_only_the_first_is_kept():
    seen: set[str] = set()
    units = [unit("a", "One two.\n\nThree."), unit("b", "one  TWO.\n\nFour."), unit("c", "three.")]
    assert text._drop_repeated_paragraphs(units, seen) == [unit("a", "One two.\n\nThree."), unit("b", "Four.")]
    assert text._drop_repeated_paragraphs([unit("d", "four.\n\nfive")], seen) == [unit("d", "five")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a\n\n\n\nb", "a\n\nb"),
        ("a\n\nb", "a\n\nb"),
        ("  a  \n    b\n", "a  \nb".replace("  \n", "\n")),
        ("a\n====\nb", "a\nb"),
        ("a\n===\nb", "a\n===\nb"),
        ("a\n  ----\nb", "a\nb"),
        ("a\n=-=-\nb", "a\n=-=-\nb"),
        ("aaaa\n    \nb", "aaaa\n\nb"),
    ],
)
def test_rules_indentation_and_empty_lines_are_removed(given, expected):
    assert clean_text(given) == expected


def test_topics_are_read_without_running_their_file(tmp_path):
    path = tmp_path / "topics.py"
    assert list(gather_topics(path)) == []
    path.write_text("raise SystemExit\nother = 3\ntopics = {'if': 'The\\n****\\nword', 'for': 'Loop'}\n")
    assert list(gather_topics(path)) == [unit("topics.if", "The\nword"), unit("topics.for", "Loop")]


def test_modules_are_walked_in_order_and_docstrings_of_five_words_kept(tmp_path):
    files = {
        "b.py": '"""This one has five words."""\nasync def f():\n    "Only four words here"\n',
        "a/c.py": 'def f():\n    "Second in the file, six words."\n    "Not a docstring, as it is late."\n',
        "a/empty.py": "",
        "a/wrong.py": "def (",
        "a/nul.py": "a = '\\0'\0",
        "test/d.py": '"""A test that is not part of it."""',
        "site-packages/e.py": '"""A package that is not part of it."""',
        "notes.txt": "not a module",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert list(gather_docstrings(tmp_path)) == [
        unit("a.c", "Second in the file, six words."),
        unit("b", "This one has five words."),
    ]


@pytest.fixture
def give(monkeypatch):
    """Replace the gathered units, and allow small texts: validation texts of 4 to 6 bytes, of which two are chosen."""

    def give_units(*units: DocumentationUnit, minimum: int = 0):
        monkeypatch.setattr(text, "gather_topics", lambda _: iter(units[:1]))
        monkeypatch.setattr(text, "gather_docstrings", lambda _: iter(units[1:]))
        monkeypatch.setattr(text, "VALIDATION_UNIT_BYTES", range(4, 7))
        monkeypatch.setattr(text, "VALIDATION_DOCUMENT_COUNT", 2)
        monkeypatch.setattr(text, "VALIDATION_DOCUMENT_CHARACTERS", 5)
        monkeypatch.setattr(text, "MINIMUM_TRAINING_BYTES", minimum)
        return text.split_documentation.__wrapped__()

    return give_units


def test_the_units_with_the_lowest_hashes_of_their_names_are_held_out_if_their_size_allows_it(give):
    names = sorted("abcdefgh", key=lambda name: hashlib.sha256(name.encode()).digest())
    contents = {name: f"{name}23456"[:5] for name in names}
    contents[names[0]] = "1234567"  # too long
    contents[names[2]] = "ééé"  # six bytes
    split = give(*(unit(name, contents[name]) for name in "abcdefgh"))
    assert [one.name for one in split.validation] == [names[1], names[2]]
    assert [one.name for one in split.training] == [names[0], *names[3:]]


def test_validation_texts_are_cut_and_training_texts_repeat_none_of_their_paragraphs(give):
    names = sorted("abc", key=lambda name: hashlib.sha256(name.encode()).digest())
    contents = {names[0]: "123456", names[1]: "4567", names[2]: "123456\n\nown text"}
    split = give(*(unit(name, contents[name]) for name in "abc"))
    assert [one.text for one in split.validation] == ["12345", "4567"]
    assert [one.text for one in split.training] == ["own text"]


@pytest.mark.parametrize(("minimum", "is_enough"), [(8, True), (9, False)])
def test_too_little_text_to_train_on_is_refused(give, minimum, is_enough):
    units = [unit(name, content) for name, content in (("a", "12345678"), ("b", "4567"), ("c", "7891"))]
    if is_enough:
        assert len(give(*units, minimum=minimum).training) == 1
    else:
        with pytest.raises(BadInputError, match="carries too little documentation"):
            give(*units, minimum=minimum)
