"""``report`` on the reduced demonstration: its numbers, its files, and its errors."""

import json
import re
import shlex
import shutil
from html import unescape

import pytest

from trailhouse.dashboards.report.page import render_report
from trailhouse.dashboards.report.sections import list_sections
from trailhouse.dashboards.report.sentences import Sentence
from trailhouse.flows.build_report import BuildReport
from trailhouse.flows.services.warehouse import resolve_reader_address
from trailhouse.flows.watch_checkpoints import Derivation, WatchReport, describe_watch, write_watched_reports
from trailhouse.flows.write_report import collect_findings, write_report
from trailhouse.warehouse.connection import connect

pytestmark = pytest.mark.slow
SUITE, CORPUS = "miniature-reduced", "python-docs-validation"
MODEL = f"{SUITE}/neox-large"


@pytest.fixture(scope="module")
def findings(demo, workplace):
    with connect(resolve_reader_address(workplace.settings)) as client:
        return collect_findings(client, workplace.settings, SUITE, SUITE, CORPUS)


@pytest.fixture(scope="module")
def ask(demo, workplace):
    """Run the command that a sentence names, and return its rows."""

    def run(command: str) -> list[dict]:
        program, *arguments = shlex.split(command)
        assert program == "trailhouse"
        result = workplace.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def list_numbers(text: str) -> list[float]:
    """Return all numbers of a sentence; those as powers of ten too."""
    superscripts = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    plain = text.replace("\u00a0", " ").replace("\u00d7", "x").replace(",", "")
    plain = re.sub(r" x 10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda found: "e" + found.group(1).translate(superscripts), plain)
    return [float(number) for number in re.findall(r"(?<![\w-])\d+(?:\.\d+)?(?:e-?\d+)?(?!\w)", plain)]


def find_sentence(findings, beginning: str) -> Sentence:
    sentences = [part for section in list_sections(findings) for part in section.parts if isinstance(part, Sentence)]
    return next(sentence for sentence in sentences if sentence.text.startswith(beginning))


def test_the_demonstration_writes_a_report_that_names_every_section(demo, workplace):
    page = (workplace.directory / demo["report"]).read_text()
    titles = [unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", page.partition("</main>")[0])]
    assert titles[0] == "What was trained"
    assert titles[-1] == "How it was measured"
    assert len(page) < 5 * 2**20
    assert page.count("<figure ") == 5


def test_the_perplexity_is_the_one_that_the_named_question_gives(findings, ask):
    sentence = find_sentence(findings, "At step")
    row = [row for row in ask(sentence.source.command) if row["model_id"] == MODEL][-1]
    expected = [row["step"], row["perplexity"], 95, row["perplexity_lower"], row["perplexity_upper"]]
    numbers = list_numbers(sentence.text.replace("95%", "95"))
    assert numbers == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("question", "column", "place"),
    [
        ("perplexity_at_equal_compute", "perplexity_ratio", "equal_train_flops"),
        ("compute_at_equal_perplexity", "flops_ratio", "equal_perplexity"),
    ],
)
def test_the_comparisons_are_those_that_the_named_questions_give(findings, ask, question, column, place):
    parts = [part for section in list_sections(findings) for part in section.parts if isinstance(part, Sentence)]
    asked = [sentence for sentence in parts if sentence.source is not None and sentence.source.question == question]
    rows = ask(asked[0].source.command)
    assert len(asked) == len(rows) > 0
    for sentence, row in zip(asked, rows, strict=True):
        numbers = list_numbers(sentence.text.replace("95%", "95"))
        assert numbers[0] == pytest.approx(row[place], rel=0.04), "two digits of FLOPs"
        expected = [row[column], 95, row[f"{column}_lower"], row[f"{column}_upper"]]
        assert numbers[1:] == pytest.approx(expected, rel=5e-3), sentence.text
        assert f" {row['reference_model_id'].partition('/')[2]}" in sentence.text


def test_the_share_of_forgotten_tokens_is_the_one_that_the_named_question_gives(findings, ask):
    sentence = find_sentence(findings, "From ")
    (row,) = [
        row
        for row in ask(sentence.source.command)
        if (row["model_id"], row["category"], row["start_percent"]) == (MODEL, "upward", findings.start_percent)
    ]
    numbers = list_numbers(sentence.text.replace("95%", "95"))
    expected = [row["start_percent"], row["token_percent"], 95, row["percent_lower"], row["percent_upper"]]
    assert numbers[:6] == pytest.approx([*expected, row["percent_after_permutation"]], abs=0.051)


def test_the_tasks_are_counted_as_the_named_question_gives_them(findings, ask):
    sentence = find_sentence(findings, "With 2 exemplars")
    rows = ask(sentence.source.command)
    above = sum(row["accuracy_lower"] > row["chance_accuracy_ratio"] for row in rows)
    assert f"above chance on {above} of {len(rows)} tasks" in sentence.text


def test_the_tokens_in_context_make_up_their_documents(findings, workplace):
    rows = findings.forgotten_tokens.list_rows()
    assert rows
    documents = dict(workplace.query(f"select document_id, text from raw_document where corpus_id = '{CORPUS}'"))
    for row in rows:
        assert row["text_before"] + row["token_text"] + row["text_after"] in documents[row["document_id"]]


def test_the_passage_is_that_of_which_the_largest_share_is_forgotten(demo, findings, workplace):
    counts = workplace.query(
        "select document_id, countIf(category = 'upward'), count() from int_token_trend_by_start"
        f" where model_id = '{MODEL}' and corpus_id = '{CORPUS}' and convention_id = 'paper'"
        f" and start_percent = {findings.start_percent} and category != 'undetermined' group by document_id"
    )
    shares = {document_id: upward / count for document_id, upward, count in counts if count >= 50}
    document_id = max(shares, key=lambda found: (shares[found], -found))
    page = unescape((workplace.directory / demo["report"]).read_text())
    assert f"document {document_id} of {CORPUS}. It was chosen because neox-large is forgetting" in page
    assert f"{100 * shares[document_id]:.1f}\u00a0% of " in page
    assert page.count('<section class="passage-viewer"') == 1


def test_every_question_of_the_report_runs_as_it_is_written(findings, ask):
    page = render_report(findings)
    commands = {unescape(command) for command in re.findall(r"<code>(trailhouse ask .*?)</code>", page)}
    assert len(commands) >= 9
    for command in commands:
        ask(command)


def test_a_suite_and_a_corpus_that_are_not_given_are_those_scored_last(demo, workplace):
    result = workplace.run("report", "--json")
    assert result.returncode == 0, result.stderr
    written = json.loads(result.stdout)
    ((suite_id, corpus_id),) = workplace.query(  # other tests score their own suites in the same warehouse
        "select suite_id, corpus_id from raw_score_ledger inner join raw_model using (model_id)"
        " order by scored_at desc limit 1"
    )
    assert (written["suite_id"], written["corpus_id"]) == (suite_id, corpus_id)
    assert written["files"] == [f"data/reports/{suite_id}.html"]


def test_a_model_card_has_its_pictures_beside_it(demo, workplace):
    out = workplace.directory / "cards" / "card.md"
    result = workplace.run("report", SUITE, "--markdown", "--out", str(out), "--json")
    assert result.returncode == 0, result.stderr
    shown = re.findall(r"!\[.*?\]\((.*?)\)", out.read_text())
    assert len(shown) == 5
    assert all((out.parent / name).read_bytes().startswith(b"\x89PNG") for name in shown)
    assert {file.name for file in out.parent.iterdir()} == {"card.md", *shown}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("nobody",), 3, "suite 'nobody' is scored on no corpus"),
        ((SUITE, "--corpus", "nothing"), 3, "nothing is scored on corpus 'nothing'"),
        ((SUITE, "--against", "nobody"), 3, "the marts have no suite 'nobody'"),
        ((SUITE, "--out", "."), 2, "is a directory"),
    ],
)
def test_what_is_not_there_is_named(demo, workplace, arguments, exit_code, message):
    result = workplace.run("report", *arguments)
    assert result.returncode == exit_code, result.stderr
    assert message in result.stderr


def test_the_standing_service_rewrites_the_report_after_it_derived_the_marts(demo, workplace):
    reports = workplace.settings.reports_directory
    shutil.rmtree(reports)
    nothing_new = write_watched_reports(Derivation(), [SUITE], [CORPUS], workplace.settings)
    assert nothing_new == Derivation()
    assert not reports.exists()
    marts = Derivation(BuildReport(1, 0, 0, 0.0))
    derivation = write_watched_reports(marts, [SUITE, "miniature"], [CORPUS], workplace.settings)
    assert derivation.error == ""
    assert [file.name for file in derivation.reports] == [f"{SUITE}.html"], "the other suite is not scored"
    assert f"{SUITE}.html" in describe_watch(WatchReport([], derivation))
    failed = write_watched_reports(marts, ["nobody"], [CORPUS], workplace.settings)
    assert "nobody" in failed.error


def test_a_report_is_written_whole_or_not_at_all(demo, workplace, monkeypatch):
    file = write_report(workplace.settings, SUITE).files[0]
    before = file.read_bytes()

    def fail(*_: object) -> str:
        raise RuntimeError("interrupted")

    monkeypatch.setattr("trailhouse.flows.write_report.render_report", fail)
    with pytest.raises(RuntimeError):
        write_report(workplace.settings, SUITE)
    assert file.read_bytes() == before
