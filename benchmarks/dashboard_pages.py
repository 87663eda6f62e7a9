"""How long every page of the dashboards takes in a browser, with a suite of 12 models and 150 checkpoints each.

    .venv/bin/python -m benchmarks.dashboard_pages --warehouse /tmp/large

The warehouse is filled with scores of 10,000 positions and 74 tasks, and derived by dbt, once. Superset runs on it.
A page is cold when Superset has no results of it, and warm when it is opened again. It is ready when none of its charts
is loading. The machine's load is printed beside each time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.dashboards.superset.conftest import run_superset
from tests.dashboards.superset.visitor import DASHBOARDS, Visitor, visit
from tests.support.chromium import FLAGS, find_chromium
from tests.support.large_suite import Extent, insert_large_suite
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.warehouse.connection import connect

EXTENT = Extent(document_count=20, document_length=500, task_count=74, item_count=20)


def make_warehouse(directory: Path) -> Workplace:
    """Return a workplace in a directory, whose warehouse is filled if it is new."""
    is_new = not (directory / "data" / "warehouse").exists()
    directory.mkdir(parents=True, exist_ok=True)
    place = Workplace(directory)
    if is_new:
        place.run("init")
        with connect(resolve_address(place.settings)) as client:
            insert_large_suite(client, EXTENT)
        if (derived := place.run("transform", timeout=3600)).returncode:
            raise RuntimeError(derived.stderr)
    return place


def time_page(visitor: Visitor, slug: str) -> float:
    """Open a dashboard, and return the seconds until none of its charts is loading."""
    begun = time.monotonic()
    visitor.answers.clear()
    visitor.page.goto(f"{visitor.url}/superset/dashboard/{slug}/")
    return visitor.wait_for_charts() - begun


def main() -> None:
    """Print a table: the seconds until each page is ready, cold and warm, with the load of the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, required=True, help="directory of the warehouse; made if it is new")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    place = make_warehouse(arguments.warehouse.resolve())
    with run_superset(place) as superset, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        with visit(browser, superset.url, superset.user, superset.password) as visitor:
            print(f"{'page':16} {'cold s':>7} {'warm s':>7} {'load':>6}")
            for slug in DASHBOARDS:
                cold, warm = [], []
                for _ in range(arguments.runs):
                    superset.forget_results()
                    cold.append(time_page(visitor, slug))
                    warm.append(time_page(visitor, slug))
                load = os.getloadavg()[0]
                print(
                    f"{slug:16} {statistics.median(cold):7.1f} {statistics.median(warm):7.1f} {load:6.1f}", flush=True
                )
        browser.close()


if __name__ == "__main__":
    main()
