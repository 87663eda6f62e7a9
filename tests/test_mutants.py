"""Mutants: which changes are drawn, and which test files are the narrowest of a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import find_occurrences, find_tests

REPLACE_TRUE, ADD_NOT, NUMBER = "core/ReplaceTrueWithFalse", "core/AddNot", "core/NumberReplacer"


@pytest.mark.parametrize(
    ("code", "operator", "count"),
    [
        ("@dataclass(frozen=True, slots=True)\nclass A: ...", REPLACE_TRUE, 0),
        ("@dataclass(order=True, eq=True)\nclass A: ...", REPLACE_TRUE, 2),
        ("zip(a, b, strict=True)", REPLACE_TRUE, 0),
        ("ConfigDict(strict=True, extra='forbid')", REPLACE_TRUE, 1),
        ("csv.DictReader(file, strict=True)\nf(strict=True)", REPLACE_TRUE, 2),
        ("if TYPE_CHECKING:\n    import a", ADD_NOT, 0),
        ("if a:\n    import a", ADD_NOT, 1),
        ("def f(a, *, b): return a * b", "core/ReplaceBinaryOperator_Mul_Div", 1),
        ("f = lambda *, b: b", "core/ReplaceBinaryOperator_Mul_Div", 0),
        ("a = 1e30", NUMBER, 0),
        ("a = 1e15 + 3", NUMBER, 4),
    ],
)
def test_changes_that_code_which_obeys_cannot_notice_are_not_drawn(tmp_path, code, operator, count):
    (tmp_path / "module.py").write_text(code + "\n")
    assert len(find_occurrences(tmp_path / "module.py", operator)) == count


@pytest.fixture
def tree(tmp_path) -> Path:
    """A tree with the room ``a``: two imports three, three imports four, and nothing imports the program."""
    files = {
        "a/__main__.py": "",
        "a/one.py": "",
        "a/deep/two.py": "from trailhouse.a.deep import three\n",
        "a/deep/three.py": "from trailhouse.a.deep.four import name\n",
        "a/deep/four.py": "",
        "tests/a/test_one.py": "from trailhouse.a.one import x\nfrom trailhouse.a.deep import two\nimport trailhouse\n",
        "tests/a/test_wide.py": "from trailhouse.a.one import x\nfrom trailhouse.a.deep.two import y\n",
        "tests/a/test_narrow.py": "from trailhouse.a.one import x\n",
        "tests/a/test_two_more.py": "from trailhouse.a.deep.two_more import x\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("one", ["one", "narrow", "wide"]),  # the test of its name, then those that import the fewest modules
        ("deep/two", ["wide", "one"]),
        ("deep/three", ["wide", "one"]),  # nothing imports it but two
        ("deep/four", ["wide", "one"]),
        ("__main__", ["narrow", "two_more", "wide"]),
    ],
)
def test_the_narrowest_tests_of_a_module_are_those_of_its_name_its_importers_or_their_importers(tree, module, expected):
    found = find_tests(Path(f"a/{module}.py"), tree)
    assert found == tuple(f"tests/a/test_{name}.py" for name in expected)
