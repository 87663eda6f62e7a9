"""``python -m tests.dashboards.passages.photograph DIRECTORY``: save a screenshot of the page of a passage."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.chromium import FLAGS, find_chromium

DOCUMENT, MODEL, REFERENCE = "3", "neox-large", "neox-small"
CHECKPOINT, TOKEN = "10", " must"  # a checkpoint in the middle of the training, and a token whose curves part


def main() -> None:
    """Write the page of a passage of the demonstration, compare two models at equal perplexity, and photograph it."""
    directory = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        page_file = Path(place) / "passage.html"
        command = [sys.executable, "-m", "trailhouse.cli.main", "show-passage", "--html", str(page_file)]
        subprocess.run([*command, "--document", DOCUMENT, "--model", MODEL], check=True)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(page_file.as_uri())
        page.get_by_label("Beside it").select_option(label=REFERENCE)
        page.get_by_label("Colour by").select_option(label="difference of two models")
        page.get_by_label("Compare at equal").select_option(label="perplexity")
        page.get_by_label("Checkpoint").fill(CHECKPOINT)
        page.locator(".pane .token", has_text=TOKEN).first.click()
        page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        page.screenshot(path=directory / "passage_page.png")
        browser.close()


if __name__ == "__main__":
    main()
