"""`trailhouse watch`: what one run does for a suite, and what the Prefect deployment of its runs stores."""

from types import SimpleNamespace

import pytest

from trailhouse.errors import BadInputError, UnreachableError
from trailhouse.flows import watch_checkpoints as watch
from trailhouse.flows.audit_checkpoints import AuditReport
from trailhouse.flows.prefect.deployment import make_deployment
from trailhouse.flows.prefect.watched_subjects import WatchedSubjects
from trailhouse.flows.settings import Settings
from trailhouse.flows.watch_checkpoints import Derivation, WatchedWork, WatchReport, describe_watch, watch_suite


class Report:
    """A stand-in for the report of any flow. It has the counts that it is given."""

    def __init__(self, **counts: int) -> None:
        self.__dict__.update(counts)


@pytest.fixture
def calls(monkeypatch) -> list[tuple]:
    """The calls of the audit, of scoring and of evaluation. They are noted, and nothing is done."""
    made: list[tuple] = []

    def audit(suite, settings, *, are_values_read):
        made.append(("audit", suite, are_values_read))
        return AuditReport(suite, 3, [])

    def score(suite, corpus, settings):
        made.append(("score", suite, corpus))
        if corpus == "broken":
            raise BadInputError("there is no corpus 'broken'", "add it")
        return Report(checkpoint_count=3, scored_count=2, elsewhere_count=1)

    def evaluate(suite, places, shot_counts, *, settings):
        made.append(("evaluate", suite, places, shot_counts))
        return Report(evaluation_count=6, evaluated_count=5, elsewhere_count=0)

    monkeypatch.setattr(watch, "audit_checkpoints", audit)
    monkeypatch.setattr(watch, "score_checkpoints", score)
    monkeypatch.setattr(watch, "evaluate_tasks", evaluate)
    return made


def test_a_suite_is_audited_once_scored_on_each_corpus_and_evaluated_on_its_tasks(calls):
    works = list(watch_suite("ours", ["wiki", "broken", "code"], ["tasks"], [0, 2], Settings()))
    assert calls == [
        ("audit", "ours", False),
        ("score", "ours", "wiki"),
        ("score", "ours", "broken"),
        ("score", "ours", "code"),
        ("evaluate", "ours", ["tasks"], [0, 2]),
    ]
    assert works == [
        WatchedWork("ours", "wiki", 0, 3, 2, 1),
        WatchedWork("ours", "broken", 0, error="there is no corpus 'broken' (add it)"),
        WatchedWork("ours", "code", 0, 3, 2, 1),
        WatchedWork("ours", "tasks", 0, 6, 5, 0),
    ]
    table = describe_watch(WatchReport(works, Derivation()))
    assert "|ours|wiki|3|2|1|0||" in table
    assert "|ours|tasks|6|5|0|0||" in table
    assert "|ours|broken||||0|there is no corpus 'broken' (add it)|" in table


def test_without_tasks_nothing_is_evaluated_and_a_failed_audit_is_in_every_row(calls, monkeypatch):
    assert [work.subject for work in watch_suite("ours", ["wiki"], [], [2], Settings())] == ["wiki"]

    def fail(*_arguments, **_options):
        raise UnreachableError("the hub", "wait")

    monkeypatch.setattr(watch, "audit_checkpoints", fail)
    works = list(watch_suite("ours", ["wiki"], ["tasks"], [2], Settings()))
    assert [(work.subject, work.error) for work in works] == [("wiki", "the hub (wait)"), ("tasks", "the hub (wait)")]
    assert [call[0] for call in calls] == ["audit", "score"]


def test_texts_are_generated_by_each_suite_from_the_first_corpus_and_errors_stay_in_the_row(monkeypatch):
    asked: list[tuple] = []

    def generate(suite, corpus, presets, settings):
        asked.append((suite, corpus, presets))
        if suite == "young":
            return None
        if suite == "broken":
            raise BadInputError("document 'a' has 3 tokens", "ask for shorter prompts")
        return SimpleNamespace(generation=Report(generated_count=4, already_generated_count=6))

    monkeypatch.setattr(watch, "generate_for_suite", generate)
    works = [watch.watch_generation(suite, "wiki", ["ps-pl"], Settings()) for suite in ("ours", "young", "broken")]
    assert asked == [("ours", "wiki", ["ps-pl"]), ("young", "wiki", ["ps-pl"]), ("broken", "wiki", ["ps-pl"])]
    assert works == [
        WatchedWork("ours", "generated texts", 0, 10, 4),
        WatchedWork("young", "generated texts", 0),
        WatchedWork("broken", "generated texts", 0, error="document 'a' has 3 tokens (ask for shorter prompts)"),
    ]


def test_the_deployment_stores_what_is_watched_with_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks").mkdir()
    subjects = WatchedSubjects(["miniature"], ["few"], ["tasks", "lm-eval:lambada"], [0, 5], ["ps-pl"])
    deployment = make_deployment(subjects, ["miniature"], 60.0)
    assert deployment.parameters == {
        "suites": ["miniature"],
        "corpora": ["few"],
        "tasks": [str(tmp_path / "tasks"), "lm-eval:lambada"],
        "shot_counts": [0, 5],
        "presets": ["ps-pl"],
    }
