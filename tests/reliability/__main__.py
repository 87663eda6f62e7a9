"""``python -m tests.reliability``: the reliability and security tables, each row done and judged."""

from __future__ import annotations

import argparse
import functools
import logging
import re
import signal
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.reliability import answers, calls, kills, malformed, memory, repetition, resources, security, soak
from tests.reliability.bench import Bench
from tests.reliability.check import Check, Outcome
from tests.reliability.proofs import REPORT, Proof, run_tests
from tests.support.untrusted_checkpoints import HARMLESS, REFUSED, REFUSED_PICKLES

PUBLICATIONS = Proof(
    "tests/dashboards/superset/test_publication.py",
    {"test_publishing_again_changes_nothing": 1},
)
KILLED_PUBLICATIONS = Proof(
    "tests/dashboards/superset/test_publication.py",
    {"test_a_publication_that_was_killed_is_completed_by_the_next": 2},
)
UNTRUSTED_CHECKPOINTS = Proof(
    "tests/flows/test_untrusted_checkpoints.py",
    {
        "test_untrusted_checkpoints_are_refused_one_by_one_and_the_sound_one_is_scored": len(REFUSED),
        "test_pickles_that_are_allowed_make_tensors_and_run_nothing": len(REFUSED_PICKLES),
        "test_code_that_a_sound_checkpoint_offers_is_not_run": len(HARMLESS),
    },
)
UNTRUSTED_TOKENS = Proof(
    "tests/dashboards/superset/test_browser.py", {"test_untrusted_token_text_is_shown_as_text": 40}
)
PROOFS = (
    ("Reliability", "kill -9 of a publication", {"ci": 2, "release": 2}, KILLED_PUBLICATIONS),
    ("Reliability", "publish twice", {"ci": 1, "release": 1}, PUBLICATIONS),
    ("Security", "untrusted checkpoints", {"ci": 25, "release": 60}, UNTRUSTED_CHECKPOINTS),
    ("Security", "token text as XSS, in a browser", {"ci": 40, "release": 40}, UNTRUSTED_TOKENS),
)
CHECKS = (
    Check("Reliability", "kill -9 (server, loader, scoring worker, dbt)", {"ci": 20, "release": 200}, kills.run_kills),
    Check("Reliability", "fail the Nth call of a load, N = 1, 2, ...", {"ci": 1, "release": 5}, calls.fail_every_call),
    Check("Reliability", "the same of init and backup", {"ci": 0, "release": 4}, calls.fail_calls_of_init_and_backup),
    Check("Reliability", "network faults", {"ci": 100, "release": 2000}, calls.meet_network_faults),
    Check("Reliability", "disk full", {"ci": 1, "release": 10}, resources.fill_disk),
    Check("Reliability", "read-only directory", {"ci": 1, "release": 10}, resources.forbid_writing),
    Check("Reliability", "memory cap", {"ci": 1, "release": 10}, resources.cap_memory),
    Check("Reliability", "out of memory in scoring", {"ci": 1, "release": 10}, memory.starve_scoring),
    Check("Reliability", "clock jump", {"ci": 1, "release": 10}, resources.turn_clock_back),
    Check("Reliability", "SIGTERM", {"ci": 1, "release": 10}, resources.terminate),
    Check("Reliability", "second process on one directory", {"ci": 1, "release": 10}, resources.open_twice),
    Check("Reliability", "every command twice", {"ci": 5, "release": 5}, repetition.repeat_commands),
    Check("Reliability", "failing query, then canary", {"ci": 200, "release": 10000}, answers.send_canaries),
    Check("Reliability", "server against engine, answers", {"ci": 2000, "release": 60000}, answers.compare_with_engine),
    Check("Security", "forbidden SQL", {"ci": 300, "release": 1000}, security.send_forbidden_sql),
    Check("Security", "HTTP fuzz", {"ci": 5000, "release": 200000}, security.fuzz),
    Check("Security", "authentication", {"ci": 60, "release": 300}, security.try_credentials),
    Check("Security", "resource bombs", {"ci": 10, "release": 50}, security.throw_bombs),
    Check("Security", "malformed inputs, mutated", {"ci": 2000, "release": 50000}, malformed.read_mutated),
    Check("Reliability", "soak, seconds with 30 clients", {"ci": 60, "release": 14400}, soak.run_soak),
)


def main() -> int:
    """Run the chosen checks; returns 1 if one failed or did less than was asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--size", choices=("ci", "release"), default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a regular expression over the names of checks")
    parser.add_argument("--after-tests", action="store_true", help="believe the report of `make test`")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # faults are what this is about
    results = Table("table", "what", "asked", "done", "verdict", "seconds", "detail", header_style="bold")
    bench = Bench(arguments.seed)
    proofs = [row for row in PROOFS if re.search(arguments.only, row[1])]

    @functools.cache
    def find_report() -> Path:
        if arguments.after_tests:
            return REPORT
        return run_tests([proof for *_, proof in proofs], bench.folder("proofs") / "tests.xml")

    checks = [check for check in CHECKS if check.asked[arguments.size] > 0 and re.search(arguments.only, check.name)]
    cited = [Check(table, name, asked, proof.check(find_report)) for table, name, asked, proof in proofs]
    chosen = [*checks, *cited]
    is_good = bool(chosen)
    try:
        for check in chosen:
            started = time.monotonic()
            asked = check.asked[arguments.size]
            outcome = run_check(check, bench, asked)
            has_passed = not outcome.failures and outcome.done_count >= asked
            is_good &= has_passed
            seconds = time.monotonic() - started
            results.add_row(
                check.table, check.name, str(asked), str(outcome.done_count),
                "pass" if has_passed else "FAIL", f"{seconds:.0f}", outcome.detail,
            )  # fmt: skip
            report(check, outcome, has_passed, seconds)
    finally:
        bench.close()
    Console(width=160).print(results)
    return 0 if is_good else 1


def run_check(check: Check, bench: Bench, asked: int) -> Outcome:
    """Run one check; a crash of the check is a failure of it."""
    try:
        return check.run(bench, asked)
    except Exception:
        return Outcome(failures=[traceback.format_exc()[-3000:]])


def report(check: Check, outcome: Outcome, has_passed: bool, seconds: float) -> None:
    """Say on stderr how a check ended, at once."""
    verdict = "pass" if has_passed else "FAIL"
    sys.stderr.write(f"{verdict} {check.name}: {outcome.done_count} in {seconds:.0f} s; {outcome.detail}\n")
    for failure in outcome.failures[:20]:
        sys.stderr.write(f"  {failure}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
