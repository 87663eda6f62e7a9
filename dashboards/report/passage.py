"""The passage of a report: the document of which the model forgets most, as a page part with a slider."""

from __future__ import annotations

from trailhouse.dashboards.passages.passage_block import read_script, read_style
from trailhouse.dashboards.passages.passage_block import render_block as render_passage
from trailhouse.dashboards.passages.passage_history import PassageHistory
from trailhouse.dashboards.report.findings import Findings
from trailhouse.dashboards.report.number_texts import write_percent
from trailhouse.dashboards.report.page import Block, render_sentence
from trailhouse.dashboards.report.sentences import Sentence

LARGEST_BYTES = 2_000_000
"""Largest size of the log-probabilities, which leaves a report below 5 MB."""
MOST_TOKENS = 1_000
"""Number of tokens after which the document is cut, so that the passage stays a part of the report."""


def make_passage(findings: Findings, history: PassageHistory) -> Block:
    """Return the passage of ``findings.most_forgotten_document`` as a block of the report."""
    sentences = (
        describe_choice(findings),
        Sentence(
            "Move the slider, or press Play, to see how probable each token is at every checkpoint. Point at a token"
            " to see its curve in every model."
        ),
    )
    text = "".join(render_sentence(sentence) for sentence in sentences)
    passage = render_passage(history, largest_bytes=LARGEST_BYTES, most_tokens=MOST_TOKENS)
    return Block("passage", "How it learned one passage", text + passage, read_style(), read_script())


def describe_choice(findings: Findings) -> Sentence:
    """Say which document is shown, and by which rule it was chosen."""
    answer = findings.most_forgotten_document
    (row,) = answer.list_rows()
    return Sentence(
        f"This is {row['document_name']}, document {row['document_id']} of {findings.corpus_id}. It was chosen because"
        f" {findings.names[findings.model_id]} is forgetting the largest share of its tokens,"
        f" {write_percent(row['upward_percent'])} of {row['token_count']:,}, from {findings.start_percent} % of"
        " training on. Documents of fewer than 50 tokens are left out.",
        answer,
    )
