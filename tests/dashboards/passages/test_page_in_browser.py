"""The page of a passage in a real browser, opened from a file without network: slider, colours, curves, comparisons."""

import itertools
import re
from bisect import bisect_left, bisect_right

import numpy as np
import pytest

from tests.dashboards.passages.histories import make_history, make_reading
from trailhouse.dashboards.passages.passage_block import hash_for_policy, read_script, read_style, render_block
from trailhouse.dashboards.passages.passage_page import write_page

UNTRUSTED = (
    "<script>document.title='stolen'</script>",
    "<img src=x onerror=\"document.title='stolen'\">",
    "</span></p><svg onload=document.title='stolen'>",
    "</script><script>document.title='stolen'</script>",
    "<!--<script>",
    "'\"><b>bold</b>&lt;i&gt;",
    "<style>body{display:none}</style>",
    "<a href=\"javascript:document.title='stolen'\">x</a>",
    "{{constructor.constructor('document.title=1')()}}",
    "\u202egnp.exe\u2066",
)
TEXTS = ("The", " cat", " sät", " on", " the", " mat", ".\n", *UNTRUSTED)
PIECES = ("The c", "at s", "ät", " on", " ", "the m", "a", "t.\n", *UNTRUSTED)
SEQUENTIAL_EDGES = (-0.1, -0.5, -1, -2, -3, -5, -7, -10)
DIVERGING_EDGES = (-4, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 4)
SMALL = make_reading("s/small", TEXTS, [0, 10, 20, 40, 80, 160, 320, 640], seed=1)
LARGE = make_reading("s/large", TEXTS, [0, 16, 32, 64, 128, 256, 512], seed=2)
OTHER = make_reading("s/other", PIECES, [0, 5, 50, 500], tokenizer_id="u", seed=3)
BY_NAME = {"small": SMALL, "large": LARGE, "other": OTHER}
MINUS = "\u2212"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    written = tmp_path_factory.mktemp("page") / "passage.html"
    write_page(make_history(SMALL, LARGE, OTHER), written)
    return written


@pytest.fixture
def open_page(chromium, file):
    """Opens the page without network; at the end, nothing was requested but the page, and nothing failed."""
    opened = []

    def open_with(fragment: str = "", **settings):
        context = chromium.new_context(**settings)
        context.set_offline(True)
        page = context.new_page()
        page.requests, page.failures = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        page.on("console", lambda message: page.failures.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: page.failures.append(dialog.message))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector(".pane .token")
        opened.append(page)
        return page

    yield open_with
    for page in opened:
        assert page.failures == []
        assert [url.partition("#")[0] for url in page.requests] == [file.as_uri()]
        page.context.close()


def choose(page, label: str, text: str) -> None:
    page.locator(".choice", has=page.get_by_text(label, exact=True)).locator("select").select_option(label=text)


def move_to(page, checkpoint: int) -> None:
    page.locator("input[type=range]").fill(str(checkpoint))


def read_classes(page, pane: int = 0) -> list[str]:
    tokens = page.locator(".pane").nth(pane).locator(".token")
    return [name.split()[1] for name in tokens.evaluate_all("tokens => tokens.map(token => token.className)")]


def round_scores(reading) -> np.ndarray:
    return np.rint(reading.log_probs_nats.astype(float) * 100) / 100


def sequential_class(value: float) -> str:
    if np.isnan(value):
        return "seq-none"
    return f"seq-{len(SEQUENTIAL_EDGES) - bisect_right(sorted(SEQUENTIAL_EDGES), value)}"


def diverging_class(value: float) -> str:
    if np.isnan(value):
        return "div-none"
    value = round(value, 2)
    return f"div-{bisect_left(DIVERGING_EDGES, value) if value < 0 else bisect_right(DIVERGING_EDGES, value)}"


def test_the_slider_colours_every_token_by_its_log_probability(open_page):
    page = open_page()
    scores = round_scores(SMALL)
    for checkpoint in (7, 0, 3):
        move_to(page, checkpoint)
        assert read_classes(page) == [sequential_class(value) for value in scores[:, checkpoint]]
        step = SMALL.checkpoints[checkpoint].step
        assert page.locator(".pane .status").first.inner_text().startswith(f"step {step} · ")
    edges = [float(text.replace(MINUS, "-")) for text in page.locator(".legend .edge").all_inner_texts()]
    assert edges == list(SEQUENTIAL_EDGES)


def test_the_slider_obeys_the_keyboard_and_the_play_button_walks_to_the_end(open_page):
    page = open_page()
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    assert page.locator(".now").inner_text() == "step 0"
    page.keyboard.press("ArrowRight")
    assert page.locator(".now").inner_text() == "step 10"
    assert read_classes(page) == [sequential_class(value) for value in round_scores(SMALL)[:, 1]]
    assert page.locator("input[type=range]").get_attribute("aria-valuetext").startswith("step 10 · ")
    move_to(page, 6)
    page.locator("button.play").press("Enter")
    page.locator(".now", has_text="step 640").wait_for()
    page.locator("button.play", has_text="Play").wait_for()


def test_a_token_is_coloured_by_its_change_since_the_chosen_checkpoint(open_page):
    page = open_page()
    choose(page, "Colour by", "change since")
    choose(page, "Since step", "40")
    move_to(page, 6)
    scores = round_scores(SMALL)
    assert read_classes(page) == [diverging_class(value) for value in scores[:, 6] - scores[:, 3]]
    edges = [float(text.replace(MINUS, "-")) for text in page.locator(".legend .edge").all_inner_texts()]
    assert edges == list(DIVERGING_EDGES)


def test_a_trend_is_marked_by_underline_and_weight_and_counted_in_the_legend(open_page):
    page = open_page()
    choose(page, "Colour by", "trend over training")
    names = {None: "untested"}
    categories = [token.category for token in SMALL.passage.tokens]
    assert read_classes(page) == [names.get(category, category) for category in categories]
    styles = page.locator(".pane .token").evaluate_all(
        "tokens => tokens.map(token => {const s = getComputedStyle(token); return ["
        "s.textDecorationStyle + s.textDecorationLine, s.fontWeight, s.backgroundColor].join(' ')})"
    )
    assert len(set(styles)) == 4
    assert all(style.endswith("rgba(0, 0, 0, 0)") for style in styles)
    assert f"being forgotten {categories.count('upward')}" in page.locator(".legend").inner_text()


@pytest.mark.parametrize(("equal", "key"), [
    ("step", lambda checkpoint: checkpoint.step),
    ("tokens seen", lambda checkpoint: checkpoint.tokens_seen),
    ("perplexity", lambda checkpoint: np.log(checkpoint.perplexity)),
])  # fmt: skip
@pytest.mark.parametrize("names", [("small", "large"), ("large", "small"), ("small", "other")])
def test_two_models_are_compared_at_the_nearest_checkpoint(open_page, equal, key, names):
    """Every pair of checkpoints is tried. Models of different tokenizers are compared by bits per byte."""
    page = open_page()
    own, other = (BY_NAME[name] for name in names)
    if equal == "perplexity" and "other" in names:
        key = lambda checkpoint: checkpoint.bits_per_byte  # noqa: E731
    choose(page, "Model", names[0])
    choose(page, "Beside it", names[1])
    choose(page, "Compare at equal", equal)
    for index, checkpoint in enumerate(own.checkpoints):
        move_to(page, index)
        expected = min(other.checkpoints, key=lambda found: (abs(key(found) - key(checkpoint)), found.step))
        sentence = page.locator(".comparison").inner_text()
        assert re.findall(r"at step (\d+)", sentence) == [str(checkpoint.step), str(expected.step)], sentence
        column = other.checkpoints.index(expected)
        assert read_classes(page, 1) == [sequential_class(value) for value in round_scores(other)[:, column]]
        is_within = min(map(key, other.checkpoints)) <= key(checkpoint) <= max(map(key, other.checkpoints))
        assert ("no checkpoint on both sides" in sentence) != is_within


def align_directly(texts, others) -> list[list[int]]:
    """Return the piece of every token of either tokenizer, by comparing the sets of byte positions where tokens end."""
    ends = [list(itertools.accumulate(len(text.encode()) for text in tokens)) for tokens in (texts, others)]
    common = sorted(set(ends[0]) & set(ends[1]))
    return [[bisect_left(common, end) for end in of_tokens] for of_tokens in ends]


def test_the_difference_of_two_tokenizers_is_that_of_the_shortest_common_pieces(open_page):
    page = open_page()
    choose(page, "Beside it", "other")
    choose(page, "Colour by", "difference of two models")
    own_pieces, other_pieces = align_directly(TEXTS, PIECES)
    own, other = round_scores(SMALL), round_scores(OTHER)
    for checkpoint, matched in ((0, 0), (3, 2), (7, 3)):  # steps 0, 40 and 640 are nearest to 0, 50 and 500
        move_to(page, checkpoint)
        differences = np.bincount(own_pieces, own[:, checkpoint]) - np.bincount(other_pieces, other[:, matched])
        assert read_classes(page, 0) == [diverging_class(value) for value in differences[own_pieces]]
        assert read_classes(page, 1) == [diverging_class(value) for value in differences[other_pieces]]
    assert len(set(own_pieces)) < min(len(TEXTS), len(PIECES))
    page.locator(".pane").first.locator(".token").nth(4).hover()
    assert f"Difference: {differences[own_pieces[4]]:+.2f} nats".replace("-", MINUS) in read_details(page)


def read_details(page) -> str:
    return page.locator(".details").inner_text()


def test_a_token_shows_its_curve_in_every_model_with_the_current_checkpoint_marked(open_page):
    page = open_page()
    assert page.locator(".curves").count() == 0
    page.locator(".pane .token").nth(3).hover()
    move_to(page, 4)
    assert "token 3, bytes" in read_details(page)
    assert page.locator(".curves path").count() == 3
    assert page.locator(".curves circle").count() == 3
    value = f"{round_scores(SMALL)[3, 4]:.2f}".replace("-", MINUS)
    assert f"small, step 80: {value} nats" in read_details(page)
    value = f"{round_scores(LARGE)[3, 3]:.2f}".replace("-", MINUS)
    assert f"large, step 64: {value} nats" in read_details(page)  # 64 is nearer to 80 than 128 is
    before = page.locator(".curves circle").first.get_attribute("cx")
    move_to(page, 6)
    assert float(page.locator(".curves circle").first.get_attribute("cx")) > float(before)


def test_the_arrow_keys_move_from_token_to_token_and_enter_keeps_one(open_page):
    page = open_page()
    page.locator(".pane .token").nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "token 2, bytes 7 to 12" in read_details(page)
    page.keyboard.press("Enter")
    page.locator(".pane .token").nth(5).hover()
    assert "token 2," in read_details(page)
    page.keyboard.press("Escape")
    page.locator(".pane .token").nth(4).hover()
    assert "token 4," in read_details(page)
    assert page.locator(".pane .token[tabindex='0']").count() == 1
    page.keyboard.press("End")
    assert f"token {len(TEXTS) - 1}," in read_details(page)


def test_a_link_opens_the_page_at_a_token(open_page):
    page = open_page("#position=5")
    assert "token 5," in read_details(page)
    assert page.locator(".token[aria-selected='true']").inner_text().strip() == "mat"


def test_untrusted_texts_are_shown_as_texts_and_run_nothing(open_page):
    page = open_page()
    shown = page.locator(".pane .token").evaluate_all("tokens => tokens.map(token => token.textContent)")
    assert shown[-len(UNTRUSTED) : -1] == list(UNTRUSTED[:-1])
    assert shown[-1] == "\\u{202e}gnp.exe\\u{2066}"
    for index in range(len(TEXTS)):
        page.locator(".pane .token").nth(index).hover()
    assert page.title().startswith("a <b>name</b>")
    assert page.locator("img, iframe, a, b, i, script:not([type]) ~ script").count() == 0
    assert page.locator("body").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_every_colour(open_page, scheme):
    page = open_page(color_scheme=scheme)
    for colouring in ("log-probability", "change since"):
        choose(page, "Colour by", colouring)
        ink, paper, *colours = page.evaluate(
            "() => [getComputedStyle(document.querySelector('.passage-viewer')).color,"
            " getComputedStyle(document.querySelector('.passage-viewer')).backgroundColor,"
            " ...[...document.querySelectorAll('.patches li')].map(patch => getComputedStyle(patch).backgroundColor)]"
        )
        assert len(set(colours)) == len(colours) == (9 if colouring == "log-probability" else 11)
        for colour in (paper, *colours):
            ground = paper if colour == "rgba(0, 0, 0, 0)" else colour
            assert find_contrast(ink, ground) >= 4.5, (colouring, colour)


def find_contrast(first: str, second: str) -> float:
    """Return the contrast of two colours by WCAG 2.2."""

    def find_luminance(colour: str) -> float:
        channels = np.array([int(number) for number in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((find_luminance(first), find_luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page):
    page = open_page(viewport={"width": 390, "height": 844})
    choose(page, "Beside it", "other")
    choose(page, "Colour by", "difference of two models")
    page.locator(".pane .token").nth(8).click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".curves").bounding_box()["height"] > 80


def test_the_print_holds_the_chosen_state_without_controls(open_page):
    page = open_page(color_scheme="dark")
    choose(page, "Colour by", "change since")
    page.emulate_media(media="print")
    assert not page.locator("input[type=range]").is_visible()
    assert not page.locator("select").first.is_visible()
    assert page.locator(".legend").is_visible()
    assert "change since step 0" in page.locator(".pane .status").first.inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('.passage-viewer')).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_a_page_of_its_own_head_and_policy_can_hold_several_blocks(chromium, tmp_path):
    """The second block keeps fewer checkpoints, and says so."""
    blocks = [render_block(make_history(SMALL)), render_block(make_history(LARGE, OTHER), largest_bytes=200)]
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {hash_for_policy(read_script())}"
    file = tmp_path / "report.html"
    file.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
        f' content="{policy}"><title>report</title><style>{read_style()}</style></head><body>{"".join(blocks)}'
        f"<script>{read_script()}</script></body></html>",
        encoding="utf-8",
    )
    page = chromium.new_page()
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(file.as_uri())
    first, second = (page.locator(".passage-viewer").nth(index) for index in range(2))
    second.locator(".pane .token").first.wait_for()
    first.locator("input[type=range]").fill("2")
    assert first.locator(".now").inner_text() == "step 20"
    assert second.locator(".now").inner_text() == "step 512"
    assert first.locator(".note").count() == 0
    kept = int(second.locator("input[type=range]").get_attribute("max")) + 1
    assert kept < len(LARGE.checkpoints)
    note = f"it holds {kept} of {len(LARGE.checkpoints)} checkpoints of large"
    assert note in second.locator(".note").inner_text()
    last = [sequential_class(value) for value in round_scores(LARGE)[:, -1]]
    assert second.locator(".pane").first.locator(".token").evaluate_all("t => t.map(x => x.className)") == [
        f"token {name}" for name in last
    ]
    assert failures == []
    page.close()
