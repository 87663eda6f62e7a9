"""The first minute of a user in Superset, in headless Chromium: everything that is shown works."""

import re
from contextlib import contextmanager

import pytest
import requests

from tests.dashboards.superset.visitor import DASHBOARDS, Visitor, visit
from tests.support.paths import ROOT

pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.slow

FIRST_PAGE = re.compile(r"/superset/dashboard/overview/")
ARTIFACTS = ROOT / "test-artifacts" / "dashboards"


@contextmanager
def watch(chromium, user):
    """Log in as a user, and collect the refused requests and the errors of the pages."""
    with visit(chromium, user.url, user.user, user.password) as visitor:
        visitor.page.context.set_default_timeout(60_000)

        def note_refusal(answer) -> None:
            if answer.status >= 400:
                visitor.failures.append(f"{answer.status} {answer.url}")

        visitor.page.on("response", note_refusal)
        yield visitor


@pytest.fixture(scope="module")
def stakeholder(superset):
    return superset.log_in("stakeholder")


@pytest.fixture
def visitor(chromium, stakeholder):
    with watch(chromium, stakeholder) as opened:
        yield opened


def open_menu(visitor: Visitor):
    """Open the menu of the first chart that has one, and return the menu."""
    visitor.page.locator('[data-test="slice-header"] [id$="-controls"]:visible').first.click()
    menu = visitor.page.locator(".ant-dropdown:visible")
    menu.first.wait_for()
    return menu.first


@pytest.mark.parametrize("role", ["admin", "researcher", "stakeholder"])
def test_everyone_lands_on_the_overview_under_the_name_and_mark_of_trailhouse(chromium, superset, role):
    user = superset if role == "admin" else superset.log_in(role)
    with watch(chromium, user) as visitor:
        visitor.page.wait_for_url(FIRST_PAGE)
        visitor.wait_for_charts()
        logo = visitor.page.get_by_role("img", name="Trailhouse")
        assert logo.evaluate("image => image.complete && image.naturalWidth > 100")
        assert visitor.page.locator("link[rel=icon]").get_attribute("href") == "/trailhouse/mark.svg"
        assert (
            requests.get(f"{user.url}/trailhouse/mark.svg", timeout=60).headers["Content-Type"].startswith("image/svg")
        )
        visitor.page.goto(f"{user.url}/superset/welcome/")
        visitor.page.wait_for_url(FIRST_PAGE)
        assert visitor.failures == []


def test_a_stakeholder_opens_every_dashboard_without_a_refused_request_or_an_error(visitor, stakeholder):
    for slug in DASHBOARDS:
        visitor.open_dashboard(slug)
        visitor.page.wait_for_timeout(1000)  # pages compare the colours of labels half a second after drawing them
    visitor.page.goto(f"{stakeholder.url}/dashboard/list/", wait_until="networkidle")  # leaving a page stores colours
    assert visitor.failures == []


def test_colours_that_a_page_sends_are_accepted_and_not_stored(superset, stakeholder):
    client = superset.client()
    (number,) = [row["id"] for row in client.read_all("dashboard", "id,slug") if row["slug"] == "overview"]
    before = client.read("dashboard", number)["result"]["json_metadata"]
    for user in (stakeholder, superset):
        body = {"label_colors": {"a": "#000001"}, "map_label_colors": {}, "shared_label_colors": ["a"]}
        session = requests.Session()
        with_login = {"username": user.user, "password": user.password}
        page = session.get(f"{user.url}/login/", timeout=60).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.replace("\n", " ")).group(1)
        session.post(f"{user.url}/login/", data={**with_login, "csrf_token": token}, timeout=60)
        token = session.get(f"{user.url}/api/v1/security/csrf_token/", timeout=60).json()["result"]
        address = f"{user.url}/api/v1/dashboard/{number}/colors"
        headers = {"X-CSRFToken": token, "Referer": user.url}
        assert session.put(address, json=body, headers=headers, timeout=60).status_code == 200
    assert client.read("dashboard", number)["result"]["json_metadata"] == before
    assert requests.put(f"{superset.url}/api/v1/dashboard/{number}/colors", json={}, timeout=60).status_code >= 400


def test_a_stakeholder_takes_the_numbers_of_a_chart_as_table_csv_and_image(visitor):
    visitor.open_dashboard("overview")
    open_menu(visitor).get_by_text("View as table").click()
    visitor.page.locator(".ant-modal:visible").get_by_text("rows", exact=False).first.wait_for()
    visitor.page.keyboard.press("Escape")
    visitor.page.locator(".ant-modal").first.wait_for(state="hidden")
    for entry, first_bytes in (("Export to .CSV", b""), ("Download as image", b"\xff\xd8")):
        open_menu(visitor).get_by_text("Download", exact=True).hover()
        with visitor.page.expect_download() as download:
            visitor.page.get_by_text(entry, exact=True).last.click()
        content = download.value.path().read_bytes()
        assert content.startswith(first_bytes), entry
        assert len(content.splitlines()) > 1, entry
        visitor.page.keyboard.press("Escape")
    assert visitor.failures == []


def test_a_stakeholder_shares_a_link_that_shows_the_same_filters(visitor, stakeholder, superset):
    session = stakeholder.api()
    numbers = {row["slug"]: row["id"] for row in superset.client().read_all("dashboard", "id,slug")}
    address = f"{stakeholder.url}/api/v1/dashboard/{numbers['overview']}/permalink"
    answer = session.post(address, json={"dataMask": {}, "urlParams": []}, timeout=60)
    assert answer.status_code == 201, answer.text
    visitor.page.goto(answer.json()["url"])
    visitor.wait_for_charts()
    assert visitor.failures == []
    visitor.page.locator('[data-test="actions-trigger"]').first.click()
    visitor.page.locator(".ant-dropdown:visible").get_by_text("Share", exact=True).wait_for()


def test_clear_all_opens_the_dashboard_with_its_default_filters(visitor):
    visitor.open_dashboard("overview")
    visitor.answers.clear()
    visitor.page.locator('[data-test="filter-bar__clear-button"]:visible').click()
    visitor.page.wait_for_load_state("load")
    visitor.wait_for_charts()
    assert visitor.page.get_by_text("Unable to load dashboard").count() == 0
    assert visitor.failures == []


def test_users_change_their_own_password_under_settings_info(chromium, superset):
    user = superset.log_in("stakeholder")
    with watch(chromium, user) as visitor:
        visitor.page.wait_for_url(FIRST_PAGE)
        visitor.page.goto(f"{user.url}/user_info/", wait_until="networkidle")
        visitor.page.locator('[data-test="reset-password-button"]').click()
        for field in ("password", "confirm_password"):
            visitor.page.fill(f".ant-modal input[name={field}]", "a new one for today")
        visitor.page.locator('[data-test="form-modal-save-button"]').click()
        visitor.page.get_by_text("The password reset was successful").wait_for()
        assert visitor.failures == []
    for password, status in ((user.password, 401), ("a new one for today", 200)):
        body = {"username": user.user, "password": password, "provider": "db"}
        assert requests.post(f"{user.url}/api/v1/security/login", json=body, timeout=60).status_code == status


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [("/sqllab/", 403, "This page is not open to you"), ("/no-such-page", 404, "There is no such page")],
)
def test_a_refused_page_says_so_and_leads_back(visitor, stakeholder, path, status, title):
    answer = visitor.page.goto(f"{stakeholder.url}{path}")
    assert answer.status == status
    assert visitor.page.locator("h1").inner_text() == title
    assert stakeholder.user in visitor.page.locator("p").first.inner_text()
    visitor.page.screenshot(path=ARTIFACTS / f"refused_{status}.png")
    visitor.page.get_by_role("link", name="Go to the Overview").click()
    visitor.page.wait_for_url(FIRST_PAGE)


def test_a_program_gets_the_refusal_as_json(stakeholder):
    answer = stakeholder.api().get(f"{stakeholder.url}/api/v1/database/", timeout=60)
    assert answer.status_code == 403
    assert answer.json()


def test_commands_print_the_address_of_the_first_page_and_the_password(superset):
    status = superset.run("dashboards", "status")
    assert status.stderr.strip().endswith(f"{superset.url}/superset/dashboard/overview/")
    assert superset.run("dashboards", "password").stdout.strip() == superset.password
    elsewhere = superset.workplace.run("dashboards", "password", TRAILHOUSE_SUPERSET_URL="http://elsewhere")
    assert elsewhere.returncode == 2
