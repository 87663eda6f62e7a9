"""A report as a model card: Markdown text, with its charts as PNG files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import vl_convert

from trailhouse.dashboards.report.charts import Chart
from trailhouse.dashboards.report.findings import Answer, Findings
from trailhouse.dashboards.report.glance import list_facts
from trailhouse.dashboards.report.number_texts import write_number
from trailhouse.dashboards.report.sections import (
    Missing,
    Notes,
    Part,
    Section,
    Table,
    Tokens,
    list_sections,
)
from trailhouse.dashboards.report.sentences import Sentence
from trailhouse.support.visible_text import make_visible

WIDTH, SCALE = 760, 2  # pixels of a chart, and pixels of the PNG file for each of them
MARKUP = re.compile(r"([\\`*_\[\]<>#|&~!$:@])|(?<=www)(\.)")


@dataclass(frozen=True)
class ModelCard:
    """The text of a model card, and the PNG files that it shows, by name."""

    text: str
    images: Mapping[str, bytes]


def render_model_card(findings: Findings, stem: str) -> ModelCard:
    """Return the model card. The names of its PNG files begin with ``stem``."""
    sections = list_sections(findings)
    images = {f"{stem}_{chart.name}.png": draw_chart(chart) for section in sections for chart in section.charts}
    facts = [f"- {show(fact.title)}: **{show(fact.value)}** {show(fact.detail)}" for fact in list_facts(findings)]
    head = [
        f"# {show(findings.suite_id)}",
        f"{show(findings.suite_description)}." if findings.suite_description else "",
    ]
    about = f"Measured on {show(findings.corpus_id)}. Written {show(findings.written_at)} UTC by Trailhouse."
    parts = [*head, about, "\n".join(facts), *(render_section(section, stem) for section in sections)]
    return ModelCard("\n\n".join(part for part in parts if part) + "\n", images)


def draw_chart(chart: Chart) -> bytes:
    """Return a chart as PNG on white."""
    spec = {**chart.spec, "width": WIDTH, "background": "white"}
    image: bytes = vl_convert.vegalite_to_png(spec, scale=SCALE)
    return image


def render_section(section: Section, stem: str) -> str:
    """Return one section as Markdown."""
    return "\n\n".join([f"## {show(section.title)}", *(render_part(part, stem) for part in section.parts)])


def render_part(part: Part, stem: str) -> str:
    """Return one part of a section as Markdown."""
    match part:
        case Sentence():
            source = "" if part.source is None else f"  \n{write_code(part.source.command)}"
            return f"{show(part.text)}{source}"
        case Chart():
            return f"![{show(part.title)}]({stem}_{part.name}.png)\n\n{show(part.reading)}"
        case Missing():
            return f"{show(part.text)}  \n{write_code(part.command)}"
        case Tokens():
            return render_tokens(part.answer)
        case Table():
            return render_table([part.headings, *part.rows])
        case Notes():
            return "\n".join(f"- {show(text)}" for text in part.texts)


def render_tokens(answer: Answer) -> str:
    """Return the tokens with the text around them as a table."""
    rows = [
        (
            f"{show(row['text_before'])}**[**{show(row['token_text'])}**]**{show(row['text_after'])}",
            f"{write_number(row['perplexity_at_start'])} → {write_number(row['perplexity_at_end'])}",
        )
        for row in answer.list_rows()
    ]
    lines = ["| token in its context | perplexity |", "|---|---|", *(f"| {text} | {rise} |" for text, rise in rows)]
    return "\n".join([*lines, "", write_code(answer.command)])


def render_table(table: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row holds the headings."""
    rows = [f"| {' | '.join(show(cell) for cell in row)} |" for row in table]
    return "\n".join([rows[0], "|" + "---|" * len(table[0]), *rows[1:]])


def show(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, with control characters made visible."""
    return MARKUP.sub(lambda found: "\\" + found.group(), make_visible(text).replace("\n", "⏎"))


def write_code(text: str) -> str:
    """Return a text as code, between more backticks than it holds one after the other."""
    visible = make_visible(text).replace("\n", "⏎")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", visible)), default=0))
    return f"{fence} {visible} {fence}" if len(fence) > 1 else f"`{visible}`"
