"""The report in a real browser without a network: charts, phone, dark page, keyboard, and hostile texts."""

from itertools import pairwise

import pytest

from tests.dashboards.passages.histories import make_history, make_reading
from tests.dashboards.report.findings_of_suite import (
    MODELS,
    describe_model,
    describe_token,
    list_accuracies,
    list_perplexities,
    make_answer,
    make_findings,
)
from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.report.page import Block, render_report
from trailhouse.dashboards.report.passage import make_passage

UNTRUSTED = (
    "<script>document.title='stolen'</script>",
    "<img src=x onerror=\"document.title='stolen'\">",
    "</script><svg onload=document.title='stolen'>",
    "</mark></p><style>body{display:none}</style>",
    "\u202egnp.exe",
)
CHARTS = ("perplexity", "perplexity-ratio", "flops-ratio", "forgetting", "tasks")


@pytest.fixture
def open_report(chromium, tmp_path):
    """Write a report to a file and open it without a network. The page notes requests and problems."""
    contexts = []

    def open_it(findings, *blocks, width=1440, height=900, scheme="light"):
        file = tmp_path / "report.html"
        file.write_text(render_report(findings, blocks), encoding="utf-8")
        contexts.append(
            chromium.new_context(
                offline=True, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
        )
        page = contexts[-1].new_page()
        page.problems, page.requests = [], []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("dialog", lambda dialog: page.problems.append(dialog.message))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_function(
            "document.querySelectorAll('figure svg').length === document.querySelectorAll('figure').length"
        )
        page.wait_for_function(
            "document.querySelectorAll('[data-zoom]').length === document.querySelectorAll('.zoom').length"
        )
        page.bytes = file.stat().st_size
        return page

    yield open_it
    for context in contexts:
        context.close()


def list_marks(page, chart: str, kind: str) -> int:
    return page.locator(f"figure[data-chart={chart}] svg .{kind}.role-mark > *").count()


def list_labels(page, chart: str) -> list[str]:
    return page.locator(f"figure[data-chart={chart}] svg .label_marks text").all_text_contents()


def list_strokes(page) -> list[str]:
    lines = page.locator("figure[data-chart=perplexity] svg .mark-line.role-mark path")
    return lines.evaluate_all("lines => lines.map(line => getComputedStyle(line).stroke)")


def to_rgb(color: str) -> str:
    return f"rgb({', '.join(str(part) for part in bytes.fromhex(color[1:]))})"


def test_every_chart_is_drawn_without_a_network_and_the_page_is_small(open_report):
    page = open_report(make_findings())
    figures = page.locator("figure").evaluate_all("figures => figures.map(figure => figure.dataset.chart)")
    assert tuple(figures) == CHARTS
    assert list_marks(page, "perplexity", "mark-line") == len(MODELS)
    assert list_marks(page, "forgetting", "mark-area") == len(MODELS)
    assert list_marks(page, "perplexity-ratio", "mark-symbol") == 2
    assert list_marks(page, "tasks", "mark-symbol") == 4
    assert page.problems == []
    assert [url.partition(":")[0] for url in page.requests] == ["file"]
    assert page.bytes < 5 * 2**20


def test_lines_have_the_colours_of_the_models_and_their_names_at_the_ends(open_report):
    findings = make_findings()
    page = open_report(findings)
    assert list_strokes(page) == [to_rgb(findings.model_colors[model_id]) for model_id in MODELS]
    assert sorted(list_labels(page, "perplexity")) == ["large", "medium", "small"]


def test_a_dark_page_has_other_shades_and_readable_labels(open_report):
    findings = make_findings()
    page = open_report(findings, scheme="dark")
    assert list_strokes(page) == [to_rgb(findings.dark_model_colors[model_id]) for model_id in MODELS]
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(21, 23, 27)"
    label = page.locator("figure[data-chart=perplexity] svg .label_marks text").first
    assert label.evaluate("label => getComputedStyle(label).fill") == "rgb(230, 231, 234)"
    light = [to_rgb(findings.model_colors[model_id]) for model_id in MODELS]
    page.emulate_media(media="print")
    assert list_strokes(page) == light, "paper is white"
    page.emulate_media(media="screen", color_scheme="light")
    assert list_strokes(page) == light
    assert page.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_to_the_side(open_report, scheme):
    page = open_report(make_findings(), width=390, height=844, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for box in page.locator("figure svg").evaluate_all("all => all.map(svg => svg.getBoundingClientRect().toJSON())"):
        assert 250 < box["width"] <= 390
        assert box["right"] <= 390
    assert page.locator(".facts strong").first.bounding_box()["y"] < 400


def test_twelve_models_of_up_to_1e24_flops_are_drawn_and_told_apart(open_report):
    models = {f"owls/model-{index}": 10 ** (index + 3) for index in range(1, 13)}
    colors = assign_model_colors([("owls", model_id) for model_id in models])
    answer = make_answer("validation_perplexity_by_step", list_perplexities(models, range(2_000, 302_000, 2_000)))
    page = open_report(
        make_findings(
            models=(make_answer("models_trained", [describe_model(*model) for model in models.items()]),),
            model_id="owls/model-12",
            perplexities=(answer,),
            equal_compute=make_answer("q", []),
            equal_perplexity=make_answer("q", []),
            task_accuracies=(make_answer("q", []),),
            trend_shares=make_answer("q", []),
            model_colors=colors,
            dark_model_colors=colors,
        )
    )
    assert max(row["train_flops_palm"] for row in answer.list_rows()) > 9e23
    assert len(list_labels(page, "perplexity")) == 12
    assert len(set(list_strokes(page))) == 12
    places = page.locator("figure svg .label_marks text").evaluate_all(
        "labels => labels.map(label => label.getBoundingClientRect().y).sort((a, b) => a - b)"
    )
    assert min(lower - upper for upper, lower in pairwise(places)) > 10
    assert page.problems == []
    assert page.bytes < 5 * 2**20


def test_a_chart_is_zoomed_and_moved_by_buttons_and_keys(open_report):
    page = open_report(make_findings())
    figure = page.locator("figure[data-chart=perplexity]")
    ticks = figure.locator("svg .role-axis-label text")
    whole = sorted(ticks.all_text_contents())
    figure.get_by_role("button", name="Zoom in").press("Enter")
    page.wait_for_timeout(100)
    zoomed = sorted(ticks.all_text_contents())
    assert zoomed != whole
    figure.locator(".plot").press("ArrowRight")
    page.wait_for_timeout(100)
    assert sorted(ticks.all_text_contents()) != zoomed
    figure.locator(".plot").press("0")
    page.wait_for_timeout(100)
    assert sorted(ticks.all_text_contents()) == whole
    assert page.problems == []


def test_the_point_under_the_pointer_shows_its_numbers(open_report):
    page = open_report(make_findings())
    point = page.locator("figure[data-chart=tasks] svg .mark-symbol.role-mark path").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "hoots" in tooltip.inner_text()
    assert "75" in tooltip.inner_text()


def test_a_sentence_opens_the_question_that_gives_it_by_the_keyboard(open_report):
    page = open_report(make_findings())
    source = page.locator("#standing .source").nth(2)
    assert not source.locator("code").is_visible()
    source.locator("summary").press("Enter")
    assert source.locator("code").inner_text() == "trailhouse ask perplexity_at_equal_compute --param suite_id=owls"


def test_every_chart_has_its_numbers_as_a_table(open_report):
    page = open_report(make_findings())
    assert page.locator("figure[data-chart=perplexity] .numbers tbody tr").count() == 9
    row = page.locator("figure[data-chart=perplexity] .numbers tbody tr").nth(2)
    assert row.locator("td").all_text_contents()[:4] == [
        "small",
        "1,000",
        "3.1\u00a0\u00d7\u00a010\u00b9\u00b2",
        "126.5",
    ]


def test_untrusted_texts_are_shown_as_texts_and_run_nothing(open_report):
    tokens = [describe_token(text, text, text) for text in UNTRUSTED]
    accuracies = list_accuracies("owls/large", UNTRUSTED)
    page = open_report(
        make_findings(
            suite_id=UNTRUSTED[0],
            suite_description=UNTRUSTED[1],
            corpus_id=UNTRUSTED[2],
            caveats=UNTRUSTED,
            forgotten_tokens=make_answer("most_forgotten_tokens", tokens, corpus_id=UNTRUSTED[2]),
            task_accuracies=(make_answer("tasks_by_accuracy", accuracies),),
        )
    )
    shown = page.locator(".tokens mark").all_inner_texts()
    assert shown == [*UNTRUSTED[:-1], "\\u{202e}gnp.exe"]
    assert page.locator("h1").inner_text() == UNTRUSTED[0]
    labels = page.locator("figure[data-chart=tasks] svg .role-axis-label text").all_text_contents()
    assert any(label.startswith("<script>") for label in labels)
    assert page.title().startswith(UNTRUSTED[0])
    assert page.locator("img, iframe, main script, main style").count() == 0
    assert page.locator("body").is_visible()
    assert page.problems == []


def test_a_block_of_another_page_runs_its_own_script(open_report):
    block = Block(
        "example",
        "A passage",
        '<p id="block">before</p>',
        script="document.getElementById('block').textContent = 'after';",
    )
    page = open_report(make_findings(), block)
    assert page.locator("#block").inner_text() == "after"
    titles = page.locator("h2").all_inner_texts()
    assert titles.index("A passage") == titles.index("What is being forgotten") + 1


def test_the_passage_of_the_report_is_learned_as_its_slider_moves(open_report):
    texts = ["The", " owl", " <b>hoots</b>", *(f" word{index}" for index in range(1, 1200))]
    models = [make_reading(name, texts, [0, 10, 100, 1000], seed=seed) for seed, name in enumerate(MODELS)]
    page = open_report(make_findings(), make_passage(make_findings(), make_history(*models)))
    page.wait_for_selector("#passage .pane .token")
    assert "12.5\u00a0% of 1,234, from 10 % of training on" in page.locator("#passage .sentence").first.inner_text()
    assert (
        "The page shows the first 1\u202f000 of 1\u202f202 tokens." in page.locator("#passage .note").all_inner_texts()
    )
    assert page.locator("nav a").all_inner_texts()[3] == page.locator("#passage > h2").inner_text()
    tokens = page.locator("#passage .pane .token")
    assert tokens.nth(2).inner_text() == " <b>hoots</b>"
    scores = models[0].log_probs_nats[1:4]
    edges = (-0.1, -0.5, -1, -2, -3, -5, -7, -10)
    for checkpoint in (3, 0):
        page.locator("#passage input[type=range]").fill(str(checkpoint))
        classes = tokens.evaluate_all("tokens => tokens.slice(1, 4).map(token => token.className)")
        expected = [sum(round(float(score), 2) < edge for edge in edges) for score in scores[:, checkpoint]]
        assert classes == [f"token seq-{shade}" for shade in expected]
    tokens.nth(1).click()
    assert page.locator("#passage .details .curves").is_visible()
    assert page.problems == []
    assert {url.partition(":")[0] for url in page.requests} == {"file"}
    assert page.bytes < 5 * 2**20


def test_the_passage_of_a_large_suite_leaves_the_report_below_five_megabytes(open_report):
    texts = [f" word{index}" for index in range(1000)]
    steps = range(0, 300_000, 2000)
    models = [make_reading(f"owls/model-{index}", texts, steps, seed=index) for index in range(12)]
    page = open_report(make_findings(), make_passage(make_findings(), make_history(*models)))
    page.wait_for_selector("#passage .pane .token")
    assert page.bytes < 5 * 2**20
    page.locator("#passage input[type=range]").fill("5")
    assert page.problems == []
