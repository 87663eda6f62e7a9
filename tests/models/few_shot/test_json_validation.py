"""JSON that people write: mistakes are named with file and field, and repeated names are found at any depth."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.tasks import json_validation
from trailhouse.models.few_shot.tasks.bigbench import Example, PromptFields
from trailhouse.models.few_shot.tasks.json_validation import read_bytes, validate_json
from trailhouse.models.few_shot.tasks.task import PromptFormat


class Content(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    name: str
    rows: list[dict[str, object]] = []


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b'{"name": 1}', r"^file, name: "),
        (b'{"name": "x", "rows": [{}, 2]}', r"^file, rows\[1\]: "),
        (b"[", r"^file: Invalid JSON"),
        (b'{"name": "x", "name": "y"}', r"^file: 'name' occurs twice"),
        (b'{"name": "x", "rows": [{"a": 1}, {"a": 1, "b": 2, "a": 3}]}', r"^file, rows\[1\]: 'a' occurs twice"),
        (b'{"name": "x", "rows": [{"a": {"b": [[], {"c": 1, "c": 2}]}}]}', r"^file, rows\[0\]\.a\.b\[1\]: 'c' occurs"),
        (b'{"name": "x", "more": {"d": 1, "d": 2}}', r"^file, more: 'd' occurs twice"),
    ],
)
def test_a_mistake_is_named_with_its_field(raw, problem):
    with pytest.raises(BadInputError, match=problem) as caught:
        validate_json(Content, raw, "file")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_one_name_may_occur_in_several_objects_and_numbers_may_be_long():
    raw = b'{"name": "x", "rows": [{"a": 1}, {"a": 2, "b": {"a": 3}}], "digits": ' + b"1" * 4_000 + b"}"
    assert validate_json(Content, raw, "file").rows == [{"a": 1}, {"a": 2, "b": {"a": 3}}]


def test_a_file_of_256_mib_is_read_and_no_larger_one(tmp_path, monkeypatch):
    assert json_validation.MAXIMUM_FILE_BYTES == 256 * 1024**2
    monkeypatch.setattr(json_validation, "MAXIMUM_FILE_BYTES", 3 << 20)
    path = tmp_path / "task.json"
    path.write_bytes(b"\xef\xbb\xbf" + b" " * ((3 << 20) - 3))
    assert read_bytes(path) == b" " * ((3 << 20) - 3)
    path.write_bytes(b" " * ((3 << 20) + 1))
    with pytest.raises(BadInputError, match="larger than 3 MiB"):
        read_bytes(path)


@pytest.mark.parametrize("score", [b"NaN", b"Infinity", b"1e31", b"-1e31", b'"1"', b"true", b"null"])
def test_a_target_score_is_a_number_of_moderate_size(score):
    with pytest.raises(BadInputError, match=r"target_scores\.a: "):
        validate_json(Example, b'{"input": "q", "target_scores": {"a": %s}}' % score, "file")


@pytest.mark.parametrize("score", [b"1e30", b"-1e30", b"0", b"1"])
def test_the_largest_target_scores_are_read(score):
    found = validate_json(Example, b'{"input": "q", "target_scores": {"a": %s}}' % score, "file")
    assert found.target_scores == {"a": float(score)}


def test_the_fields_that_are_given_replace_the_defaults():
    defaults = PromptFormat(task_prefix="p", append_choices_to_input=False)
    assert PromptFields().build(defaults) == defaults
    built = PromptFields(task_prefix="", append_choices_to_input=True, stop_string=None).build(defaults)
    assert built == PromptFormat(task_prefix="", append_choices_to_input=True)
