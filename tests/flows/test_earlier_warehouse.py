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
SCORE = ("score", "earlier", "--corpus", "few-texts", "--json")
EVALUATE = ("evaluate", "earlier", "--tasks", "tasks", "--shots", "0", "--shots", "1", "--json")
# The perplexities, every model that goes on with the rows the earlier version derived, and whatever both stand on
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
    """Run a command of this version there; returns what it printed."""

    def run_command(*arguments: str) -> str:
        result = earlier.run(*arguments, PREFECT_API_URL=prefect_server)
        assert result.returncode == 0, result.stderr
        return result.stdout

    run_command("init")
    return run_command


def ask(place: Workplace, query: str) -> list[list]:
    return [list(row) for row in place.query(query)]


def test_nothing_of_an_earlier_warehouse_is_done_again_and_all_of_it_is_there(earlier, run, answers):
    scoring = json.loads(run(*SCORE))
    assert (scoring["checkpoint_count"], scoring["already_scored_count"]) == (6, 6)
    assert (scoring["scored_count"], scoring["copied_count"], scoring["score_count"]) == (0, 0, 0)
    evaluation = json.loads(run(*EVALUATE))
    assert (evaluation["evaluation_count"], evaluation["already_evaluated_count"]) == (12, 12)
    assert (evaluation["evaluated_count"], evaluation["item_count"]) == (0, 0)

    run(*TRANSFORM)
    derived = answers["validation_perplexities"]
    assert {"score_keys", "evaluation_keys", "raw_token_score", "raw_option_score"} < set(answers)
    for name in set(answers) - {"validation_perplexities"}:
        assert ask(earlier, answers[name]["query"]) == answers[name]["rows"], name
    found = {tuple(key): perplexity for *key, perplexity in ask(earlier, derived["query"])}
    assert found == pytest.approx({tuple(key): perplexity for *key, perplexity in derived["rows"]}, rel=1e-12)
    assert len(found) == 6


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

    report = json.loads(run(*SCORE))
    assert (report["already_scored_count"], report["scored_count"], report["copied_count"]) == (5, 1, 0)
    assert ask(earlier, keys["query"]) == keys["rows"]
    # another machine may round a score to the next 1e-4 nats
    assert ask(earlier, totals) == [[score_count, pytest.approx(log_prob_sum_nats, abs=score_count * 1e-4)]]
