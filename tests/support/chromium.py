"""Headless Chromium, which opens pages as a reader's browser does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start the browser for a test. The test is skipped if the browser or its driver is not installed."""
    driver = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
    executable = find_chromium()
    if executable is None:
        pytest.skip("Chromium is not installed: make test installs it")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


def find_chromium() -> str | None:
    """Return the path of the browser; None if it is not installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)
