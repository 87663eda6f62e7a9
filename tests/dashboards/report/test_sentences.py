"""The sentences of a report: their numbers, what they judge, and what they say where something is missing."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.dashboards.report.findings_of_suite import MODELS, compare, list_shares, make_answer, make_findings
from trailhouse.dashboards.report.chart_parts import spread_labels
from trailhouse.dashboards.report.glance import list_facts
from trailhouse.dashboards.report.number_texts import write_count, write_number, write_power, write_ratio
from trailhouse.dashboards.report.sections import Missing, Section, list_sections
from trailhouse.dashboards.report.sentences import (
    Sentence,
    describe_audit,
    describe_equal_compute,
    describe_equal_perplexity,
    describe_forgetting,
    describe_perplexity,
)


def list_texts(sentences) -> list[str]:
    return [sentence.text.replace("\u00a0", " ").replace("\u00d7", "x") for sentence in sentences]


def list_missing(section: Section) -> list[str]:
    return [part.command for part in section.parts if isinstance(part, Missing)]


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (write_number, 74.95077, "74.95"),
        (write_number, 134_658.9, "134,659"),
        (write_number, 0.0123456, "0.01235"),
        (write_number, 0, "0"),
        (write_number, 9.16e22, "9.2 x 10²²"),
        (write_power, 6.9788e11, "7.0 x 10¹¹"),
        (write_count, 156_544, "156,544"),
        (write_count, 2_121_408, "2.12 million"),
        (write_count, 175e9, "175 billion"),
        (write_count, 6.3e15, "6,300 trillion"),
        (write_ratio, 3.57006, "3.57"),
        (write_ratio, 0.99834, "0.9983"),
        (write_ratio, 1.0, "1.00"),
    ],
)
def test_numbers_are_written_as_people_write_them(write, value, text):
    assert write(value).replace("\u00a0", " ").replace("\u00d7", "x") == text


def test_a_ratio_has_the_decimals_that_its_interval_is_precise_to():
    assert write_ratio(0.9998349, 0.9997484, 0.9999240) == "0.99983"
    assert write_ratio(2.151166, 2.070011, 2.256006) == "2.15"


def test_a_model_is_ahead_only_if_the_interval_lies_below_one():
    assert list_texts(describe_equal_compute(make_findings())) == [
        "At 3.1 x 10¹³ FLOPs, the most that both have reached, large has 0.80 (95% interval 0.75 to 0.85) times the"
        " perplexity of medium: large is ahead.",
        "At 3.1 x 10¹³ FLOPs, the most that both have reached, large has 1.10 (95% interval 0.90 to 1.20) times the"
        " perplexity of small: the difference is not significant.",
    ]
    assert list_texts(describe_equal_perplexity(make_findings()))[0].endswith("(95% interval 3.00 to 3.50) times the"
        " compute of medium: large took more.")  # fmt: skip


def test_a_missing_interval_is_said():
    row = compare("owls/small", perplexity_ratio=(0.8, 0.7, 0.9))
    row |= {"perplexity_ratio_lower": None, "perplexity_ratio_upper": None}
    (text,) = list_texts(describe_equal_compute(make_findings(equal_compute=make_answer("q", [row]))))
    assert "0.80 times the perplexity of small: there are too few documents to say" in text


def test_the_last_checkpoint_is_compared_with_the_one_before():
    texts = list_texts(describe_perplexity(make_findings()))
    assert texts[0] == "At step 1,000, large has a perplexity of 42.16 (95% interval 40.06 to 44.27) on books."
    assert texts[1] == (
        "The newest checkpoint has 0.99840 (95% interval 0.99810 to 0.99880) times the perplexity of the one before,"
        " step 100: it is better."
    )


def test_forgetting_stands_beside_what_chance_gives():
    (text,) = list_texts(describe_forgetting(make_findings()))
    assert "5.5 % of the tokens rises significantly (95% interval 4.0 % to 9.0 %)" in text
    assert "If the checkpoints are permuted, it is 1.5 %." in text


def test_an_audit_that_never_ran_is_not_reported_as_clean():
    clean, unaudited = make_findings(), make_findings(is_audited=False)
    assert "The audit found nothing wrong with any checkpoint." in list_texts(describe_audit(clean))
    assert not any("nothing wrong" in text for text in list_texts(describe_audit(unaudited)))
    assert [fact.verdict for fact in list_facts(clean)] == ["", "good", "", "good"]
    assert list_facts(unaudited)[-1].detail == "checkpoints scored, not audited yet"
    (section,) = [section for section in list_sections(unaudited) if section.name == "audit"]
    assert list_missing(section) == ["trailhouse audit owls && trailhouse transform"]


def test_a_wrong_checkpoint_is_counted_once_and_listed():
    row = {"model_id": "owls/small", "step": 10, "message": "weights are not finite"}
    wrong = make_answer("w", [{**row, "check_name": "values"}, {**row, "check_name": "perplexity"}])
    findings = make_findings(wrong_checkpoints=wrong)
    assert "The audit found something wrong with 1 checkpoint." in list_texts(describe_audit(findings))
    assert list_facts(findings)[-1].verdict == "bad"


def test_a_missing_part_is_a_sentence_with_the_command_that_makes_it_and_no_chart():
    nothing = make_answer("nothing", [])
    findings = make_findings(
        equal_compute=nothing,
        equal_perplexity=nothing,
        newest_checkpoint=nothing,
        trend_shares=nothing,
        forgotten_tokens=nothing,
        task_accuracies=(nothing,),
        provenance=nothing,
        caveats=(),
    )
    sections = {section.name: section for section in list_sections(findings)}
    assert list_missing(sections["standing"]) == ["trailhouse score OTHER_SUITE --corpus books"]
    assert list_missing(sections["forgotten"]) == ["trailhouse score owls --corpus books && trailhouse transform"]
    assert list_missing(sections["tasks"]) == ["trailhouse evaluate owls && trailhouse transform"]
    charts = [chart.name for section in sections.values() for chart in section.charts]
    assert charts == ["perplexity"]


def test_every_sentence_with_a_result_names_its_question():
    sections = list_sections(make_findings())
    results = [part for section in sections[:5] for part in section.parts if isinstance(part, Sentence)]
    assert len(results) >= 10
    assert all(sentence.source is not None for sentence in results)


def test_models_of_two_suites_with_one_name_keep_the_suites_before_it():
    findings = make_findings()
    assert list(findings.names.values()) == ["small", "medium", "large"]
    row = findings.models[0].list_rows()[0] | {"model_id": "gulls/small"}
    both = replace(findings, models=(*findings.models, make_answer("models_trained", [row])))
    assert list(both.names.values()) == [*MODELS, "gulls/small"]


def test_a_start_without_enough_checkpoints_is_said():
    shares = [row | {"has_few_points": True} for row in list_shares()]
    (text,) = list_texts(describe_forgetting(make_findings(trend_shares=make_answer("t", shares))))
    assert text.endswith("The trend has fewer than five checkpoints.")


def test_labels_of_lines_keep_their_order_and_a_distance():
    values = {"a": 3.0, "b": 3.1, "c": 3.05, "d": 9.0}
    places = spread_labels(values, 0, 10, 0.05, is_log=False)
    assert sorted(places, key=places.get) == ["a", "c", "b", "d"]
    heights = sorted(places.values())
    assert min(high - low for low, high in pairwise(heights)) == pytest.approx(0.5)
    assert (places["a"], places["d"]) == (3.0, 9.0)
