"""JSON fields: which values are read, how errors name file, line and field, and how large files may be."""

import math
from pathlib import Path

import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.imports import json_files
from trailhouse.warehouse.imports.json_files import JsonField, parse_json, read_json, read_json_lines

FILE = Path("results.json")


def field(value: object, **options) -> JsonField:
    return JsonField(FILE, "results.acc", value, **options)


def refuse(pattern: str, function, *arguments) -> None:
    with pytest.raises(BadInputError, match=pattern) as caught:
        function(*arguments)
    assert caught.value.hint


def test_an_error_names_the_file_and_the_line_and_the_field_if_they_are_known():
    assert field(1).fail("is odd", "h").message == "results.json, field results.acc: is odd"
    assert field(1, line=3).fail("is odd", "h").message == "results.json, line 3, field results.acc: is odd"
    assert JsonField(FILE, "", 1).fail("is odd", "h").message == "results.json: is odd"


def test_the_fields_of_an_object_have_its_line_and_their_path():
    top = JsonField(FILE, "", {"a": {"b.c": 1, "none": None}}, line=2)
    child = top.require("a").require("b.c")
    assert child == JsonField(FILE, "a.b.c", 1, "b.c", 2)
    assert [one.key for one in top.require("a").items()] == ["b.c", "none"]
    assert top.require("a").find("none") is None
    refuse("line 2, field a.none: is missing", top.require("a").require, "none")
    refuse("field a.b.c: an object is expected", child.find, "d")


def test_the_elements_of_an_array_are_counted_from_0():
    assert field(["x", 2], line=4).elements() == [
        JsonField(FILE, "results.acc[0]", "x", "0", 4),
        JsonField(FILE, "results.acc[1]", 2, "1", 4),
    ]
    refuse("an array is expected", field({}).elements)


@pytest.mark.parametrize("value", ["", " ", None, 1, ["a"]])
def test_what_is_blank_or_no_string_is_not_text(value):
    assert field(" a ").read_text() == "a"
    refuse("is not text", field(value).read_text)


@pytest.mark.parametrize("value", [2, 2.0, 5, 5.0])
def test_an_integer_may_be_written_as_a_float_and_be_each_limit(value):
    found = field(value).read_integer(2, 5)
    assert (found, type(found)) == (int(value), int)


@pytest.mark.parametrize("value", [1, 6, 2.5, True, "3", None, math.nan, math.inf])
def test_what_is_no_integer_within_the_limits_is_refused(value):
    refuse("is not an integer from 2 to 5", field(value).read_integer, 2, 5)


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1.0), (-0.5, -0.5), (math.inf, math.inf), (10**400, math.inf), (-(10**400), math.inf)]
)
def test_numbers_are_read_as_floats(value, expected):
    found = field(value).read_number()
    assert (found, type(found)) == (expected, float)


@pytest.mark.parametrize("value", [True, False, "1", None, []])
def test_what_is_no_number_is_refused(value):
    refuse("is not a number", field(value).read_number)


def test_a_boolean_is_nothing_but_true_or_false():
    assert (field(True).read_boolean(), field(False).read_boolean()) == (True, False)
    for value in (1, 0, "true", None):
        refuse("is neither true nor false", field(value).read_boolean)


@pytest.mark.parametrize(
    ("value", "shown"), [("x" * 58, repr("x" * 58)), ("x" * 59, repr("x" * 59)[:57] + "..."), ([1], "list")]
)
def test_a_long_value_is_shortened_to_sixty_characters(value, shown):
    with pytest.raises(BadInputError) as caught:
        field(value).read_number()
    assert caught.value.message == f"results.json, field results.acc: {shown} is not a number"
    assert len(shown) <= 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1,}', "line 7: not JSON"),
        (b'{"a":\n\n,}', "line 9: not JSON"),
        (b'"a"\n\xff', "line 8: not UTF-8"),
        (b"1" * 10_000, "line 7: not JSON"),
        (b"[" * 200_000, "line 7: nested too deeply"),
    ],
)
def test_an_error_of_the_text_is_named_with_its_line(content, message):
    refuse(f"results.json, {message}", parse_json, FILE, content, 7)


def test_the_first_line_of_a_file_is_line_1_and_a_byte_order_mark_is_skipped():
    refuse("line 1: not JSON", parse_json, FILE, b"{")
    assert parse_json(FILE, b"\xef\xbb\xbf[1]") == [1]


def test_a_file_and_a_line_may_have_the_largest_size_and_not_a_byte_more(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "MAXIMUM_FILE_BYTES", 6)
    monkeypatch.setattr(json_files, "MAXIMUM_LINE_BYTES", 6)
    file = tmp_path / "a.json"
    file.write_bytes(b"[1, 2]")
    assert read_json(file) == JsonField(file, "", [1, 2])
    file.write_bytes(b"[1, 2] ")
    refuse("larger than 256 MiB", read_json, file)
    file.write_bytes(b"[1,2]\n\n  \n[3]")
    assert [(one.value, one.line) for one in read_json_lines(file)] == [([1, 2], 1), ([3], 4)]
    file.write_bytes(b"[1]\n[1, 2]\n")
    refuse("line 2: longer than 16 MiB", list, read_json_lines(file))


def test_the_limits_are_those_that_the_errors_state():
    assert json_files.MAXIMUM_FILE_BYTES == 256 * 1024**2
    assert json_files.MAXIMUM_LINE_BYTES == 16 * 1024**2


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    refuse("cannot be read: No such file", read_json, tmp_path / "none")
    refuse("cannot be read: No such file", list, read_json_lines(tmp_path / "none"))
    refuse("cannot be read: embedded null byte", read_json, tmp_path / "a\0b")
