"""Declarations: mistakes are named with file, line and field, and no YAML file can overload the reader."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, RootModel, field_validator

from trailhouse.errors import BadInputError
from trailhouse.support import declarations
from trailhouse.support.declarations import (
    Count,
    Declaration,
    Name,
    PositiveCount,
    Text,
    mistake,
    parse_declaration,
    read_declaration,
)


class Part(Declaration):
    name: Name = "part"
    size: PositiveCount = 1
    weight: float = 0.0
    kind: Literal["wood", "iron"] = "wood"
    is_new: bool = False
    labels: tuple[Text, ...] = ()
    first: Count = Field(default=0, alias="from")

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels):
        for index, label in enumerate(labels):
            if label == "bad":
                raise mistake("is bad", "choose another", index)
        return labels


class Machine(Declaration):
    title: Text
    shared: dict[str, object] = Field(default_factory=dict)
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]


class Parts(RootModel[dict[str, Part]]):
    pass


def read(tmp_path, text, model=Machine):
    path = tmp_path / "machine.yaml"
    path.write_text(text)
    return read_declaration(path, model)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('size: "12"', "size: a whole number is expected here"),
        ("size: 1.0", "size: a whole number is expected here"),
        ("size: true", "size: a whole number is expected here"),
        ("size: 0", "size: a whole number of at least 1 is expected here"),
        ("size: 0x10", "size: a whole number is expected here"),
        ("size: 9223372036854775808", "size: a whole number is expected here"),
        ("size: ", "size: a whole number is expected here"),
        ("weight: heavy", "weight: a number is expected here"),
        ("kind: steel", "kind: 'steel' is not known"),
        ("is_new: 1", "is_new: true or false is expected here"),
        ("name: 7", "name: a text is expected here"),
        ("name: ' '", "name: a text is expected here"),
        ("name: a/b", "name: 'a/b' is no name"),
        ("labels: one", "labels: a list is expected here"),
        ("labels: [one, bad]", r"labels\[1\]: is bad"),
        ("first: 1", "first: this field is not known"),
        ("colour: red", "colour: this field is not known"),
        ("{a: 1}: 2", "a field name must be plain text"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(tmp_path, field, expected):
    separator = ": " if expected.startswith("a field name") else "."
    with pytest.raises(BadInputError, match=rf"machine\.yaml, line 4, parts\[1\]{separator}{expected}") as caught:
        read(tmp_path, f"title: x\nparts:\n  - size: 2\n  - {field}\n")
    assert caught.value.hint


def test_an_unknown_field_is_answered_with_the_known_ones_as_they_are_written(tmp_path):
    with pytest.raises(BadInputError) as caught:
        read(tmp_path, "title: x\nparts: [{colour: red}]\n")
    assert caught.value.hint == "remove it; known are from, is_new, kind, labels, name, size, weight"


def test_plain_scalars_have_the_types_of_yaml(tmp_path):
    part = read(
        tmp_path,
        "title: '12'\n"
        "parts: [{size: +1_000, weight: 2, is_new: yes, name: v1.2, labels: [2024-01-02x, 1:30], from: 3}]\n",
    ).parts[0]
    assert (part.size, part.weight, part.is_new, part.name) == (1000, 2.0, True, "v1.2")
    assert (part.labels, part.first) == (("2024-01-02x", "1:30"), 3)
    assert read(tmp_path, "title: x\nparts: [{size: 9223372036854775807}]\n").parts[0].size == 2**63 - 1
    assert read(tmp_path, "title: x\nparts: [{weight: 1_0.5}]\n").parts[0].weight == 10.5


def test_a_field_that_occurs_twice_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"line 4, parts\[0\]\.size: this field occurs twice"):
        read(tmp_path, "title: x\nparts:\n  - size: 2\n    size: 2\n")


def test_a_mapping_may_take_over_the_fields_of_another(tmp_path):
    parts = read(tmp_path, "a: &a {size: 3, kind: iron}\nb:\n  <<: *a\n  size: 4\n", Parts).root
    assert (parts["b"].size, parts["b"].kind) == (4, "iron")
    with pytest.raises(BadInputError, match=r"line 1, c\.size: a whole number"):
        read(tmp_path, "c: &c {size: x}\nb: {<<: *c}\n", Parts)


def test_the_entries_of_a_list_inherit_shared_fields_and_a_mistake_is_named_on_its_own_line(tmp_path):
    text = "title: x\nshared: {size: 5, kind: iron}\nparts:\n  - {size: 6}\n  - {name: p}\n"
    machine = parse_declaration(tmp_path, text, Machine, heirs="parts", shared="shared")
    assert [(part.size, part.kind) for part in machine.parts] == [(6, "iron"), (5, "iron")]
    with pytest.raises(BadInputError, match=r"line 2, parts\[0\]\.kind: 'steel' is not known"):
        parse_declaration(tmp_path, text.replace("iron", "steel"), Machine, heirs="parts", shared="shared")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: fields with values are expected here"),
        ("- a\n", "line 1: fields with values are expected here"),
        ("parts: []\ntitle: x\n", "line 1, parts: the number of entries must be at least 1"),
        ("parts: [{}]\n", "line 1, title: this field is missing"),
        ("parts: [7]\ntitle: x\n", r"line 1, parts\[0\]: fields with values are expected here"),
        ("a: *b\n", "line 1: not valid YAML"),
        ("a: &a [*a]\n", "nested too deeply or repeated too often"),
        ("&x {<<: &y {<<: *x}}", "line 1, title: this field is missing"),
        ("a: " + "[" * 33 + "]" * 33, "nested too deeply"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: 1\n---\nb: 2\n", "line 2: not valid YAML"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_such_declaration_is_refused(tmp_path, text, expected):
    with pytest.raises(BadInputError, match=rf"machine\.yaml.*{expected}"):
        read(tmp_path, text)


def test_aliases_cannot_make_a_short_file_large(tmp_path):
    levels = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 7)]
    with pytest.raises(BadInputError, match="repeated too often"):
        read(tmp_path, "\n".join(levels))


def test_the_limit_of_values_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr(declarations, "MAXIMUM_NODES", 6)
    assert read(tmp_path, "title: x\nparts: [{size: 1}, {}]\n").title == "x"
    with pytest.raises(BadInputError, match="repeated too often"):
        read(tmp_path, "title: x\nparts: [{size: 1}, {}, {}]\n")


def test_a_file_of_1_mib_is_read_and_a_larger_one_refused(tmp_path):
    text = "title: x\nparts: [{}]\n"
    comment = "#" * ((1 << 20) - len(text))
    assert read(tmp_path, text + comment).title == "x"
    with pytest.raises(BadInputError, match="larger than 1 MiB"):
        read(tmp_path, text + comment + "#")


def test_a_file_that_is_missing_or_not_utf8_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.yaml: cannot be read"):
        read_declaration(tmp_path / "gone.yaml", Machine)
    (tmp_path / "latin.yaml").write_bytes(b"title: x\n# caf\xe9\n")
    with pytest.raises(BadInputError, match=r"latin\.yaml, line 2: not UTF-8"):
        read_declaration(tmp_path / "latin.yaml", Machine)
