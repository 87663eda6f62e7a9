"""The record of a run, the table of its checkpoints, and the error that it ends with, for both kinds of work."""

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from trailhouse.errors import AllFailedError, BadInputError, PartialError, UnreachableError, UsageError
from trailhouse.flows.pipeline.kind_of_work import InsertedUnit, Wording
from trailhouse.flows.pipeline.outcome import CheckpointOutcome, Failure
from trailhouse.flows.pipeline.pipeline import PipelineSteps
from trailhouse.flows.pipeline.run_record import record_begin, record_end
from trailhouse.flows.pipeline.run_report import describe_outcome, raise_failures
from trailhouse.models.scoring.verification import Verification

WORDING = Wording("scoring", "scored", "Scoring", "Positions")


def make_outcome(step: int, *inserted: InsertedUnit, failures=(), **values) -> CheckpointOutcome:
    outcome = CheckpointOutcome("tiny/model", step, planned_count=len(inserted) + len(failures), **values)
    outcome.inserted.extend(inserted)
    outcome.failures.extend(Failure(error, unit) for unit, error in failures)
    return outcome


def make_pipeline(address) -> SimpleNamespace:
    """Return a stand-in for a pipeline. It has only what the record of a run is made from."""
    kind = SimpleNamespace(
        wording=WORDING,
        settings=SimpleNamespace(dtype="float32"),
        batch_policy="all at once",
        verification=Verification(),
    )
    return SimpleNamespace(
        kind=kind,
        scoring_run_id=uuid.uuid4(),
        address=address,
        started_at=datetime.now(UTC),
        steps=PipelineSteps(),
    )


def test_a_run_is_recorded_once_and_a_run_without_work_is_not(kind, run_kind, make_tiny_suite, client):
    suite = make_tiny_suite("recorded", [0, 10])
    columns = "run_kind, checkpoint_count, score_count, dtype, startsWith(device, 'cpu'), tokens_per_second > 0"
    for _ in range(2):
        assert run_kind(suite)[0] == 0
        counted = "count()" if kind.name == "score" else "sum(token_count)"
        ((token_count,),) = client.query(f"select {counted} from {kind.table}").result_rows
        rows = client.query(f"select {columns} from raw_scoring_run final where finished_at > started_at").result_rows
        assert rows == [(kind.run_kind, 2, token_count, "float32", True, True)]
        ids = f"select distinct scoring_run_id from {kind.ledger} final where is_complete"
        runs = client.query("select scoring_run_id from raw_scoring_run final").result_rows
        assert client.query(ids).result_rows == runs


def test_a_run_is_recorded_with_all_that_its_models_ran_on_and_copies_count_without_speed(address, client):
    """The models of one suite may have different attention implementations; a model without attention names none."""
    unit = InsertedUnit(row_count=10, token_count=30)
    copied = InsertedUnit(row_count=10, token_count=30, is_copied=True)
    outcomes = [
        make_outcome(step, unit, device="cpu", attention_implementation=name, run_seconds=2.0)
        for step, name in enumerate(("sdpa", "", "eager", "sdpa"))
    ]
    outcomes += [make_outcome(4, copied), make_outcome(5, failures=[("", BadInputError("a", "b"))])]
    pipeline = make_pipeline(address)
    columns = (
        "device, attention_implementation, batch_policy, score_count, checkpoint_count, tokens_per_second,"
        " verified_count, largest_difference_nats"
    )
    query = f"select {columns}, finished_at is null from raw_scoring_run final"
    record_begin(pipeline, make_outcome(0, device="cpu", attention_implementation="sdpa"))
    assert client.query(query).result_rows == [("cpu", "sdpa", "all at once", 0, 0, 0.0, 0, None, True)]
    record_begin(pipeline, make_outcome(1, device="other"))
    for difference_nats in (1e-5, 3e-5, 2e-5):
        pipeline.kind.verification.add(difference_nats, agrees=True)
    record_end(pipeline, outcomes)
    expected = ("cpu", "eager, sdpa", "all at once", 150, 5, 15.0, 3, 3e-5, False)
    assert client.query(query).result_rows == [expected]


def test_a_run_in_which_no_model_ran_is_not_recorded(address, client):
    record_end(make_pipeline(address), [make_outcome(4, InsertedUnit(10, 30, is_copied=True))])
    assert client.query("select count() from raw_scoring_run").result_rows == [(0,)]


def test_failures_decide_the_error_and_each_is_named():
    done = make_outcome(0, InsertedUnit(1, 1))
    broken = make_outcome(1, failures=[("", BadInputError("a NaN", "mend it"))])
    crashed = make_outcome(2, failures=[("", ConnectionError("reset by peer"))])
    in_part = make_outcome(
        3, InsertedUnit(1, 1), failures=[("task a", UsageError("too long", "x")), ("task b", UsageError("odd", "x"))]
    )
    raise_failures(WORDING, [done], 0)
    with pytest.raises(BadInputError, match="a NaN"):
        raise_failures(WORDING, [broken], 0)
    with pytest.raises(AllFailedError) as all_failed:
        raise_failures(WORDING, [broken, crashed], 0)
    assert (all_failed.value.exit_code, all_failed.value.hint) == (3, "mend it")
    lines = ("tiny/model step 1: a NaN", "tiny/model step 2: ConnectionError: reset by peer")
    assert all_failed.value.failures == lines
    twins = [make_outcome(step, failures=[("", BadInputError("a short corpus", "lengthen it"))]) for step in (5, 6)]
    with pytest.raises(BadInputError, match="a short corpus"):
        raise_failures(WORDING, twins, 0)
    for outcomes, done_count in (([done, broken, crashed], 0), ([broken, crashed], 1)):
        with pytest.raises(PartialError) as partial:
            raise_failures(WORDING, outcomes, done_count)
        assert (partial.value.exit_code, partial.value.failures) == (4, lines)
    with pytest.raises(PartialError) as partial:
        raise_failures(WORDING, [in_part], 0)
    assert partial.value.failures == ("tiny/model step 3: task a: too long", "tiny/model step 3: task b: odd")
    unanswered = make_outcome(4, failures=[("", OperationalError("Connection refused"))])
    with pytest.raises(UnreachableError, match="the warehouse stopped answering"):
        raise_failures(WORDING, [broken, unanswered], 1)
    elsewhere = make_outcome(4, elsewhere_count=1)  # another worker did it
    with pytest.raises(PartialError):
        raise_failures(WORDING, [elsewhere, broken], 0)


def test_the_table_says_what_became_of_each_checkpoint():
    states = {
        "scored": make_outcome(0, InsertedUnit(5, 5, mean_log_prob_nats=-2.0)),
        "failed": make_outcome(1, failures=[("", BadInputError("a NaN", "mend it"))]),
        "scored in part": make_outcome(2, InsertedUnit(5, 5), failures=[("task a", BadInputError("long", "cut it"))]),
        "scored by another worker": make_outcome(3, elsewhere_count=1),
    }
    rows = {state: describe_outcome(WORDING, outcome) for state, outcome in states.items()}
    assert {state: row["state"] for state, row in rows.items()} == {state: state for state in states}
    assert [row["rows"] for row in rows.values()] == [5, 0, 5, 0]
    assert [row["mean log-prob (nats)"] for row in rows.values()] == [-2.0, None, None, None]
    assert [row["message"] for row in rows.values()] == ["", "a NaN", "task a: long", ""]
