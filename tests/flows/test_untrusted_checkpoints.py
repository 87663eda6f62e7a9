"""Untrusted checkpoints, scored by the command: no code is run, no row is written, the file is named with a hint."""

import shutil

import pytest

from tests.support.tiny_suite import make_suite
from tests.support.untrusted_checkpoints import HARMLESS, REFUSED, REFUSED_PICKLES

pytestmark = pytest.mark.slow

SOUND_STEP = 1000
ROW = {"table": "Security", "row": "untrusted checkpoints", "ci": 25, "release": 60}


@pytest.fixture
def score_untrusted(trailhouse, tiny_template, tmp_path, client):
    """Score one suite with a sound checkpoint and untrusted ones; returns (exit code, stderr, directory by name)."""

    def run(damages, *, allow_pickle: bool = False):
        suite = make_suite(tiny_template, tmp_path, "untrusted", [*range(len(damages)), SOUND_STEP])
        canary = tmp_path / "canary"
        directories = {}
        for step, (name, inflict) in enumerate(damages.items()):
            directories[name] = suite.step(step)
            inflict(suite.step(step), canary)
        if allow_pickle:
            text = suite.declaration.read_text().replace("shared:\n", "shared:\n  allow_pickle: true\n")
            suite.declaration.write_text(text)
        (tmp_path / "a.txt").write_text("the cat sat on the mat and the parser reads the file " * 8)
        assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0
        code, _, err = trailhouse("score", str(suite.declaration), "--corpus", "few")
        assert not canary.exists(), "code of a checkpoint was run"
        return code, err, directories

    yield run
    shutil.rmtree(tmp_path / "untrusted", ignore_errors=True)


def scored_steps(client) -> list[int]:
    steps = client.query("select distinct step from raw_token_score order by step").result_rows
    assert steps == client.query("select step from raw_score_ledger final where is_complete order by step").result_rows
    return [step for (step,) in steps]


def assert_all_refused(untrusted, result, client) -> None:
    code, err, directories = result
    assert code == 4
    failures = [line for line in err.splitlines() if line.startswith("failed: ")]
    named = {
        name: [line for line in failures if f"{directory}/" in line or f"{directory}:" in line]
        for name, directory in directories.items()
    }
    assert {name: lines for name, lines in named.items() if untrusted[name].named not in "".join(lines)} == {}
    assert scored_steps(client) == [SOUND_STEP]
    assert "  hint: " in err


@pytest.mark.proves_reliability(**ROW, count=len(REFUSED))
def test_untrusted_checkpoints_are_refused_one_by_one_and_the_sound_one_is_scored(score_untrusted, client):
    assert len(REFUSED) >= 25
    assert_all_refused(
        REFUSED, score_untrusted({name: untrusted.inflict for name, untrusted in REFUSED.items()}), client
    )


@pytest.mark.proves_reliability(**ROW, count=len(REFUSED_PICKLES))
def test_pickles_that_are_allowed_make_tensors_and_run_nothing(score_untrusted, client):
    damages = {name: untrusted.inflict for name, untrusted in REFUSED_PICKLES.items()}
    assert_all_refused(REFUSED_PICKLES, score_untrusted(damages, allow_pickle=True), client)


@pytest.mark.proves_reliability(**ROW, count=len(HARMLESS))
def test_code_that_a_sound_checkpoint_offers_is_not_run(score_untrusted, client):
    code, err, _ = score_untrusted(HARMLESS)
    assert code == 0, err
    assert scored_steps(client) == [*range(len(HARMLESS)), SOUND_STEP]
