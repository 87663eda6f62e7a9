"""Tiny models of many types, compared with a plain loop over their logits, and the page that lists all types."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest

from tests.models.families import family_check
from tests.models.families.family_check import Verdict, check_family
from tests.models.families.outcomes import (
    NOT_TRIED,
    REFUSED,
    SAMPLE,
    TRIED_COUNT,
    find_surprise,
    list_tried_types,
    list_types,
)
from tests.support.paths import ROOT
from tests.support.tiny_configurations import configure_tiny

PAGE = ROOT / "docs" / "reference" / "families.md"


@pytest.mark.slow
@pytest.mark.parametrize("model_type", SAMPLE)
def test_scores_and_options_of_a_type_are_those_of_a_plain_loop_or_refused(model_type):
    verdict = check_family(model_type)
    assert not find_surprise(verdict)


@pytest.mark.parametrize("difference_nats", [0.01, np.nan])
def test_a_single_wrong_score_is_found(monkeypatch, difference_nats):
    right = family_check.score_documents

    def score_wrong(model, corpus, settings):
        scores = right(model, corpus, settings)
        scores[60] += difference_nats
        return scores

    monkeypatch.setattr(family_check, "score_documents", score_wrong)
    verdict = check_family("gpt2")
    assert verdict.outcome == "WRONG"
    assert "a score differs by" in verdict.reason


def test_an_error_that_is_no_refusal_is_wrong(monkeypatch):
    monkeypatch.setattr(family_check, "load_model", lambda *_: 1 // 0)
    verdict = check_family("gpt2")
    assert (verdict.outcome, verdict.reason) == ("WRONG", "ZeroDivisionError: integer division or modulo by zero")


def test_a_model_on_which_a_wrong_context_would_not_show_is_no_proof(monkeypatch):
    monkeypatch.setattr(family_check, "SMALLEST_EFFECT_NATS", 100.0)
    assert "a mistake would not show" in check_family("gpt2").reason


def test_every_declared_type_is_one_of_the_installed_transformers():
    assert {*NOT_TRIED, *REFUSED, *SAMPLE} <= set(list_types())
    assert not set(NOT_TRIED) & {*REFUSED, *SAMPLE}
    assert len(SAMPLE) == len(set(SAMPLE)) == 25
    assert len(list_tried_types()) == TRIED_COUNT


@pytest.mark.parametrize(
    ("model_type", "name", "kinds"),
    [
        ("qwen3_next", "layer_types", {"linear_attention", "full_attention"}),
        ("gemma3_text", "layer_types", {"sliding_attention", "full_attention"}),
        ("glm_moe_dsa", "mlp_layer_types", {"dense", "sparse"}),
    ],
)
def test_a_tiny_model_has_every_kind_of_layer(model_type, name, kinds):
    assert set(getattr(configure_tiny(model_type), name)) == kinds


def test_the_page_has_every_type_with_its_declared_outcome():
    page = PAGE.read_text()
    assert f"with transformers {version('transformers')} and" in page, "run make families"
    refused, not_tried, right = (
        page.partition(f"## {name}\n")[2].partition("\n## ")[0] for name in ("Refused", "Not tried", "Right")
    )
    assert [line.split("`")[1] for line in refused.splitlines() if "`" in line] == sorted(REFUSED)
    assert [line.split("`")[1] for line in not_tried.splitlines() if "`" in line] == sorted(NOT_TRIED)
    listed = [line.split("`")[1] for line in right.splitlines() if line.startswith("| `")]
    assert listed == [name for name in list_tried_types() if name not in REFUSED]


def test_an_outcome_that_is_not_declared_is_a_surprise():
    assert find_surprise(Verdict("gpt2", "WRONG", "a score differs"))
    assert find_surprise(Verdict("gpt2", "refused", "any reason"))
    assert find_surprise(Verdict("cpmant", "right", ""))
    assert find_surprise(Verdict("cpmant", "refused", "another reason"))
    assert not find_surprise(Verdict("cpmant", "refused", f"the model X: {REFUSED['cpmant'].message_part}"))
    assert not find_surprise(Verdict("gpt2", "right"))
    assert find_surprise(Verdict("gpt2", "right", half_precision_refusal="mixed dtypes"))
    assert find_surprise(Verdict("xlnet", "right"))
    assert not find_surprise(Verdict("xlnet", "right", half_precision_refusal="mixed dtypes"))
