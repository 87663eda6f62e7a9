"""``show-passage`` on the reduced demonstration."""

import json

import pytest

from tests.support.chromium import open_chromium

pytestmark = pytest.mark.slow

SHOW = ("show-passage", "--suite", "miniature-reduced", "--document", "3")


@pytest.fixture(scope="module")
def model(demo):
    return demo["trend_shares"][0]["model_id"]


def test_the_tokens_make_up_the_document(demo, model, workplace):
    result = workplace.run(*SHOW, "--model", model, "--json")
    assert result.returncode == 0, result.stderr
    passage = json.loads(result.stdout)
    ((text,),) = workplace.query("select text from raw_document where document_id = 3 and kind = 'human'")
    assert "".join(token["text"] for token in passage["tokens"]) == text
    ((count,),) = workplace.query("select uniqExact(model_id) from raw_model where suite_id = 'miniature-reduced'")
    assert len(passage["models"]) == count
    assert all(len(found["tokens"]) == len(passage["tokens"]) for found in passage["models"])
    assert passage["tokens"][0]["category"] is None


def test_the_categories_are_those_of_the_trends(demo, model, workplace):
    passage = json.loads(workplace.run(*SHOW, "--model", model, "--start", "50", "--json").stdout)
    expected = dict(
        workplace.query(
            "select position, category from int_token_trend_by_start where convention_id = 'paper'"
            f" and model_id = '{model}' and start_percent = 50 and document_id = 3"
        )
    )
    found = {token["position"]: token["category"] for token in passage["tokens"] if token["category"]}
    assert found == expected
    assert sum(passage["categories"].values()) == len(passage["tokens"])


def test_the_passage_is_printed_with_marks(demo, model, workplace):
    assert "{" in workplace.run(*SHOW, "--model", model, "--start", "0").stdout


def test_the_page_has_the_colours_that_the_marts_say(demo, model, workplace):
    file = workplace.directory / "passage.html"
    assert workplace.run(*SHOW, "--model", model, "--html", str(file)).returncode == 0
    rows = workplace.query(
        "select position, step, toFloat64(log_prob_nats) from fct_passage_series"
        " array join steps as step, log_prob_nats as log_prob_nats"
        f" where model_id = '{model}' and document_id = 3 and corpus_id = 'python-docs-validation'"
        " order by step, position"
    )
    with open_chromium() as browser:
        page = browser.new_page()
        page.goto(file.as_uri())
        page.wait_for_selector(".pane .token")
        edges = [float(text.replace("\u2212", "-")) for text in page.locator(".legend .edge").all_inner_texts()]
        for index, step in enumerate(sorted({row[1] for row in rows})):
            page.locator("input[type=range]").fill(str(index))
            tokens = page.locator(".pane").first.locator(".token")
            classes = tokens.evaluate_all("tokens => tokens.map(token => token.className)")
            for position, _, score in (row for row in rows if row[1] == step):
                rounded = round(score * 100) / 100
                bins = {sum(value < edge for edge in edges) for value in (rounded, score - 0.005, score + 0.005)}
                assert classes[position] in {f"token seq-{found}" for found in bins}, (position, step)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--model", "nobody"), 3, "knows no model|know no model"),
        (("--document", "no such"), 3, "has no document"),
        (("--start", "15"), 3, "no trends"),
        (("--convention", "guess"), 2, "no convention"),
        (("--corpus", "nothing"), 3, "no document"),
    ],
)
def test_what_is_not_there_is_named(demo, model, workplace, arguments, exit_code, message):
    result = workplace.run(*SHOW, "--model", model, *arguments)
    assert result.returncode == exit_code
    assert any(part in result.stderr for part in message.split("|")), result.stderr
