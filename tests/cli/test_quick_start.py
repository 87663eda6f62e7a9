"""Commands load only what they need: the help, an SQL statement and a simple mistake wait for no large library."""

import subprocess
import sys

import pytest

HEAVY = {"dbt", "gensim", "matplotlib", "pandas", "prefect", "scipy", "torch", "transformers"}
SCRIPT = """
import sys
from trailhouse.cli.main import run
code = run({arguments})
print("loaded", *{{name.partition(".")[0] for name in sys.modules}}, file=sys.stderr)
sys.exit(code)
"""
MISTAKES = {
    "there is no suite called 'nosuch'": [
        ("score", "nosuch", "--corpus", "few"),
        ("evaluate", "nosuch"),
        ("watch", "nosuch", "--corpus", "few"),
        ("generate", "--small", "miniature", "--large", "miniature", "--prompts", "few", "--score", "nosuch"),
        ("phases", "measure", "nosuch", "--corpus", "few", "--ngrams", "wiki"),
        ("phases", "count", "--corpus", "few.txt", "--name", "wiki", "--tokenizer-of", "nosuch"),
    ],
    "there is no corpus 'nosuch'": [
        ("score", "miniature", "--corpus", "few", "--corpus", "nosuch"),
        ("watch", "miniature", "--corpus", "nosuch"),
        ("generate", "--small", "miniature", "--large", "miniature", "--prompts", "nosuch"),
        ("phases", "measure", "miniature", "--corpus", "nosuch", "--ngrams", "wiki"),
        ("phases", "score-ngrams", "nosuch", "--ngrams", "wiki"),
    ],
    "there is no such file": [
        ("evaluate", "miniature", "--tasks", "nosuch"),
        ("watch", "miniature", "--corpus", "few", "--tasks", "nosuch"),
        ("phases", "count", "--corpus", "nosuch", "--name", "wiki", "--words"),
        ("phases", "measure", "miniature", "--corpus", "few", "--ngrams", "wiki", "--train-texts", "nosuch"),
        ("phases", "measure", "miniature", "--corpus", "few", "--ngrams", "wiki", "--vectors", "nosuch"),
        ("phases", "score-ngrams", "few", "--ngrams", "wiki", "--provider", "kenlm", "--arpa", "nosuch"),
    ],
    "there are no counts of n-gram corpus 'wiki'": [
        ("phases", "measure", "miniature", "--corpus", "few", "--ngrams", "wiki"),
        ("phases", "score-ngrams", "few", "--ngrams", "wiki"),
    ],
    "suite miniature has no model 'nosuch'": [
        ("generate", "--small", "miniature/nosuch", "--large", "miniature", "--prompts", "few"),
        ("phases", "count", "--corpus", "few.txt", "--name", "wiki", "--tokenizer-of", "miniature/nosuch"),
    ],
    "'x' is no step": [
        ("generate", "--small", "miniature", "--large", "miniature/neox-large@x", "--prompts", "few"),
    ],
    "the preset 'nosuch' is not known": [
        ("generate", "--small", "miniature", "--large", "miniature", "--prompts", "few", "--preset", "nosuch"),
        ("watch", "miniature", "--corpus", "few", "--generate", "nosuch"),
    ],
}


def run_fresh(*arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run a command in a new process; return its result and the packages that it loaded."""
    script = SCRIPT.format(arguments=list(arguments))
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    return result, set(result.stderr.splitlines()[-1].split()[1:])


def test_the_help_loads_neither_the_settings_nor_arrow():
    result, loaded = run_fresh("--help")
    assert (result.returncode, "transform" in result.stdout) == (0, True)
    assert not loaded & (HEAVY | {"clickhouse_connect", "numpy", "pyarrow", "pydantic"})


def test_a_statement_loads_only_what_reads_the_warehouse(trailhouse):
    result, loaded = run_fresh("sql", "select 1 + 1 as n", "--csv")
    assert (result.returncode, result.stdout) == (0, "n\n2\n"), result.stderr
    assert not loaded & HEAVY


@pytest.mark.parametrize("message", MISTAKES)
def test_a_simple_mistake_is_found_before_prefect_is_started(trailhouse, tmp_path, monkeypatch, message):
    def refuse(_: object) -> None:
        raise AssertionError("Prefect is started")

    monkeypatch.setattr("trailhouse.flows.settings.prepare_prefect", refuse)
    monkeypatch.setattr("trailhouse.flows.settings.set_prefect_defaults", refuse)
    (tmp_path / "few.txt").write_text("the cat sat on the mat")
    assert trailhouse("corpus", "add", "few.txt", "--name", "few")[0] == 0
    for command in MISTAKES[message]:
        code, _, err = trailhouse(*command)
        assert code in (2, 3), (command, err)
        assert message in err, command


@pytest.mark.parametrize("message", ["there is no suite called 'nosuch'", "there is no such file"])
def test_a_simple_mistake_loads_no_large_library(trailhouse, tmp_path, message):
    result, loaded = run_fresh(*MISTAKES[message][1])
    assert result.returncode in (2, 3), result.stderr
    assert message in result.stderr
    assert not loaded & HEAVY
