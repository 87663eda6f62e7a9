"""The report as Markdown: PNG files, and texts that Markdown does not take for markup."""

import re
from html import unescape

from markdown_it import MarkdownIt

from tests.dashboards.report.findings_of_suite import describe_token, make_answer, make_findings
from trailhouse.dashboards.report.model_card import render_model_card

UNTRUSTED = (
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "**bold** _it_ `code` ~~gone~~",
    "a | b | c",
    "www.example.org <b>",
    "&lt;b&gt; &amp;",
    "`` ` ``",
    "back\\slash \\* \\",
)


def test_every_chart_is_a_png_file_that_the_card_shows():
    card = render_model_card(make_findings(), "owls")
    shown = re.findall(r"!\[.*?\]\((.*?)\)", card.text)
    assert sorted(shown) == sorted(card.images)
    assert len(shown) == 5
    assert all(image.startswith(b"\x89PNG") and len(image) > 5000 for image in card.images.values())


def test_a_card_shows_untrusted_texts_as_texts():
    tokens = [describe_token(text, text, text) for text in UNTRUSTED]
    plain = make_findings(forgotten_tokens=make_answer("most_forgotten_tokens", [describe_token("a", "b", "c")] * 9))
    hostile = make_findings(
        forgotten_tokens=make_answer("most_forgotten_tokens", tokens, corpus_id=UNTRUSTED[7]), caveats=UNTRUSTED
    )
    html, reference = (
        MarkdownIt("gfm-like", {"linkify": False}).render(render_model_card(findings, "owls").text)
        for findings in (hostile, plain)
    )
    tags = set(re.findall(r"<(\w+)", html))
    assert tags == set(re.findall(r"<(\w+)", reference))
    assert "<a " not in html
    assert html.count("<img") == 5
    shown = [unescape(re.sub(r"<.*?>", "", item)) for item in re.findall(r"<li>(.*?)</li>", html, re.DOTALL)]
    assert shown[-len(UNTRUSTED) :] == list(UNTRUSTED)
