"""Manifests: every mistake is named with its file, line and field."""

from __future__ import annotations

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources.manifest import read_manifest

CSV = "path,step,tokens\nruns/a,20,\n/runs/b,3,5_000\n"
YAML = "checkpoints:\n  - {path: runs/a, step: 20}\n  - {path: /runs/b, step: 3, tokens: 5_000}\n"


@pytest.mark.parametrize(("name", "text"), [("m.csv", CSV), ("m.yaml", YAML)])
def test_both_forms_say_the_same(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    entries = read_manifest(tmp_path / name, 10, has_revisions=False)
    assert [(e.location, e.position.step, e.position.tokens_seen) for e in entries] == [
        ("/runs/b", 3, 5000),
        (str(tmp_path / "runs/a"), 20, 200),
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("m.csv", "step\n3\n", "line 1: has no column 'path'"),
        ("m.csv", "path,step,loss\na,3,1\n", "line 1: column 'loss' is not known"),
        ("m.csv", "path,step\na,3\nb\n", "line 3: does not have 2 fields"),
        ("m.csv", "path,step\na,3\nb,4,5\n", "line 3: does not have 2 fields"),
        ("m.csv", "path,step\na,three\n", "line 2, step: 'three' is no whole number"),
        ("m.csv", "path,step\na,-3\n", "line 2, step: '-3' is no whole number"),
        ("m.csv", "path,step\n ,3\n", "line 2, path: is empty"),
        ("m.csv", "path,step\na,3\nb,3\n", "line 3, step: 3 occurs twice"),
        ("m.csv", 'path,step\n"a,3\n', "line 2: not CSV"),
        ("m.csv", "path,step\n", "lists no checkpoints"),
        ("m.csv", "path,step\na,99999999999999999999\n", "line 2, step"),
        ("m.yaml", "checkpoints:\n  - {path: a}\n", r"line 2, checkpoints\[0\].step: this field is missing"),
        ("m.yaml", "checkpoints:\n  - {revision: a, step: 1}\n", r"revision: this field is not known"),
        ("m.txt", "a", "a manifest is a .csv or .yaml file"),
    ],
)
def test_a_mistake_is_named(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInputError, match=expected) as caught:
        read_manifest(tmp_path / name, 10, has_revisions=False)
    assert name in caught.value.message
