"""A report as one HTML file, which loads nothing and runs no script but its own.

Every text from the warehouse is escaped, and its control characters are made visible.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources

import vl_convert

from trailhouse.dashboards.report.charts import Chart
from trailhouse.dashboards.report.findings import Answer, Findings, Row
from trailhouse.dashboards.report.glance import list_facts
from trailhouse.dashboards.report.model_colours import name_variables, use_variables, write_model_variables
from trailhouse.dashboards.report.number_texts import write_number, write_power
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

BLOCKS_FOLLOW = "forgotten"
"""Name of the section that blocks follow."""


@dataclass(frozen=True)
class Block:
    """A section of the page that was made elsewhere, such as a passage, with its own style and script.

    ``name`` is the target of the link to the section.
    """

    name: str
    title: str
    html: str
    style: str = ""
    script: str = ""


def render_report(findings: Findings, blocks: Sequence[Block] = ()) -> str:
    """Return the report as HTML. ``blocks`` follow the section ``BLOCKS_FOLLOW``."""
    sections = list_sections(findings)
    charts = {chart.name: chart for section in sections for chart in section.charts}
    specs = {name: use_variables(chart.spec, findings) for name, chart in charts.items()}
    scripts = [bundle_script(), *(block.script for block in blocks if block.script)]
    styles = "\n".join(
        [write_model_variables(findings), read_packaged("report.css"), *(block.style for block in blocks)]
    )
    title = show(f"{findings.suite_id} on {findings.corpus_id}")
    parts = []
    for section in sections:
        parts.append(render_section(section, findings))
        if section.name == BLOCKS_FOLLOW:
            parts += [render_block(block) for block in blocks]
    code = "\n".join(f"<script>{script}</script>" for script in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{write_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{styles}</style>\n</head>\n<body>\n<main>\n"
        f"{render_head(findings)}\n{render_contents(sections, blocks)}\n" + "\n".join(parts) + "\n</main>\n"
        f'<script type="application/json" id="report-data">{escape_json(specs)}</script>\n{code}\n</body>\n</html>\n'
    )


@cache
def bundle_script() -> str:
    """Return Vega, Vega-Lite and the page's own script as one script without imports."""
    script = vl_convert.javascript_bundle(snippet=read_packaged("report.js"))
    assert "</script" not in script.lower(), "the script would end where it names its own tag"
    return script


def read_packaged(name: str) -> str:
    """Return the text of a file of this package."""
    return (resources.files("trailhouse") / "dashboards" / "report" / name).read_text(encoding="utf-8")


def write_policy(scripts: Sequence[str]) -> str:
    """Return the page's Content-Security-Policy, which allows only scripts with these texts."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}"


def escape_json(value: object) -> str:
    """Return a value as JSON that no HTML parser takes for markup."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def show(text: str) -> str:
    """Return a text that is safe in HTML, on one line, with control characters made visible."""
    return escape(make_visible(text).replace("\n", "⏎"), quote=True)


def render_head(findings: Findings) -> str:
    """Return the title of the report and the facts that a reader sees first."""
    facts = "".join(
        f'<div class="fact {fact.verdict}"><dt>{show(fact.title)}</dt>'
        f"<dd><strong>{show(fact.value)}</strong><span>{show(fact.detail)}</span></dd></div>"
        for fact in list_facts(findings)
    )
    description = f"<p>{show(findings.suite_description)}.</p>" if findings.suite_description else ""
    return (
        f'<header>\n<p class="kind">Trailhouse report</p>\n<h1>{show(findings.suite_id)}</h1>\n{description}\n'
        f'<p class="meta">Measured on {show(findings.corpus_id)}. Written {show(findings.written_at)} UTC by'
        f' Trailhouse {show(findings.version)}.</p>\n<dl class="facts">{facts}</dl>\n</header>'
    )


def render_contents(sections: Sequence[Section], blocks: Sequence[Block]) -> str:
    """Return links to the sections, in the order of the page."""
    shown: list[Section | Block] = []
    for section in sections:
        shown += [section, *blocks] if section.name == BLOCKS_FOLLOW else [section]
    links = "".join(f'<li><a href="#{part.name}">{show(part.title)}</a></li>' for part in shown)
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def render_block(block: Block) -> str:
    """Return a block as a section."""
    return f'<section id="{block.name}">\n<h2>{show(block.title)}</h2>\n{block.html}\n</section>'


def render_section(section: Section, findings: Findings) -> str:
    """Return one section as HTML."""
    parts = [
        f'<section id="{section.name}">\n<h2>{show(section.title)}</h2>',
        *(render_part(part, findings) for part in section.parts),
    ]
    return "\n".join([*parts, "</section>"])


def render_part(part: Part, findings: Findings) -> str:
    """Return one part of a section as HTML."""
    match part:
        case Sentence():
            return render_sentence(part)
        case Chart():
            return render_chart(part, findings)
        case Missing():
            return render_missing(part)
        case Tokens():
            return render_tokens(part.answer)
        case Table():
            return render_table(part.headings, part.rows)
        case Notes():
            items = "".join(f"<li>{show(text)}</li>" for text in part.texts)
            return f"<h3>What to keep in mind</h3>\n<ul>{items}</ul>"


def render_sentence(sentence: Sentence) -> str:
    """Return a sentence, followed by the question that gives its numbers."""
    source = "" if sentence.source is None else render_source(sentence.source)
    return f'<div class="sentence"><p>{show(sentence.text)}</p>{source}</div>'


def render_source(answer: Answer) -> str:
    """Return the question of an answer; the whole command is shown when it is opened."""
    return (
        f'<details class="source"><summary>{show(answer.question)}</summary>'
        f"<code>{show(answer.command)}</code></details>"
    )


def render_missing(missing: Missing) -> str:
    """Return a sentence on what is missing, with the command that makes it."""
    return f'<p class="missing">{show(missing.text)} <code>{show(missing.command)}</code></p>'


def render_chart(chart: Chart, findings: Findings) -> str:
    """Return the place of a chart, with its title, how to read it, and its numbers as a table."""
    fields = f' data-zoom="{" ".join(chart.zoomed_fields)}"' if chart.zoomed_fields else ""
    variables = name_variables(findings)
    legend = "".join(
        f'<li style="--color: var({variables[model_id]})">{show(findings.names[model_id])}</li>'
        for model_id in chart.legend
    )
    rows = [tuple(write_cell(row.get(column)) for column in chart.columns) for row in chart.numbers]
    table = render_table(tuple(column.replace("_", " ") for column in chart.columns), rows)
    return (
        f'<figure data-chart="{chart.name}"{fields}>\n<h3>{show(chart.title)}</h3>\n<p class="reading">'
        f"{show(chart.reading)}</p>\n"
        + (f'<ul class="legend">{legend}</ul>' if legend else "")
        + f'<div class="plot" role="group" aria-label="{show(chart.title)}"><p class="waiting">The chart needs'
        " JavaScript. Its numbers are in the table below.</p></div>\n"
        f'<details class="numbers"><summary>Numbers of this chart</summary>{table}</details>\n</figure>'
    )


def render_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that is scrolled to the side where the page is narrow."""
    head = "".join(f'<th scope="col">{show(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{show(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="Table: {show(", ".join(headings[:3]))}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def write_cell(value: object) -> str:
    """Return a value of a table as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return write_number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 10**9 else write_power(value)
    return str(value)


def render_tokens(answer: Answer) -> str:
    """Return the tokens with the text around them, and the rise of their perplexity."""
    items = "".join(render_token(row) for row in answer.list_rows())
    return (
        "<h3>The tokens whose perplexity rises most</h3>\n"
        f'<div class="sentence"><p class="reading">Each line is a place in the corpus, with the token marked and its'
        f" perplexity at the start of the trend and at the last checkpoint.</p>{render_source(answer)}</div>\n"
        f'<ol class="tokens">{items}</ol>'
    )


def render_token(row: Row) -> str:
    """Return one token in its context."""
    rise = f"{write_number(row['perplexity_at_start'])} → {write_number(row['perplexity_at_end'])}"
    place = f"document {row['document_id']}, position {row['position']}"
    return (
        f'<li><p class="context">{show(row["text_before"].lstrip(" "))}<mark>{show(row["token_text"])}</mark>'
        f'{show(row["text_after"])}</p><p class="rise"><b>{show(rise)}</b> {place}</p></li>'
    )
