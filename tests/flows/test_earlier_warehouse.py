"""A warehouse that an earlier version made opens with this one, and nothing in it is scored or evaluated again."""

import json
import tarfile
from collections.abc import Callable, Iterator

import pytest

from tests.support.paths import ROOT
from tests.support.workplace import Workplace
from trailhouse.server.process import stop

pytestmark = pytest.mark.slow

FIXTURE = ROOT / "tests" / "fixtures" / "earlier_warehouse"
SCORE = ("score", "earlier", "--corpus", "few-texts")
EVALUATE = ("evaluate", "earlier", "--tasks", "tasks", "--shots", "0", "--shots", "1")
# The earlier version scored this checkpoint, whose weights are also those of step 30. This version refuses it.
DOUBLED = ["earlier/narrow", 20]
REFUSAL = "step-20: has the same weights as step 30, which is later"
# Derives the perplexities, every incremental model, and all that they read. An incremental model keeps the rows that
# the earlier version derived.
TRANSFORM = ("transform", "-s", "+fct_validation_perplexity_by_checkpoint", "-s", "+config.materialized:incremental")


@pytest.fixture(scope="module")
def answers() -> dict[str, dict]:
    """What the earlier version got from its warehouse: for every name, a query and its rows."""
    return json.loads((FIXTURE / "manifest.json").read_text(encoding="utf-8"))["answers"]


@pytest.fixture
def earlier(tmp_path) -> Iterator[Workplace]:
    """The workplace of the earlier version, unpacked at another place than it was made."""
    with tarfile.open(FIXTURE / "warehouse.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    place = Workplace(tmp_path)
    yield place
    stop(place.settings.warehouse_directory)


@pytest.fixture
def run(earlier, prefect_server) -> Callable[..., str]:
    """Return a function that runs a command of the current version in the earlier workplace and returns its stderr."""

    def run_command(*arguments: str, exit_code: int = 0) -> str:
        result = earlier.run(*arguments, PREFECT_API_URL=prefect_server)
        assert result.returncode == exit_code, result.stderr
        return result.stderr

    run_command("init")
    return run_command


def ask(place: Workplace, query: str) -> list[list]:
    return [list(row) for row in place.query(query)]


def test_nothing_of_an_earlier_warehouse_is_done_again_and_all_of_it_is_there(earlier, run, answers):
    for command in (SCORE, EVALUATE):
        assert REFUSAL in run(*command, exit_code=4)
    statuses = "select model_id, step, audit_status from raw_checkpoint final where audit_status != 'ok'"
    assert ask(earlier, statuses) == [[*DOUBLED, "the same weights as step 30"]]

    assert "damaged checkpoints left out of the marts: 1" in run(*TRANSFORM)
    derived = answers["validation_perplexities"]
    raw_tables = {"raw_token_score", "raw_option_score", "raw_scoring_run"}
    assert {"score_keys", "evaluation_keys", *raw_tables} < set(answers)
    for name in set(answers) - {"validation_perplexities"}:
        query = answers[name]["query"].replace("audit_status", "'ok'")
        assert ask(earlier, query) == answers[name]["rows"], name
    found = {tuple(key): perplexity for *key, perplexity in ask(earlier, derived["query"])}
    expected = {tuple(key): perplexity for *key, perplexity in derived["rows"] if [key[0], key[2]] != DOUBLED}
    assert found == pytest.approx(expected, rel=1e-12)
    assert len(found) == 5


def test_a_checkpoint_whose_key_differs_is_the_only_one_scored_again(earlier, run, answers):
    entry = "from raw_score_ledger final where model_id = 'earlier/narrow' and step = 10"
    totals = f"select score_count, log_prob_sum_nats {entry}"
    ((score_count, log_prob_sum_nats),) = ask(earlier, totals)
    earlier.command(
        "insert into raw_score_ledger select"
        f" * replace (repeat('0', 64) as score_key, scored_at + interval 1 second as scored_at) {entry}"
    )
    keys = answers["score_keys"]
    assert sum(found != stored for found, stored in zip(ask(earlier, keys["query"]), keys["rows"], strict=True)) == 1

    run_count = "select count() from raw_scoring_run final"
    ((before,),) = ask(earlier, run_count)
    run(*SCORE, exit_code=4)
    assert ask(earlier, f"{run_count} where checkpoint_count = 1") == [[1]]
    assert ask(earlier, run_count) == [[before + 1]]
    assert ask(earlier, keys["query"]) == keys["rows"]
    # another machine may round a score to the next 1e-4 nats
    assert ask(earlier, totals) == [[score_count, pytest.approx(log_prob_sum_nats, abs=score_count * 1e-4)]]
