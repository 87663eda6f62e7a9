"""The worked queries of the page `Ask in SQL` run on the warehouse of the demonstration, and find something."""

import json
import re

import pytest

from tests.documentation.pages import DOCS, list_code_blocks

pytestmark = pytest.mark.slow

QUERIES = [block.text for block in list_code_blocks(DOCS / "how_to" / "ask_in_sql.md", "sql")]


def test_the_page_has_the_twenty_queries_that_it_announces():
    text = (DOCS / "how_to" / "ask_in_sql.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", text, re.MULTILINE)]
    assert numbers == list(range(1, 21))
    assert len(QUERIES) == len(numbers)


@pytest.mark.parametrize("index", range(len(QUERIES)), ids=lambda index: f"query {index + 1}")
def test_a_worked_query_finds_rows(demo, workplace, index):
    query = QUERIES[index].replace("'miniature", "'miniature-reduced")  # the suite that the tests have trained
    result = workplace.run("sql", query, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout), query


def test_the_perplexity_of_the_raw_scores_is_that_of_the_mart(demo, workplace):
    of_mart, of_scores = (
        {row["step"]: row["perplexity"] for row in json.loads(workplace.run("sql", query, "--json").stdout)}
        for query in (query.replace("'miniature", "'miniature-reduced") for query in QUERIES[4:6])
    )
    assert of_mart == pytest.approx(of_scores, rel=1e-6)
