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
    ("name", "text"),
    [("m.csv", "step,revision\n7, r1 \n0,r0"),
     ("m.yml", "checkpoints: [{revision: r1, step: 7}, {revision: r0, step: 0}]")],
)  # fmt: skip
def test_revisions_are_read_in_order_of_their_steps(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    entries = read_manifest(tmp_path / name, 10, has_revisions=True)
    assert [(entry.location, entry.position.step, entry.position.tokens_seen) for entry in entries] == [
        ("r0", 0, 0),
        ("r1", 7, 70),
    ]


def test_the_largest_integer_is_read(tmp_path):
    (tmp_path / "m.csv").write_text(f"path,step,tokens\na,{2**63 - 1},0\n")
    (entry,) = read_manifest(tmp_path / "m.csv", 10, has_revisions=False)
    assert (entry.position.step, entry.position.tokens_seen) == (2**63 - 1, 0)


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
        ("m.csv", f"path,step\na,{2**63}\n", "line 2, step"),
        ("m.csv", f"path,step\na,{'1' * 5000}\n", "line 2, step"),
        ("m.csv", "path,step\na,\u0663\n", "line 2, step"),
        ("m.csv", "path,step,tokens\na,3,x\n", "line 2, tokens: 'x' is no whole number"),
        ("m.csv", "path,step\na,3\nb,4\nc,3\n", "line 4, step: 3 occurs twice"),
        ("m.csv", "", "line 1: has no column 'path'"),
        ("m.csv", 'path,step\na,3\n"b"c,4\n', "line 3: not CSV"),
        ("m.yaml", "checkpoints: []\n", "checkpoints"),
        ("m.yaml", "checkpoints:\n  - {path: a, step: 1}\n  - {path: b, step: 1}\n", "1 occurs twice"),
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
