"""``python -m tests.dashboards.report.photograph DIRECTORY``: save screenshots of the report of the demonstration."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.chromium import FLAGS, find_chromium

SCREENS = {"report": (1440, 900), "report_phone": (390, 844)}


def main() -> None:
    """Write the report, and photograph its first screen on a desk and on a phone, and its passage."""
    directory = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        file = Path(place) / "report.html"
        subprocess.run([sys.executable, "-m", "trailhouse.cli.main", "report", "--out", str(file)], check=True)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for name, (width, height) in SCREENS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(file.as_uri())
            page.wait_for_selector("#passage .pane .token")
            page.wait_for_function("document.querySelectorAll('figure svg').length > 0")
            page.screenshot(path=directory / f"{name}.png")
            page.locator("#passage").evaluate("section => section.scrollIntoView({ behavior: 'instant' })")
            page.locator("#passage .token").nth(20).hover()
            page.screenshot(path=directory / f"{name}_passage.png")
        browser.close()


if __name__ == "__main__":
    main()
