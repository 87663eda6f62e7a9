"""A suite of 12 models with 150 checkpoints each, of up to 1e24 training FLOPs, on every page in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboards.superset.conftest import run_superset
from tests.dashboards.superset.visitor import DASHBOARDS, Visitor, visit
from tests.reliability.rows import Row
from tests.support.chromium import open_chromium
from tests.support.large_suite import CHECKPOINTS, MODELS, NAMES, SUITE, Extent, insert_large_suite
from tests.support.paths import ROOT
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.server.process import stop
from trailhouse.warehouse.connection import connect

pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.timeout(1800)

ARTIFACTS = ROOT / "test-artifacts" / "dashboards"
COMPLAINTS = ("BigInt", "Cannot read properties", "Unexpected error", "Data error", "Unable to load")
PAGE_COUNT = len(DASHBOARDS)


@pytest.fixture(scope="module")
def large_workplace(tmp_path_factory: pytest.TempPathFactory, command_server: str) -> Iterator[Workplace]:
    """A workplace whose warehouse holds the large suite only, so that every page opens with it."""
    place = Workplace(tmp_path_factory.mktemp("large"), prefect_url=command_server)
    assert place.run("init").returncode == 0
    with connect(resolve_address(place.settings)) as client:
        insert_large_suite(client, Extent())
    derived = place.run("transform", timeout=1200)
    assert derived.returncode == 0, derived.stderr
    yield place
    stop(place.settings.warehouse_directory)


@pytest.fixture(scope="module")
def visitor(large_workplace: Workplace) -> Iterator[Visitor]:
    with (
        open_chromium() as browser,
        run_superset(large_workplace) as superset,
        visit(browser, superset.url, superset.user, superset.password) as opened,
    ):
        yield opened


@pytest.mark.reliability(
    table="Reliability",
    row="every page with 12 models of 150 checkpoints",
    ci=PAGE_COUNT,
    release=PAGE_COUNT,
    smoke=PAGE_COUNT,
)
def test_every_page_draws_a_large_suite(row: Row, large_workplace: Workplace, visitor: Visitor):
    ((models, checkpoints, flops),) = large_workplace.query(
        "select uniqExact(model_id), uniqExact(step), max(train_flops_palm)"
        " from fct_validation_perplexity_by_checkpoint"
    )
    assert (models, checkpoints) == (MODELS, CHECKPOINTS)
    assert 9e23 < flops < 1.1e24
    for slug in DASHBOARDS:
        texts = read_page(visitor, slug)
        errors = [result["error"] for results in visitor.answers.values() for result in results if result["error"]]
        row.require(not visitor.failures, f"{slug}: {visitor.failures}")
        row.require(not errors, f"{slug}: {errors}")
        row.require(visitor.page.locator(".ant-alert-error, [data-test=error-message]").count() == 0, f"{slug}: error")
        row.require(not any(complaint in texts for complaint in COMPLAINTS), f"{slug} complains")
        row.done_count += 1
    visitor.open_dashboard("token_trends")
    names = visitor.page.locator(".trailhouse-bar .model").all_inner_texts()
    row.require(names == list(NAMES), f"the bar names {names}")
    visitor.open_dashboard("overview")
    visitor.page.get_by_role("tab", name="All models").click()
    visitor.page.wait_for_timeout(500)
    visitor.wait_for_charts()
    names = visitor.page.locator(".bare.models:visible .model").all_inner_texts()
    row.require(names == [f"{SUITE}/{name}" for name in NAMES], f"the Overview names {names}")
    standing = visitor.read_chart("Where does each model stand?")
    row.require("23.97" in standing, f"the compute is no power of ten: {standing}")


def read_page(visitor: Visitor, slug: str) -> str:
    """Open a page and all of its tabs, keep a screenshot, and return the text of all tabs."""
    screenshot: Path = ARTIFACTS / f"large_suite_{slug}.png"
    visitor.open_dashboard(slug)
    visitor.take_screenshot(screenshot)
    texts = [str(visitor.page.inner_text("body"))]
    for tab in visitor.page.locator(".dashboard-component-tabs [role=tab]").all():
        tab.click()
        visitor.page.wait_for_timeout(500)
        visitor.wait_for_charts()
        texts.append(str(visitor.page.inner_text("body")))
    return " ".join(texts)
