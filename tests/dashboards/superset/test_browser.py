"""The dashboards in headless Chromium, on the warehouse of the demonstration."""

import shlex

import pytest

from tests.dashboards.superset.visitor import CHART, DASHBOARDS, Visitor, visit
from tests.support.paths import ROOT

pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.slow

ARTIFACTS = ROOT / "test-artifacts" / "dashboards"
# Charts that have no rows if the audit found nothing, every checkpoint is done, no text was corrupted and no phases
# were measured: the published phases have no words.
EMPTY_WITHOUT_FAULTS = {
    "What did the audit find?",
    "What is not done?",
    "What to know about these evaluations",
    "Do larger models also like random tokens better?",
    "How does each kind of corruption raise perplexity?",
    "Which models agree about words?",
    "At which steps do models agree?",
    "Do seeds, sizes and architectures come closer with training?",
    "Is what a model forgets what n-grams predict?",
    "How far is the model ahead of n-grams?",
    "How probable do n-grams find these tokens?",
    "What do n-grams say of each category?",
}
UNTRUSTED_TOKENS = (
    "<script>window.wasAttacked=1</script>",
    "<img src=x onerror=window.wasAttacked=1>",
    "<svg/onload=window.wasAttacked=1>",
    "<iframe srcdoc='<script>parent.wasAttacked=1</script>'>",
    "{{constructor.constructor('window.wasAttacked=1')()}}",
    "{{{raw}}}",
    "[a](javascript:window.wasAttacked=1)",
    "<a href='javascript:window.wasAttacked=1'>b</a>",
    "**bold** _it_ `code`",
    "</span></div><b onmouseover=window.wasAttacked=1>x</b>",
    "&lt;script&gt;",
    "javascript:window.wasAttacked=1//",
    "<body onload=window.wasAttacked=1>",
    "<input autofocus onfocus=window.wasAttacked=1>",
    "<details open ontoggle=window.wasAttacked=1>",
    "<video><source onerror=window.wasAttacked=1></video>",
    "<audio src=x onerror=window.wasAttacked=1>",
    "<object data='javascript:window.wasAttacked=1'>",
    "<embed src='javascript:window.wasAttacked=1'>",
    "<form action='javascript:window.wasAttacked=1'><button>x</button></form>",
    "<base href='javascript:window.wasAttacked=1//'>",
    "<link rel=stylesheet href='javascript:window.wasAttacked=1'>",
    "<meta http-equiv=refresh content='0;url=javascript:window.wasAttacked=1'>",
    "<style>body{display:none}</style>",
    "<style>@import 'javascript:window.wasAttacked=1';</style>",
    "<div style='background:url(javascript:window.wasAttacked=1)'>x</div>",
    "<math><mtext><script>window.wasAttacked=1</script></mtext></math>",
    "<svg><animate onbegin=window.wasAttacked=1 attributeName=x></svg>",
    "<svg><script>window.wasAttacked=1</script></svg>",
    "<marquee onstart=window.wasAttacked=1>x</marquee>",
    "<textarea></textarea><script>window.wasAttacked=1</script>",
    "<title></title><img src=x onerror=window.wasAttacked=1>",
    "<!--><img src=x onerror=window.wasAttacked=1>-->",
    "<![CDATA[<script>window.wasAttacked=1</script>]]>",
    '"><script>window.wasAttacked=1</script>',
    "' onmouseover='window.wasAttacked=1",
    '" autofocus onfocus="window.wasAttacked=1',
    "<scr<script>ipt>window.wasAttacked=1</scr</script>ipt>",
    "<IMG SRC=x OnErRoR=window.wasAttacked=1>",
    "data:text/html,<script>window.wasAttacked=1</script>",
    "{{#with this}}{{lookup . 'constructor'}}{{/with}}",
    "{{> partial}}",
    "<%= window.wasAttacked=1 %>",
    "${window.wasAttacked=1}",
)


@pytest.fixture(scope="module")
def visitor(chromium, superset):
    with visit(chromium, superset.url, superset.user, superset.password) as opened:
        yield opened


@pytest.fixture(scope="module")
def slugs(superset):
    return {row["slug"]: row["id"] for row in superset.client().read_all("dashboard", "id,slug") if row["slug"]}


def assert_shows_data(visitor: Visitor, charts: dict[int, str]) -> None:
    """Check that every chart got rows without an error, and that the page shows no error message."""
    assert visitor.failures == []
    assert set(visitor.answers) == set(charts)
    for chart_id, results in visitor.answers.items():
        for result in results:
            assert result["error"] is None, charts[chart_id]
            assert result["rowcount"] > 0 or charts[chart_id] in EMPTY_WITHOUT_FAULTS, charts[chart_id]
    assert visitor.page.locator(".ant-alert-error, [data-test=error-message]").count() == 0
    for complaint in ("Unexpected error", "Data error", "Cannot read properties"):
        assert visitor.page.get_by_text(complaint).count() == 0, complaint


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_a_dashboard_opens_and_every_chart_shows_data(visitor, superset, slugs, slug):
    visitor.open_dashboard(slug)
    visitor.take_screenshot(ARTIFACTS / f"dashboard_{slug}.png")
    visitor.open_every_tab()
    rows = superset.client().read("dashboard", str(slugs[slug]), "charts")["result"]
    charts = {row["id"]: row["slice_name"] for row in rows}
    assert_shows_data(visitor, charts)
    cold = [charts[chart_id] for chart_id, (result,) in visitor.answers.items() if not result["is_cached"]]
    assert cold == [], "publishing ran the query of every chart as its dashboard sends it"


def test_the_first_screen_says_how_the_chosen_run_stands(visitor, workplace):
    """Whether the run is healthy and ahead at equal compute, and what its newest checkpoint changed."""
    ((model_id, perplexity, scored_count, change),) = workplace.query(
        "select model_id, perplexity, scored_count, newest_change from fct_model_standing"
        " order by newest_scored_at limit 1"  # the page opens with the model that was scored last
    )
    comparisons = workplace.query(
        f"select reference_model_id, perplexity_ratio from fct_model_comparison where model_id = '{model_id}'"
    )
    assert comparisons
    visitor.open_dashboard("overview")
    visitor.choose("Run", model_id)
    assert f"{scored_count} of {scored_count} checkpoints of {model_id} are scored" in visitor.read_template("status")
    gaps = visitor.read_template("gaps")
    for reference, ratio in comparisons:
        assert reference in gaps
        assert ratio is None or f"{float(f'{ratio:.3g}'):g}" in gaps
    facts = visitor.read_template("facts")
    assert change in facts
    assert f"{float(f'{perplexity:.4g}'):g}" in facts
    for name in ("status", "gaps", "facts"):
        box = visitor.page.locator(f".{name}:visible").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900


def test_links_lead_from_a_checkpoint_over_a_token_to_its_passage(visitor):
    visitor.open_dashboard("overview")
    visitor.page.get_by_role("tab", name="What each checkpoint changed").click()
    visitor.page.wait_for_timeout(500)
    visitor.wait_for_charts()
    link = visitor.page.locator(".tokens-in-context a:visible").first
    token = link.inner_text()
    visitor.answers.clear()
    link.click()
    visitor.page.wait_for_url("**/dashboard/inspector/**")
    visitor.wait_for_charts()
    assert token.strip() in visitor.read_chart("How does the model see this passage?")
    assert visitor.page.locator(".trailhouse-passage span").count() > 50


def test_the_inspector_names_its_document_and_the_command_that_writes_its_page(visitor, workplace):
    visitor.open_dashboard("inspector")
    place = visitor.read_template("place")
    ((name,),) = workplace.query("select document_name from dim_document where document_id = 0 limit 1")
    assert place.startswith(f"{name}, document 0 of ")
    program, *arguments = shlex.split(visitor.page.locator(".place code").inner_text())
    assert program == "trailhouse"
    result = workplace.run(*arguments)
    assert result.returncode == 0, result.stderr
    assert 'class="passage-viewer"' in (workplace.directory / "passage.html").read_text()


def test_every_model_has_its_colour_named_where_its_curve_is_drawn(visitor, workplace):
    names = [name for (name,) in workplace.query("select model_name from dim_scored_model order by parameter_count")]
    visitor.open_dashboard("inspector")
    assert visitor.page.locator(".bare.models:visible .model").all_inner_texts() == names
    visitor.open_dashboard("overview")
    visitor.page.get_by_role("tab", name="All models").click()
    visitor.page.wait_for_timeout(500)
    visitor.wait_for_charts()
    shown = visitor.page.locator(".bare.models:visible .model").all_inner_texts()
    assert [model_id.rpartition("/")[2] for model_id in shown] == names


def write_tokens(workplace, tokenizer_id: str, corpus_id: str, tokens: list[str]) -> None:
    """Replace the texts of the first tokens of document 0."""
    quoted = ", ".join("'" + token.replace("\\", "\\\\").replace("'", "\\'") + "'" for token in tokens)
    workplace.command(
        f"alter table raw_token update token_text = [{quoted}][position + 1] where document_id = 0"
        f" and position < {len(tokens)} and tokenizer_id = '{tokenizer_id}' and corpus_id = '{corpus_id}'"
        " settings mutations_sync = 2"
    )


@pytest.fixture
def untrusted_document(workplace):
    """While the test runs, the first tokens of document 0 are HTML and JavaScript, which the browser must not run."""
    ((tokenizer_id, corpus_id),) = workplace.query(
        "select distinct tokenizer_id, corpus_id from raw_token where corpus_id = 'python-docs-validation'"
    )
    rows = workplace.query(
        "select token_text from raw_token where document_id = 0"
        f" and tokenizer_id = '{tokenizer_id}' and corpus_id = '{corpus_id}' order by position"
    )
    write_tokens(workplace, tokenizer_id, corpus_id, list(UNTRUSTED_TOKENS))
    yield
    write_tokens(workplace, tokenizer_id, corpus_id, [row[0] for row in rows[: len(UNTRUSTED_TOKENS)]])


@pytest.mark.proves_reliability(
    table="Security", row="token text as XSS, in a browser", ci=40, release=40, count=len(UNTRUSTED_TOKENS)
)
def test_untrusted_token_text_is_shown_as_text(visitor, untrusted_document, superset):
    superset.forget_results()
    visitor.open_dashboard("inspector")
    visitor.take_screenshot(ARTIFACTS / "dashboard_inspector_untrusted.png")
    passage = visitor.read_chart("How does the model see this passage?")
    for token in UNTRUSTED_TOKENS:
        assert token in passage, token
    assert visitor.page.evaluate("window.wasAttacked") is None
    inside = visitor.page.locator(CHART)
    assert inside.locator("script, iframe, a[href^=javascript], [onerror], [onload], [onmouseover]").count() == 0
    superset.forget_results()


def test_a_stakeholder_sees_dashboards_and_no_way_to_anything_else(chromium, superset, slugs):
    user = superset.log_in("stakeholder")
    with visit(chromium, user.url, user.user, user.password) as stakeholder:
        stakeholder.open_dashboard("overview")
        stakeholder.take_screenshot(ARTIFACTS / "dashboard_overview_stakeholder.png")
        stakeholder.open_every_tab()
        rows = superset.client().read("dashboard", str(slugs["overview"]), "charts")["result"]
        assert_shows_data(stakeholder, {row["id"]: row["slice_name"] for row in rows})
        menu = stakeholder.page.locator(".ant-menu, nav, header").all_inner_texts()
        words = " ".join(menu)
        assert "Dashboards" in words
        for entry in ("SQL", "Charts", "Datasets"):
            assert entry not in words
        assert stakeholder.page.get_by_text("Edit dashboard").count() == 0
        for path in ("/sqllab/", "/chart/list/", "/tablemodelview/list/", "/explore/?slice_id=1"):
            stakeholder.page.goto(f"{superset.url}{path}")
            stakeholder.page.wait_for_load_state("networkidle")
            assert stakeholder.page.locator('.ace_editor, [data-test="slice-header"], .explore-container').count() == 0
