"""The table of token scores: which row belongs to which position, and scores that are not finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trailhouse.errors import BadInputError
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.scoring.softmax import TargetScores
from trailhouse.models.scoring.token_scores import (
    SCORE_SCHEMA,
    SectionScores,
    concatenate_ranges,
    list_planned_tokens,
    split_record_batch,
)
from trailhouse.models.scoring.windows import Window

PLAIN = ScoringSettings()
EVERYTHING = ScoringSettings(with_entropy=True, with_target_rank=True)
TOKEN_COUNTS = [9, 3, 0, 1, 2]


def scores(*values: float, rank: int = 1) -> TargetScores:
    tensor = torch.tensor(values)
    return TargetScores(tensor, -tensor, torch.full((len(values),), rank, dtype=torch.int32))


@pytest.mark.parametrize(
    ("beginning", "offsets", "first_position"), [((), [0, 2, 2, 2, 3], 1), ((5,), [0, 3, 3, 4, 6], 0)]
)
def test_a_section_has_a_row_for_every_position_but_the_first_or_for_all_after_a_beginning(
    beginning, offsets, first_position
):
    settings = ScoringSettings(text_beginning_token_ids=beginning)
    section = SectionScores.allocate(range(1, 5), TOKEN_COUNTS, settings)
    assert section.row_offsets.tolist() == offsets
    assert section.first_position == first_position
    assert len(section.log_prob_nats) == offsets[-1]
    assert np.isnan(section.log_prob_nats).all()
    assert (section.entropy_nats, section.target_rank) == (None, None)


def test_the_scores_of_windows_are_stored_at_the_rows_of_their_positions():
    section = SectionScores.allocate(range(1, 5), TOKEN_COUNTS, EVERYTHING)
    section.store([Window(4, 0, 1, 2), Window(1, 1, 2, 3)], scores(-3.0, -2.0, rank=4))
    section.store([Window(1, 0, 1, 2)], scores(-1.0))
    rows = section.build_record_batch(10_000).to_pylist()
    assert [(row["document_id"], row["position"], row["log_prob_quanta"]) for row in rows] == [
        (1, 1, -10_000),
        (1, 2, -20_000),
        (4, 1, -30_000),
    ]
    assert [row["entropy_nats"] for row in rows] == [1.0, 2.0, 3.0]
    assert [row["target_rank"] for row in rows] == [1, 4, 4]
    assert {row["quanta_per_nat"] for row in rows} == {10_000}


def test_after_a_beginning_position_0_has_the_first_row():
    settings = ScoringSettings(text_beginning_token_ids=(5,))
    section = SectionScores.allocate(range(3, 5), TOKEN_COUNTS, settings)
    section.store([Window(3, 0, 0, 1, 1), Window(4, 0, 0, 2, 1)], scores(-1.0, -2.0, -3.0))
    rows = section.build_record_batch(1_000).to_pylist()
    assert [(row["document_id"], row["position"], row["log_prob_quanta"]) for row in rows] == [
        (3, 0, -1_000),
        (4, 0, -2_000),
        (4, 1, -3_000),
    ]
    assert [(row["entropy_nats"], row["target_rank"]) for row in rows] == [(None, None)] * 3


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_the_first_score_that_is_not_finite_is_named_with_their_number(wrong):
    section = SectionScores.allocate(range(1, 5), TOKEN_COUNTS, PLAIN)
    section.store([Window(1, 0, 1, 3), Window(4, 0, 1, 2)], scores(-1.0, wrong, wrong))
    with pytest.raises(BadInputError, match=r"document 1, position 2 is not finite \(2 in all\)"):
        section.build_record_batch(0)


def test_an_entropy_that_is_not_finite_is_refused_too():
    section = SectionScores.allocate(range(1, 5), TOKEN_COUNTS, EVERYTHING)
    section.store([Window(1, 0, 1, 3), Window(4, 0, 1, 2)], scores(-1.0, -1.0, -1.0))
    section.entropy_nats[2] = np.nan
    with pytest.raises(BadInputError, match=r"document 4, position 1 is not finite \(1 in all\)"):
        section.build_record_batch(0)


@pytest.mark.parametrize(("max_rows", "sizes"), [(2, [2, 1]), (3, [3]), (1, [1, 1, 1])])
def test_rows_are_split_into_parts_in_order(max_rows, sizes):
    section = SectionScores.allocate(range(1, 5), TOKEN_COUNTS, PLAIN)
    section.store([Window(1, 0, 1, 3), Window(4, 0, 1, 2)], scores(-1.0, -2.0, -3.0))
    parts = list(split_record_batch(section.build_record_batch(1_000), max_rows))
    assert [part.num_rows for part in parts] == sizes
    assert [row["log_prob_quanta"] for part in parts for row in part.to_pylist()] == [-1_000, -2_000, -3_000]


def test_ranges_are_concatenated_in_order():
    assert concatenate_ranges(np.asarray([5, 0, 7]), [2, 0, 3]).tolist() == [5, 6, 7, 8, 9]
    assert concatenate_ranges(np.asarray([], np.int64), []).tolist() == []


def test_only_scores_that_are_asked_for_may_be_null():
    assert [field.name for field in SCORE_SCHEMA if field.nullable] == [
        "entropy_nats",
        "target_rank",
        "next_word_log_prob_nats",
    ]


def test_a_row_has_the_probability_of_a_new_word_at_the_next_position_of_its_document():
    settings = ScoringSettings(with_next_word=True)
    counts = [len(list_planned_tokens(np.zeros(count, np.int32), settings)) for count in TOKEN_COUNTS]
    assert counts == [10, 4, 0, 2, 3]
    section = SectionScores.allocate(range(1, 5), counts, settings)
    windows = [Window(4, 0, 1, 3), Window(1, 1, 2, 4), Window(1, 0, 1, 2), Window(3, 0, 1, 2)]
    starts = torch.tensor([-0.1, -0.2, -0.3, -0.4, -0.5, -0.6])
    section.store(windows, TargetScores(10 * starts, None, None, starts))
    assert section.count_stored(windows) == 3
    rows = section.build_record_batch(10_000).to_pylist()
    assert [(row["document_id"], row["position"], row["log_prob_quanta"]) for row in rows] == [
        (1, 1, -50_000),
        (1, 2, -30_000),
        (4, 1, -10_000),
    ]
    assert [row["next_word_log_prob_nats"] for row in rows] == pytest.approx([-0.3, -0.4, -0.2])


def test_a_probability_of_a_new_word_that_is_not_finite_is_refused():
    section = SectionScores.allocate(range(1), [3], ScoringSettings(with_next_word=True))
    values = torch.tensor([-1.0, -2.0])
    section.store([Window(0, 0, 1, 3)], TargetScores(values, None, None, torch.tensor([-1.0, torch.nan])))
    with pytest.raises(BadInputError, match="document 0, position 2 is not finite"):
        section.build_record_batch(10_000)
