"""A suite of 12 models with 150 checkpoints each, of up to 1e24 training FLOPs, on every page in headless Chromium."""

import pytest

from tests.dashboards.superset.conftest import run_superset
from tests.dashboards.superset.visitor import DASHBOARDS, visit
from tests.support.large_suite import CHECKPOINTS, MODELS, NAMES, SUITE, Extent, insert_large_suite
from tests.support.paths import ROOT
from tests.support.workplace import Workplace
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.server.process import stop
from trailhouse.warehouse.connection import connect

pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ARTIFACTS = ROOT / "test-artifacts" / "dashboards"
COMPLAINTS = ("BigInt", "Cannot read properties", "Unexpected error", "Data error", "Unable to load")


@pytest.fixture(scope="module")
def large_workplace(tmp_path_factory, command_server):
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
def visitor(chromium, large_workplace):
    with (
        run_superset(large_workplace) as superset,
        visit(chromium, superset.url, superset.user, superset.password) as opened,
    ):
        yield opened


def test_the_suite_is_as_large_as_it_should_be(large_workplace):
    ((models, checkpoints, flops),) = large_workplace.query(
        "select uniqExact(model_id), uniqExact(step), max(train_flops_palm)"
        " from fct_validation_perplexity_by_checkpoint"
    )
    assert (models, checkpoints) == (MODELS, CHECKPOINTS)
    assert 9e23 < flops < 1.1e24


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_every_chart_of_a_page_is_drawn(visitor, slug):
    visitor.open_dashboard(slug)
    visitor.take_screenshot(ARTIFACTS / f"large_suite_{slug}.png")
    texts = visitor.page.inner_text("body")
    for tab in visitor.page.locator(".dashboard-component-tabs [role=tab]").all():
        tab.click()
        visitor.page.wait_for_timeout(500)
        visitor.wait_for_charts()
        texts += visitor.page.inner_text("body")
    assert visitor.failures == []
    assert [result["error"] for results in visitor.answers.values() for result in results if result["error"]] == []
    assert visitor.page.locator(".ant-alert-error, [data-test=error-message]").count() == 0
    assert [complaint for complaint in COMPLAINTS if complaint in texts] == []


def test_the_models_are_named_by_size_and_the_compute_is_written_as_a_power_of_ten(visitor):
    visitor.open_dashboard("token_trends")
    assert visitor.page.locator(".trailhouse-bar .model").all_inner_texts() == list(NAMES)
    visitor.open_dashboard("overview")
    visitor.page.get_by_role("tab", name="All models").click()
    visitor.page.wait_for_timeout(500)
    visitor.wait_for_charts()
    names = visitor.page.locator(".bare.models:visible .model").all_inner_texts()
    assert names == [f"{SUITE}/{name}" for name in NAMES]
    assert "23.97" in visitor.read_chart("Where does each model stand?")
