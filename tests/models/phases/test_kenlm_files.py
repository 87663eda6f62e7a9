"""Scores by files that KenLM made, against a plain reading of the ARPA file."""

import math

import pytest

from tests.support.paths import ROOT
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.phases.kenlm_files import KenlmFiles

pytest.importorskip("kenlm", reason="the extra trailhouse[kenlm], which needs a C++ compiler, is not installed")

FOLDER = ROOT / "tests" / "fixtures" / "kenlm"
FILES = [FOLDER / "few_lines_3.arpa", FOLDER / "few_lines_2.arpa"]


def read_arpa(path) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return the log10 probability and the backoff weight of every n-gram."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if "\t" in line]
    return {tuple(row[1].split()): (float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows}


def score(model, history: tuple[str, ...], word: str) -> tuple[float, int]:
    """Return log10 of the probability, and the length of the n-gram that has it (0 for an unknown word)."""
    if (*history, word) in model:
        return model[*history, word][0], len(history) + 1
    if not history:
        return model[("<unk>",)][0], 0
    value, length = score(model, history[1:], word)
    return model.get(history, (0.0, 0.0))[1] + value, length


def test_scores_are_those_of_the_files_each_at_its_own_order():
    provider = KenlmFiles(FILES)
    assert (list(provider.orders), provider.smoothing) == ([2, 3], "kneser_ney")
    lengths = set()
    for line in (FOLDER / "held_out.txt").read_text().splitlines()[:30]:
        words = line.split()
        scores = provider.score(words)
        for order in (2, 3):
            model = read_arpa(FOLDER / f"few_lines_{order}.arpa")
            for index, word in enumerate(words):
                history = ("<s>", *words[:index])[-(order - 1) :]
                log10_prob, length = score(model, history, word)
                lengths.add(length)
                assert scores[order][index] == (pytest.approx(log10_prob * math.log(10), abs=1e-5), length)
    assert lengths == {0, 1, 2, 3}


def test_what_determines_the_scores_depends_on_the_content_of_the_files(tmp_path):
    copy = tmp_path / "copy.arpa"
    copy.write_bytes(FILES[1].read_bytes())
    assert KenlmFiles([copy]).inputs == KenlmFiles([FILES[1]]).inputs
    assert KenlmFiles(FILES).inputs != KenlmFiles(FILES[:1]).inputs


def test_files_that_cannot_be_used_are_named(tmp_path):
    wrong = tmp_path / "wrong.arpa"
    wrong.write_text("no model\n")
    for paths, message in (
        ([tmp_path / "none.arpa"], "none.arpa: cannot be read as a KenLM model"),
        ([wrong], "wrong.arpa: cannot be read as a KenLM model"),
        ([FILES[0], FILES[0]], "few_lines_3.arpa: is the second file of order 3"),
    ):
        with pytest.raises(BadInputError, match=message):
            KenlmFiles(paths)
    with pytest.raises(UsageError, match="needs a file"):
        KenlmFiles([])
