"""The score ledger: a complete row describes just the scores that are stored in its partition."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.score_batches import count_staging_tables, load, read_content, score_batch, scored_partition
from trailhouse.errors import BadInputError
from trailhouse.warehouse.loading.catalogue import upsert
from trailhouse.warehouse.loading.score_ledger import (
    copy_scores,
    invalidate_other_key,
    load_scores,
    read_latest_scoring,
    read_score_keys,
)


def test_a_load_whose_source_fails_half_way_keeps_what_was_there(client):
    def failing_batches():
        yield score_batch(0, 100)
        raise BadInputError("document 1 is broken", "mend it")

    load(client, scored_partition(), [score_batch(0, 4)])
    before = read_content(client)
    with pytest.raises(BadInputError, match="document 1"):
        load(client, scored_partition(weights="b"), failing_batches())
    assert read_content(client) == before
    assert count_staging_tables(client) == 0


def test_the_ledger_describes_a_loaded_partition(client):
    scored = scored_partition()
    load(client, scored, [score_batch(0, 4, -0.25)])
    assert read_score_keys(client, "corpus") == {("suite/model", 100): scored.score_key}
    row = client.query("select score_count, log_prob_sum_nats, is_complete from raw_score_ledger final").result_rows
    assert row == [(4, -1.0, True)]


def test_equal_inputs_have_equal_score_keys_and_any_difference_another():
    base = scored_partition(dtype="float32", stride=None)
    assert base.score_key == scored_partition(stride=None, dtype="float32").score_key
    others = [
        scored_partition(weights="b", dtype="float32", stride=None),
        scored_partition(dtype="bfloat16", stride=None),
        scored_partition(dtype="float32", stride=128),
    ]
    assert len({base.score_key, *(other.score_key for other in others)}) == 4


def test_the_ledger_row_is_incomplete_before_scores_of_another_key_replace_the_old(client):
    def batches_that_read_the_ledger():
        assert read_score_keys(client, "corpus") == {}
        yield score_batch(0, 4)

    load(client, scored_partition(weights="a"), [score_batch(0, 4)])
    replacement = scored_partition(weights="b")
    load(client, replacement, batches_that_read_the_ledger())
    assert read_score_keys(client, "corpus") == {("suite/model", 100): replacement.score_key}


def test_copied_scores_are_those_of_the_origin_and_name_the_run_that_computed_them(client):
    run_id = uuid.uuid4()
    origin, copy = scored_partition(step=1), replace(scored_partition(step=2), model_id="it's/other")
    load_scores(client, origin, [score_batch(0, 3, -0.5), score_batch(1, 2)], run_id, datetime.now(UTC))
    entry = copy_scores(client, ("suite/model", 1), copy)
    assert (entry.score_count, entry.log_prob_sum_nats, entry.scoring_run_id) == (5, -4.5, run_id)
    content = read_content(client)
    assert [row[3:] for row in content if row[0] == "it's/other"] == [row[3:] for row in content if row[2] == 1]
    assert len(content) == 10
    assert read_score_keys(client, "corpus")[("it's/other", 2)] == origin.score_key
    assert count_staging_tables(client) == 0


def test_scores_of_other_weights_or_settings_are_never_copied(client):
    load(client, scored_partition(step=1), [score_batch(0, 3)])
    for other in (scored_partition(step=2, weights="b"), scored_partition(step=2, dtype="bfloat16")):
        with pytest.raises(BadInputError, match="suite/model step 1, which was not scored"):
            copy_scores(client, ("suite/model", 1), other)
    assert len(read_content(client)) == 3


def test_invalidated_scores_are_not_in_the_ledger_and_may_be_loaded_again(client):
    load(client, scored_partition(), [score_batch(0, 3)])
    invalidate_other_key(client, scored_partition(), uuid.uuid4())
    assert len(read_score_keys(client, "corpus")) == 1
    invalidate_other_key(client, scored_partition(weights="b"), uuid.uuid4())
    assert read_score_keys(client, "corpus") == {}
    load(client, scored_partition(), [score_batch(0, 3)])
    assert len(read_score_keys(client, "corpus")) == 1


@pytest.mark.parametrize("hours", [2, 24 * 365])
def test_scores_written_after_the_clock_was_turned_back_count(client, monkeypatch, hours):
    class EarlierClock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=hours)

    load(client, scored_partition(weights="a"), [score_batch(0, 4)])
    monkeypatch.setattr("trailhouse.warehouse.loading.row_versions.datetime", EarlierClock)
    replacement = scored_partition(weights="b")
    load(client, replacement, [score_batch(0, 5)])
    assert read_score_keys(client, "corpus") == {("suite/model", 100): replacement.score_key}
    record = {"suite_id": "s", "description": "old", "source": "folder", "declaration": ""}
    upsert(client, "raw_suite", ["suite_id"], [record])
    upsert(client, "raw_suite", ["suite_id"], [{**record, "description": "new"}])
    assert client.query("select description from raw_suite final").result_rows == [("new",)]


def load_neighbours(client, scored):
    """Load three partitions, each of which differs from ``scored`` in one column of the key; return their entries."""
    neighbours = [
        replace(scored, model_id="suite/other"),
        replace(scored, corpus_id="other"),
        replace(scored, step=scored.step + 1),
    ]
    return [
        load(client, neighbour, [score_batch(0, 10 + index, -3.0 - index)])
        for index, neighbour in enumerate(neighbours)
    ]


def read_complete_rows(client):
    """Return (model_id, corpus_id, step) of the complete ledger rows."""
    return client.query(
        "select model_id, corpus_id, step from raw_score_ledger final where is_complete order by all"
    ).result_rows


def test_the_ledger_counts_and_adds_up_the_scores_of_its_own_partition_alone(client):
    scored = scored_partition()
    load_neighbours(client, scored)
    entry = load(client, scored, [score_batch(0, 2, -0.5), score_batch(1, 1, -2.25)])
    assert (entry.score_count, entry.log_prob_sum_nats) == (3, -3.25)
    copied = copy_scores(client, (scored.model_id, scored.step), replace(scored, model_id="suite/copy"))
    assert (copied.score_count, copied.log_prob_sum_nats) == (3, -3.25)
    stored = client.query(
        "select model_id, score_count, log_prob_sum_nats from raw_score_ledger final"
        " where corpus_id = 'corpus' and step = 100 order by model_id"
    ).result_rows
    assert stored == [("suite/copy", 3, -3.25), ("suite/model", 3, -3.25), ("suite/other", 10, -30.0)]


def test_the_keys_of_a_corpus_are_read_without_those_of_others(client):
    scored = scored_partition()
    _, other_corpus, _ = load_neighbours(client, scored)
    assert set(read_score_keys(client, "corpus")) == {("suite/other", 100), ("suite/model", 101)}
    assert read_score_keys(client, "other") == {("suite/model", 100): other_corpus.scored.score_key}


def test_invalidated_scores_are_never_copied(client):
    origin = scored_partition()
    load(client, origin, [score_batch(0, 3)])
    invalidate_other_key(client, scored_partition(weights="b"), uuid.uuid4())
    with pytest.raises(BadInputError, match="suite/model step 100, which was not scored"):
        copy_scores(client, ("suite/model", 100), replace(origin, model_id="suite/copy"))
    assert read_score_keys(client, "corpus") == {}
    assert {row[0] for row in read_content(client)} == {"suite/model"}


def test_scores_are_copied_from_the_checkpoint_that_is_named(client):
    scored = scored_partition()
    other_model, _, other_step = load_neighbours(client, scored)
    load(client, scored, [score_batch(0, 3)])
    for origin in (other_model, other_step):
        key = (origin.scored.model_id, origin.scored.step)
        copied = copy_scores(client, key, replace(scored, model_id="suite/copy"))
        assert (copied.score_count, copied.scoring_run_id) == (origin.score_count, origin.scoring_run_id)


def test_only_the_partition_that_is_named_is_invalidated(client):
    scored = scored_partition()
    load_neighbours(client, scored)
    load(client, scored, [score_batch(0, 3, -0.5)])
    invalidate_other_key(client, scored_partition(weights="b"), uuid.uuid4())
    assert read_complete_rows(client) == [
        ("suite/model", "corpus", 101),
        ("suite/model", "other", 100),
        ("suite/other", "corpus", 100),
    ]


def test_other_ledger_rows_stay_complete_while_scores_are_replaced(client):
    def batches_that_read_the_ledger():
        assert len(read_complete_rows(client)) == 3
        yield score_batch(0, 4)

    load_neighbours(client, scored_partition())
    load(client, scored_partition(weights="a"), [score_batch(0, 3)])
    load(client, scored_partition(weights="b"), batches_that_read_the_ledger())
    assert len(read_complete_rows(client)) == 4


def test_the_ledger_row_stays_complete_while_equal_scores_are_loaded_again(client):
    def batches_that_read_the_ledger():
        assert len(read_complete_rows(client)) == 1
        yield score_batch(0, 4)

    load(client, scored_partition(), [score_batch(0, 4)])
    load(client, scored_partition(), batches_that_read_the_ledger())


def test_the_window_is_stored_with_the_settings_and_is_no_part_of_the_key(client):
    plain = scored_partition(dtype="float32")
    windowed = replace(plain, window={"stride": 64, "context_length": 128})
    assert windowed.score_key == plain.score_key
    load(client, windowed, [score_batch(0, 1)])
    settings = client.query("select settings from raw_score_ledger final").result_rows
    assert settings == [('{"context_length":128,"dtype":"float32","stride":64}',)]


def test_the_ledger_knows_when_it_was_last_written_and_how_long_the_load_took(client):
    assert read_latest_scoring(client) is None
    entry = load_scores(
        client, scored_partition(), [score_batch(0, 1)], uuid.uuid4(), datetime.now(UTC) - timedelta(hours=1)
    )
    assert 3600 <= entry.duration_seconds < 3660
    latest = datetime.fromisoformat(read_latest_scoring(client)).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - latest) < timedelta(minutes=1)
