"""``show-passage`` on the reduced demonstration."""

import json

import pytest

pytestmark = pytest.mark.slow

SHOW = ("show-passage", "--suite", "miniature-reduced", "--document", "3")


@pytest.fixture(scope="module")
def model(demo):
    return demo["trend_shares"][0]["model_id"]


def test_the_tokens_make_up_the_document(demo, model, workplace):
    result = workplace.run(*SHOW, "--model", model, "--json")
    assert result.returncode == 0, result.stderr
    passage = json.loads(result.stdout)
    ((text,),) = workplace.query("select text from raw_document where document_id = 3")
    assert "".join(token["text"] for token in passage["tokens"]) == text
    ((count,),) = workplace.query("select uniqExact(model_id) from raw_model where suite_id = 'miniature-reduced'")
    assert {len(token["series"]) for token in passage["tokens"][1:]} == {count}
    assert (passage["tokens"][0]["category"], passage["tokens"][0]["series"]) == (None, [])


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


def test_the_passage_is_printed_with_marks_and_written_as_a_page(demo, model, workplace):
    assert "{" in workplace.run(*SHOW, "--model", model, "--start", "0").stdout
    page = workplace.directory / "passage.html"
    assert workplace.run(*SHOW, "--model", model, "--html", str(page)).returncode == 0
    assert page.read_text().count("<polyline") > 100


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
