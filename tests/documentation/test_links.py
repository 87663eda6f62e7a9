"""The links of the documentation lead somewhere, also where the pages are read as files on a code host."""

import os
import subprocess

import pytest

from tests.documentation.pages import list_anchors, list_links, list_pages
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def published_paths() -> set[str]:
    """Files in git, or to be added to it, and their folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    folders = {folder for file in files for folder in ancestors(file)}
    return {*files, *folders}


def ancestors(file):
    while file := os.path.dirname(file):
        yield file


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_of_a_page_resolves(page, published_paths):
    missing = []
    for link in list_links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or str(target.relative_to(ROOT)) not in published_paths:
            missing.append(f"{link}: there is no such file")
        elif anchor and anchor not in list_anchors(target):
            missing.append(f"{link}: there is no such heading")
    assert missing == []


def test_a_missing_heading_is_noticed():
    anchors = list_anchors(ROOT / "docs" / "explanation" / "statistics.md")
    assert "trends-and-chance" in anchors
    assert "trends-and-change" not in anchors


def test_every_page_of_the_documentation_is_reached_from_its_first_page():
    first = ROOT / "docs" / "README.md"
    seen, waiting = {first}, [first]
    while waiting:
        page = waiting.pop()
        paths = [link.partition("#")[0] for link in list_links(page) if not link.startswith("http")]
        linked = {(page.parent / path).resolve() for path in paths if path.endswith(".md")}
        waiting += linked - seen
        seen |= linked
    assert [str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md") if page not in seen] == []
