"""A browser window on the dashboards: headless Chromium, used as a person would use it."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Page, ViewportSize

DASHBOARDS = ("overview", "token_trends", "tasks", "sequences", "phases", "operations", "inspector")
WAIT_MILLISECONDS = 180_000
# So tall that every chart is in view, because Superset does not load charts out of view.
VIEWPORT: ViewportSize = {"width": 1500, "height": 4600}
CHART = '[data-test="chart-container"]'


@dataclass
class Visitor:
    """A browser window, with the answers of the server to its charts and the errors of the page."""

    page: Page
    url: str
    answers: dict[int, list] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("response", self.hear)
        self.page.on("pageerror", lambda error: self.failures.append(str(error)))

    def hear(self, response) -> None:
        if "/api/v1/chart/data" not in response.url:
            return
        found = re.search(r"slice_id%22%3A(\d+)", response.url)
        if response.status != 200:
            self.failures.append(f"{response.status} {response.url}")
        elif found:
            self.answers[int(found.group(1))] = response.json()["result"]

    def log_in(self, user: str, password: str) -> None:
        self.page.goto(f"{self.url}/login/", wait_until="networkidle")
        for _ in range(3):  # the form loses what is filled in before its script has started
            self.page.fill("#username", user)
            self.page.fill("#password", password)
            self.page.click("button[type=submit]")
            try:
                self.page.wait_for_url(lambda url: "/login" not in url, wait_until="commit", timeout=20_000)
            except playwright_errors().TimeoutError:
                continue
            return
        raise AssertionError(f"{user} is not logged in; the page says: {self.page.inner_text('body')}")

    def open_dashboard(self, slug: str) -> None:
        self.answers.clear()
        self.page.goto(f"{self.url}/superset/dashboard/{slug}/")
        self.wait_for_charts()

    def wait_for_charts(self) -> float:
        """Wait until every chart of the dashboard has its data and none has been loading for a second.

        Returns the time from which on none has been loading, by the clock ``time.monotonic``.
        """
        self.page.locator(f"{CHART}:visible").first.wait_for()  # charts of other tabs are hidden
        deadline = time.monotonic() + WAIT_MILLISECONDS / 1000
        quiet_since = None
        while time.monotonic() < deadline:
            is_busy = self.page.locator('.loading, [data-test="loading-indicator"], .ant-spin-spinning').count() > 0
            is_busy = is_busy or len(self.answers) < self.page.locator(CHART).count()
            quiet_since = None if is_busy else (quiet_since or time.monotonic())
            if quiet_since is not None and time.monotonic() - quiet_since > 1:
                return quiet_since
            self.page.wait_for_timeout(200)
        count = self.page.locator(CHART).count()
        raise AssertionError(f"charts are still loading: {len(self.answers)} of {count} have their data")

    def open_every_tab(self) -> None:
        """Open every tab, because Superset loads the charts of a tab when it is first opened."""
        for tab in self.page.locator(".dashboard-component-tabs [role=tab]").all():
            tab.click()
            self.page.wait_for_timeout(500)
            self.wait_for_charts()

    def read_chart(self, title: str) -> str:
        holders = self.page.locator(".dashboard-component-chart-holder").filter(has=self.page.locator(CHART))
        return holders.filter(has_text=title).first.inner_text()

    def read_template(self, class_name: str) -> str:
        return " ".join(self.page.locator(f".{class_name}:visible").first.inner_text().split())

    def choose(self, filter_name: str, option: str) -> None:
        """Choose an option of a filter, apply it, and wait for the charts."""
        item = self.page.locator('[data-test="filter-bar"] .ant-form-item, .filter-item-wrapper').filter(
            has=self.page.get_by_text(filter_name, exact=True)
        )
        item.last.locator(".ant-select").first.click()
        self.page.keyboard.type(option)
        self.page.locator(".ant-select-item-option").filter(has_text=option).first.click()
        self.page.keyboard.press("Escape")
        self.page.locator('[data-test="filter-bar__apply-button"]').click()
        self.page.wait_for_timeout(500)
        self.wait_for_charts()

    def take_screenshot(self, path: Path) -> None:
        """Save a screenshot of the dashboard, down to its last chart."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.page.locator('[data-test="grid-content"]').bounding_box()
        assert content is not None
        lowest = max(
            (box["y"] + box["height"] for row in self.page.locator(".grid-row").all() if (box := row.bounding_box())),
            default=content["y"] + content["height"],
        )
        clip: FloatRect = {"x": 0, "y": 0, "width": VIEWPORT["width"], "height": lowest + 16}
        self.page.screenshot(path=path, clip=clip)


def playwright_errors() -> ModuleType:
    """Return the module of the driver's errors, which only the tests in a browser import."""
    return importlib.import_module("playwright.sync_api")


@contextmanager
def visit(chromium: Browser, url: str, user: str, password: str) -> Iterator[Visitor]:
    """Open a window without other windows' cookies, and log in."""
    context = chromium.new_context(viewport=VIEWPORT)
    context.set_default_timeout(WAIT_MILLISECONDS)
    visitor = Visitor(context.new_page(), url)
    visitor.listen()
    visitor.log_in(user, password)
    yield visitor
    context.close()
