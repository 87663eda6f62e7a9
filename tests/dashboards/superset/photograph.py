"""``python -m tests.dashboards.superset.photograph DIRECTORY``: save screenshots of every dashboard.

If Superset does not run, it is started, and the dashboards are published.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tests.dashboards.superset.visitor import DASHBOARDS, VIEWPORT, visit
from tests.support.chromium import FLAGS, find_chromium
from trailhouse.flows.settings import load_settings

FIRST_SCREEN: ViewportSize = {"width": 1440, "height": 900}


def main() -> None:
    """Log in, open each dashboard, and save its first screen and its whole first tab."""
    directory = Path(sys.argv[1])
    settings = load_settings()
    command = [sys.executable, "-m", "trailhouse.cli.main", "dashboards", "start", "--json"]
    started = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    password = (settings.superset_directory / "admin.password").read_text().strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        with visit(browser, started["url"], "admin", password) as visitor:
            for slug in DASHBOARDS:
                visitor.page.set_viewport_size(VIEWPORT)
                visitor.open_dashboard(slug)
                visitor.take_screenshot(directory / f"dashboard_{slug}.png")
                visitor.page.set_viewport_size(FIRST_SCREEN)
                visitor.page.wait_for_timeout(1000)  # charts are drawn anew for the size of the window
                visitor.page.screenshot(path=directory / f"dashboard_{slug}_first_screen.png")
        browser.close()


if __name__ == "__main__":
    main()
