"""Where each health check draws its line; a stand-in answers its queries."""

from types import SimpleNamespace

import pytest

from trailhouse.errors import BadInputError
from trailhouse.warehouse.upkeep import health
from trailhouse.warehouse.upkeep.health import (
    check_disk,
    check_engine,
    check_ledger,
    check_marts,
    check_restores,
    check_scores_without_ledger,
    check_staging_tables,
    examine_warehouse,
    name_examples,
)


class Client:
    """Answers queries in their order, and records their parameters."""

    def __init__(self, *answers: list[tuple]) -> None:
        self.answers = list(answers)
        self.parameters: list[object] = []

    def query(self, query: str, parameters: object = None) -> SimpleNamespace:
        self.parameters.append(parameters)
        return SimpleNamespace(result_rows=self.answers.pop(0))


@pytest.mark.parametrize(("answer", "verdict"), [(44, "problem"), (45, "ok"), (46, "problem")])
def test_an_engine_must_add_up_the_numbers_from_0_to_9(answer, verdict):
    assert sum(range(10)) == 45
    assert check_engine(Client([("26.9", answer)])).verdict == verdict


@pytest.mark.parametrize(
    ("free", "total", "verdict", "found"),
    [
        (10_000_000_000, 100_000_000_000, "ok", "10.0 GB free"),
        (9_990_000_000, 100_000_000_000, "warning", "10.0 GB free of 100.0 GB"),
        (0, 0, "ok", "0.0 GB free"),
        (10**18, 10**20, "warning", "1000000000.0 GB free of 100000000000.0 GB"),
        (0, 1, "warning", "0.0 GB free of 0.0 GB"),
        (5_500_000_000, 6_000_000_000, "ok", "5.5 GB free"),
    ],
)
def test_a_tenth_of_the_fullest_disk_must_be_free(free, total, verdict, found):
    finding = check_disk(Client([(free, total)]))
    assert (finding.verdict, finding.found, bool(finding.hint)) == (verdict, found, verdict != "ok")


def test_three_examples_are_named():
    partitions = [("m", "c", step) for step in range(5)]
    assert name_examples(partitions) == "m step 0 on c, m step 1 on c, m step 2 on c"
    assert name_examples(partitions[:1]) == "m step 0 on c"


def test_scores_may_differ_from_their_sum_by_a_millionth_of_a_nat_each():
    client = Client([], [(4,)])
    finding = check_ledger(client)
    assert (finding.verdict, finding.found) == ("ok", "4 checkpoints as the ledger says")
    assert client.parameters[0] == {"tolerance": 1e-6}
    finding = check_ledger(Client([("m", "c", 1, 2, 3), ("m", "c", 2, 2, 3)], [(4,)]))
    assert finding.found == ("2 of 4 checkpoints do not hold the scores the ledger says: m step 1 on c, m step 2 on c")


def test_scores_without_a_ledger_row_are_counted():
    assert check_scores_without_ledger(Client([])).verdict == "ok"
    finding = check_scores_without_ledger(Client([("m", "c", 1)]))
    assert finding.found == "1 checkpoints, which nothing is derived from: m step 1 on c"


@pytest.mark.parametrize(
    ("count", "size", "found"),
    [(0, 0, "none"), (1, None, "1 staging tables with 0.0 MB"), (2, 1_500_000, "2 staging tables with 1.5 MB")],
)
def test_staging_tables_are_counted_with_their_size(count, size, found):
    finding = check_staging_tables(Client([(count, size)]))
    assert (finding.verdict == "ok", finding.found) == (count == 0, found)


def test_databases_of_killed_restores_are_named():
    assert check_restores(Client([])).verdict == "ok"
    assert check_restores(Client([("a",), ("b",)])).found == "a, b of a restore that was killed"


@pytest.mark.parametrize(
    ("answers", "verdict", "found"),
    [
        ([[(0,)]], "warning", "nothing is derived yet"),
        ([[(1,)], [(0, 7)]], "ok", "derived after the last of 7 checkpoints was scored"),
        ([[(1,)], [(1, 7)]], "warning", "1 of 7 checkpoints were scored after the marts were derived"),
    ],
)
def test_marts_are_derived_after_the_last_scores(answers, verdict, found):
    finding = check_marts(Client(*answers))
    assert (finding.verdict, finding.found) == (verdict, found)


def test_a_check_that_fails_is_a_problem_and_the_others_still_run(monkeypatch):
    def refuse(_: object) -> None:
        raise BadInputError("no rights", "ask for them")

    monkeypatch.setattr(health, "check_engine", refuse)
    monkeypatch.setattr(health, "check_migrations", lambda *_: 1 / 0)
    monkeypatch.setattr(health, "check_disk", lambda _: health.HealthFinding("disk", "ok", "free"))
    findings = examine_warehouse(Client(), [])
    assert [finding.check for finding in findings] == [
        "engine", "migrations", "disk", "ledger and scores", "rows that are stated", "scores without ledger",
        "abandoned staging tables", "abandoned restores", "abandoned snapshots", "marts",
    ]  # fmt: skip
    assert (findings[0].verdict, findings[0].found, findings[0].hint) == ("problem", "no rights", "ask for them")
    assert (findings[1].verdict, findings[1].found) == ("problem", "the check failed: division by zero")
    assert findings[2].verdict == "ok"
