"""The documentation is built as a site, and the site shows what a code host shows."""

import re
import subprocess
import sys
import threading
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from markdown_it import MarkdownIt

from tests.documentation.pages import DOCS
from tests.support.chromium import open_chromium
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

COUNTED = {"table", "tr", "li", "pre", "code", "strong", "em", "img", "h1", "h2", "h3", "h4", "ul", "ol"}


class ShownPage(HTMLParser):
    """The words that HTML shows, and how many elements of each kind it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.counts[tag] += tag in COUNTED

    def handle_data(self, data: str) -> None:
        self.words += data.split()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return directory


def test_the_site_has_every_page_and_finds_words_of_them(site):
    pages = {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")}
    pages = pages - {"README.html"} | {"index.html"}
    assert {str(page.relative_to(site)) for page in site.rglob("*.html")} - {"404.html", "search.html"} == pages
    index = (site / "search" / "search_index.json").read_text()
    assert "fct_validation_perplexity_by_checkpoint" in index


def test_the_site_loads_nothing_from_the_network(site):
    pattern = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:|//)[^"]*"')
    loading = {page.name: pattern.findall(page.read_text()) for page in site.rglob("*.html")}
    assert {name: found for name, found in loading.items() if found} == {}


def test_the_search_of_the_site_finds_a_mart_and_asks_no_other_host(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    asked: list[str] = []
    try:
        with open_chromium() as browser:
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{address}index.html")
            page.locator("input.md-search__input").click()  # loads the index
            page.locator("input.md-search__input").press_sequentially("fct_trend_share_by_start")
            found = page.locator(".md-search-result__item a").first
            found.wait_for(state="attached", timeout=120_000)
            assert (found.get_attribute("href") or "").startswith((address, "reference/", "explanation/"))
    finally:
        server.shutdown()
        server.server_close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_has_the_same_words_lists_and_tables_as_on_a_code_host(page, site):
    on_host = ShownPage(MarkdownIt("commonmark").enable("table").render(page.read_text()))
    name = "index.html" if page == DOCS / "README.md" else str(page.relative_to(DOCS).with_suffix(".html"))
    built = (site / name).read_text()
    article = re.search(r"<article[^>]*>(.*)</article>", built, re.DOTALL)
    assert article is not None
    on_site = ShownPage(article.group(1))
    assert on_site.words == on_host.words
    assert on_site.counts == on_host.counts
