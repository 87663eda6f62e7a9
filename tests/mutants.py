"""``python -m tests.mutants``: change the code a little, at random places, and count how many changes the tests notice.

Works on a copy of the tree. Each mutant is one small change of one file (a comparison, an operator, a condition, a
constant) by an operator of Cosmic Ray; the narrowest test files of that file are run against it. A mutant that no
test notices is printed as a diff: either a test is missing, or the change is equivalent to the original.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cosmic_ray import plugins
from cosmic_ray.ast import Visitor, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from parso.tree import NodeOrLeaf
from rich.console import Console
from rich.table import Table

from tests.support.paths import ROOT

ROOMS = ("models", "server", "warehouse")
TARGET_SHARE = 0.9
TEST_SECONDS = 240
MAXIMUM_TEST_FILES = 3
# The operators of Cosmic Ray whose change a reader would call a mistake. Left out are those that exchange `is`
# with `==`, for example, and those that change `|`, which would change type annotations.
OPERATORS = (
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "GtE_Lt")),
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "FloorDiv_Mul", "Mod_Add")),
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceBreakWithContinue",
    "core/ZeroIterationForLoop",
    "core/NumberReplacer",
    "core/AddNot",
)


@dataclass(frozen=True)
class Mutant:
    """One small change of one file; ``path`` is relative to the tree."""

    path: Path
    operator: str
    occurrence: int


@dataclass(frozen=True)
class Verdict:
    """The result of running tests against a mutant."""

    mutant: Mutant
    diff: str
    tests: tuple[str, ...]
    is_noticed: bool


class PositionFinder(Visitor):
    """Lists, for each position of a syntax tree that an operator can change, whether the change may be a mistake."""

    def __init__(self, operator: object) -> None:
        self.operator = operator
        self.may_be_mistakes: list[bool] = []

    def visit(self, node: NodeOrLeaf) -> NodeOrLeaf:
        """List the positions of one node, and leave the node as it is."""
        count = len(list(self.operator.mutation_positions(node)))
        self.may_be_mistakes += count * [not only_forbids(node)]
        return node


def only_forbids(node: NodeOrLeaf) -> bool:
    """Return whether a change of a node leaves code that obeys as it is, so that no test can notice the change.

    Such nodes are

    - the ``*`` between the parameters of a function, which only forbids callers to leave out a name,
    - the True of ``frozen=True`` and ``slots=True``, which only forbid to set attributes,
    - the True of ``zip(..., strict=True)``, which raises an error only if our own code made unequal lengths,
    - the condition of ``if TYPE_CHECKING``, whose imports serve mypy alone, and
    - a number so large that adding 1 gives the same number.
    """
    if node.type == "number":
        number = ast.literal_eval(node.value)
        return bool(number + 1 == number)
    if node.type == "operator":
        return node.parent.type in ("parameters", "lambdef")
    if node.type == "if_stmt":
        return bool(node.children[1].get_code().strip() == "TYPE_CHECKING")
    if node.type != "keyword" or node.parent.type != "argument":
        return False
    name = node.parent.children[0].value
    return name in ("frozen", "slots") or (name == "strict" and find_called_name(node.parent) == "zip")


def find_called_name(argument: NodeOrLeaf) -> str:
    """Return the name of the function that is called with a keyword argument; for a method, the whole expression."""
    trailer = argument.parent if argument.parent.type == "trailer" else argument.parent.parent
    return str(trailer.get_previous_sibling().get_code()).strip()


def draw_mutants(tree: Path, generator: random.Random) -> Iterator[Mutant]:
    """Yield random mutants without end.

    For each mutant, draw a file with a probability in proportion to its lines, then an operator, and then a position.
    """
    files = [path for room in ROOMS for path in sorted((tree / room).rglob("*.py")) if path.name != "__init__.py"]
    line_counts = [len(path.read_text(encoding="utf-8").splitlines()) for path in files]
    while True:
        (file,) = generator.choices(files, line_counts)
        operator = generator.choice(OPERATORS)
        if occurrences := find_occurrences(file, operator):
            yield Mutant(file.relative_to(tree), operator, generator.choice(occurrences))


@cache
def find_occurrences(file: Path, operator: str) -> tuple[int, ...]:
    """Return which positions of a file, numbered from 0, a mutation operator can change so that it may be a mistake."""
    finder = PositionFinder(plugins.get_operator(operator)())
    finder.walk(get_ast_from_path(file))
    return tuple(number for number, may_be_mistake in enumerate(finder.may_be_mistakes) if may_be_mistake)


def find_tests(path: Path, tree: Path) -> tuple[str, ...]:
    """Return the narrowest test files of a module: the one of its name, then those of its room that import it.

    A file that imports fewer modules is narrower. If there are none, return the test files of the modules that import
    the module, or of those that import these, and so on. Nothing imports a program; its tests lie in the folder of
    the same name.
    """
    tests = sorted((tree / "tests" / path.parts[0]).rglob("test_*.py"), key=lambda file: (count_imports(file), file))
    modules = sorted((tree / path.parts[0]).rglob("*.py"))
    subjects, seen = [tree / path], {tree / path}
    while subjects:
        names = [name_module(subject, tree) for subject in subjects]
        own = [file for file in tests if file.stem in {f"test_{subject.stem}" for subject in subjects}]
        importing = [file for file in tests if file not in own and imports_any(file, names)]
        if own or importing:
            return tuple(str(file.relative_to(tree)) for file in (own + importing)[:MAXIMUM_TEST_FILES])
        subjects = [file for file in modules if file not in seen and imports_any(file, names)]
        seen.update(subjects)
    neighbours = (file for file in tests if file.parent == tree / "tests" / path.parent)
    return tuple(str(file.relative_to(tree)) for file in neighbours)[:MAXIMUM_TEST_FILES]


def name_module(file: Path, tree: Path) -> str:
    """Return the name under which the module of a file is imported."""
    path = file.relative_to(tree)
    return ".".join(("trailhouse", *(path.parent if path.name == "__init__.py" else path.with_suffix("")).parts))


@cache
def count_imports(file: Path) -> int:
    """Return how many modules of ours a file imports."""
    return len(re.findall(r"^\s*(?:from|import) trailhouse\b", file.read_text(encoding="utf-8"), re.MULTILINE))


def imports_any(file: Path, modules: list[str]) -> bool:
    """Return whether a file imports one of the modules, or something of it."""
    text = file.read_text(encoding="utf-8")
    packages = (module.rpartition(".") for module in modules)
    return any(re.search(rf"{package}(\.{name} import\b| import .*\b{name}\b)", text) for package, _, name in packages)


def run_tests(tree: Path, tests: tuple[str, ...]) -> bool:
    """Return whether all tests pass within ``TEST_SECONDS``."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        result = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=TEST_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def try_mutant(mutant: Mutant, tree: Path, passing: dict[tuple[str, ...], bool]) -> Verdict | None:
    """Run the narrowest tests of a mutant; return None if there are none, or if they fail on the unchanged code."""
    tests = find_tests(mutant.path, tree)
    if tests not in passing:
        passing[tests] = bool(tests) and run_tests(tree, tests)
    if not passing[tests]:
        return None
    file = tree / mutant.path
    original = file.read_text(encoding="utf-8")
    mutated = mutate_code(original, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    try:
        file.write_text(mutated, encoding="utf-8")
        is_noticed = not run_tests(tree, tests)
    finally:
        file.write_text(original, encoding="utf-8")
    lines = difflib.unified_diff(original.splitlines(), mutated.splitlines(), lineterm="", n=1)
    return Verdict(mutant, "\n".join(list(lines)[2:]), tests, is_noticed)


def copy_tree(directory: Path) -> Path:
    """Copy all files of the repository that git does not ignore; symbolic links stay links. Return the directory."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        source = ROOT / name
        if source.is_symlink() or source.is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, directory / name, follow_symlinks=False)
    return directory


def main() -> int:
    """Run the tests on mutants until the sample is complete or the time is over. Returns 1 if they noticed too few."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="mutants to try (default: 60)")
    parser.add_argument("--minutes", type=float, default=60, help="time limit (default: 60)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the sample (default: a new one)")
    arguments = parser.parse_args()
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    console = Console(stderr=True, width=140)
    deadline = time.monotonic() + 60 * arguments.minutes
    verdicts: list[Verdict] = []
    passing: dict[tuple[str, ...], bool] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree = copy_tree(Path(directory))
        for mutant in draw_mutants(tree, random.Random(seed)):
            if len(verdicts) == arguments.sample or time.monotonic() > deadline:
                break
            if (verdict := try_mutant(mutant, tree, passing)) is None:
                continue
            verdicts.append(verdict)
            console.print(f"{'noticed ' if verdict.is_noticed else 'SURVIVED'} {mutant.path} {mutant.operator[5:]}")
            if not verdict.is_noticed:
                console.print(verdict.diff, markup=False, highlight=False)
    return summarise(verdicts, passing, seed)


def summarise(verdicts: list[Verdict], passing: dict[tuple[str, ...], bool], seed: int) -> int:
    """Print the share of noticed mutants by room; returns the exit code."""
    table = Table(title=f"Mutants noticed by the narrowest tests, seed {seed}", title_justify="left")
    for column in ("room", "tried", "noticed", "share"):
        table.add_column(column, justify="left" if column == "room" else "right")
    for room in (*ROOMS, "all"):
        tried = [verdict for verdict in verdicts if room in (verdict.mutant.path.parts[0], "all")]
        noticed_count = sum(verdict.is_noticed for verdict in tried)
        share = f"{noticed_count / len(tried):.0%}" if tried else ""
        table.add_row(room, str(len(tried)), str(noticed_count), share)
    console = Console(width=140)
    console.print(table)
    for tests in (tests for tests, is_passing in passing.items() if tests and not is_passing):
        console.print(f"left out, since they fail without any change: {', '.join(tests)}")
    is_enough = bool(verdicts) and sum(verdict.is_noticed for verdict in verdicts) >= TARGET_SHARE * len(verdicts)
    return 0 if is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
