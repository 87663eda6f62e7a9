"""The page of a passage in a real browser: what is shown on hover, and that HTML in a document is shown as text."""

import shutil
from collections.abc import Iterator

import pytest

from trailhouse.dashboards.passages.passage import ModelSeries, Passage, PassageToken
from trailhouse.dashboards.passages.passage_page import write_page

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on this machine: apt-get install chromium"
)

SERIES = (ModelSeries("s/small", (0, 10, 20), (90.0, 8.0, 9.0)), ModelSeries("s/large", (0, 10, 20), (80.0, 6.0, 3.0)))
UNTRUSTED = (
    "<script>document.title='stolen'</script>",
    "<img src=x onerror=\"document.title='stolen'\">",
    "</span></p><svg onload=document.title='stolen'>",
    "'\"><b>bold</b>&lt;i&gt;",
    "<style>body{display:none}</style>",
    "<a href=\"javascript:document.title='stolen'\">x</a>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
    "{{constructor.constructor('document.title=1')()}}",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator:
    """A passage of ordinary and untrusted tokens, open in the system's Chromium."""
    texts = [("The", None), (" cat", "upward"), (" sat", "downward"), *((text, "upward") for text in UNTRUSTED)]
    tokens = tuple(
        PassageToken(position, text, category, 0.25, 0.01, SERIES) for position, (text, category) in enumerate(texts)
    )
    file = tmp_path_factory.mktemp("page") / "passage.html"
    write_page(Passage("books", 3, UNTRUSTED[0], "s/small", "paper", 10, tokens), file)
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        opened = browser.new_page()
        opened.requests, opened.dialogs = [], []
        opened.on("request", lambda request: opened.requests.append(request.url))
        opened.on("dialog", lambda dialog: opened.dialogs.append(dialog.message))
        opened.goto(file.as_uri())
        yield opened
        browser.close()


def test_a_token_shows_its_series_while_the_pointer_is_on_it_and_hides_it_after(page):
    token = page.locator(".token").nth(1)
    popup = token.locator(".popup")
    assert not popup.is_visible()
    token.hover(position={"x": 5, "y": 5})
    assert popup.is_visible()
    assert popup.locator("polyline").count() == 2
    assert popup.locator("polyline").first.bounding_box()["width"] > 100
    lines = popup.locator(".line").all_inner_texts()
    assert lines[0] == "position 1: upward"
    assert lines[2:] == ["s/small: 90 to 9", "s/large: 80 to 3"]
    page.mouse.move(0, 0)
    assert not popup.is_visible()


def test_a_token_shows_its_series_to_the_keyboard(page):
    token = page.locator(".token").nth(2)
    token.focus()
    assert token.locator(".popup").is_visible()


def test_the_colours_are_those_of_the_legend(page):
    colours = [
        page.locator(selector).first.evaluate("element => getComputedStyle(element).color")
        for selector in (".legend .upward", ".passage .upward", ".legend .downward", ".passage .downward")
    ]
    assert colours == ["rgb(213, 94, 0)"] * 2 + ["rgb(0, 158, 115)"] * 2


def test_untrusted_texts_are_shown_as_texts_and_run_nothing(page):
    shown = [
        page.locator(".token").nth(3 + index).evaluate("element => element.firstChild.textContent")
        for index in range(len(UNTRUSTED))
    ]
    assert shown == list(UNTRUSTED)
    assert page.title().startswith("books, document 3 (<script>")
    assert page.locator("script, img, iframe, a, b, i").count() == 0
    assert page.locator("body").is_visible()


def test_the_page_asks_for_nothing_but_itself(page):
    assert len(page.requests) == 1
    assert page.requests[0].startswith("file://")
    assert page.dialogs == []
