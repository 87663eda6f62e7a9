"""Audits: only finished audits count, and an audit with the same findings as the latest is not stored."""

import uuid
from dataclasses import replace

import pytest

from tests.support.score_batches import load, score_batch, scored_partition
from trailhouse.warehouse.loading import audits
from trailhouse.warehouse.loading.audits import (
    AuditFinding,
    read_latest_findings,
    read_scored_identities,
    write_audit,
)
from trailhouse.warehouse.loading.score_ledger import invalidate_other_key

GOOD = AuditFinding("s/m", 1, "values", "ok", "", "", "step1", "", "a" * 64)
BAD = AuditFinding("s/m", 2, "values", "wrong", "NaN in a weight", "train it again", "step2", "0123", "b" * 64)


def write(client, *findings, suite_id="s"):
    wrong_count = sum(finding.status == "wrong" for finding in findings)
    return write_audit(client, suite_id, findings, checkpoint_count=9, wrong_count=wrong_count, are_values_read=True)


def test_an_audit_that_finds_the_same_again_is_not_stored_again(client):
    first = write(client, GOOD, BAD)
    assert write(client, BAD, GOOD) == first
    assert read_latest_findings(client, "s") == (first, [GOOD, BAD])
    mended = write(client, GOOD, replace(BAD, status="known"))
    assert mended != first
    assert read_latest_findings(client, "s")[0] == mended
    assert write(client, GOOD, BAD) not in (first, mended)
    assert client.query("select count() from raw_audit_run").result_rows == [(3,)]


def test_an_audit_without_findings_is_stored_once(client):
    first = write(client)
    assert write(client) == first
    assert write(client, suite_id="other") != first
    assert read_latest_findings(client, "s") == (first, [])


def test_audits_of_other_suites_are_not_compared(client):
    first, other = write(client, GOOD), write(client, GOOD, suite_id="other")
    assert first != other
    assert write(client, GOOD) == first
    assert read_latest_findings(client, "none") == (None, [])


def test_a_finding_comes_back_as_it_was_written(client):
    run_id = write(client, BAD)
    assert read_latest_findings(client, "s") == (run_id, [BAD])
    row = client.query(
        "select suite_id, model_id, step, check_name, status, message, cure, place, commit_hash, weights_sha256"
        " from raw_checkpoint_audit"
    ).result_rows
    expected = ("s", "s/m", 2, "values", "wrong", "NaN in a weight", "train it again", "step2", "0123", "b" * 64)
    assert row == [expected]
    run = client.query(
        "select suite_id, checkpoint_count, wrong_count, are_values_read, finding_count from raw_audit_run"
    )
    assert run.result_rows == [("s", 9, 1, True, 1)]


def test_an_audit_that_is_killed_before_its_last_row_does_not_count(client, monkeypatch):
    def fail(*_):
        raise InterruptedError

    before = write(client, GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(audits, "next_version", fail)
        with pytest.raises(InterruptedError):
            write(client, GOOD, BAD)
    assert read_latest_findings(client, "s") == (before, [GOOD])
    assert write(client, GOOD, BAD) != before


def test_scored_identities_are_those_of_complete_scores_of_the_suite(client):
    def scored(model_id, step, weights):
        return replace(scored_partition(step, weights, config_sha256=f"config of {weights}"), model_id=model_id)

    for model_id, step, weights in [("s/m", 1, "a"), ("s/m", 2, "b"), ("s/m", 3, "c"), ("s2/m", 1, "d")]:
        load(client, scored(model_id, step, weights), [score_batch(0, 1)])
    load(client, replace(scored("s/m", 1, "e"), corpus_id="other", tokenizer_id="another"), [score_batch(0, 1)])
    invalidate_other_key(client, scored("s/m", 3, "d"), uuid.uuid4())
    assert read_scored_identities(client, "s") == {
        ("s/m", 1): {("a" * 64, "config of a", "tokenizer"), ("e" * 64, "config of e", "another")},
        ("s/m", 2): {("b" * 64, "config of b", "tokenizer")},
    }
