"""This module judges generated texts, within the flow that generates them. Stored values are not computed again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import groupby

import numpy as np

from trailhouse.flows.pipeline.generation_plan import GenerationPlan, name_checkpoint
from trailhouse.flows.pipeline.pipeline import make_pipeline
from trailhouse.flows.pipeline.run_pipeline import run_pipeline
from trailhouse.flows.pipeline.run_report import report_run
from trailhouse.flows.pipeline.text_quality import JudgedTexts, TextQuality
from trailhouse.flows.pipeline.work import plan_work
from trailhouse.flows.services.warehouse import resolve_address
from trailhouse.flows.settings import Settings
from trailhouse.models.sequences.generated_corpus import WrittenText
from trailhouse.models.texts.spelled_text import spell_text
from trailhouse.models.texts.token_spans import TokenSpeller
from trailhouse.support.progress import report_note
from trailhouse.support.wording import count_of
from trailhouse.warehouse.connection import connect

# With fewer texts of either kind, the clusters of MAUVE are so small that its value is mostly chance.
LEAST_MAUVE_TEXTS = 50


def judge_texts(plan: GenerationPlan, texts: Sequence[WrittenText], settings: Settings) -> None:
    """Compute self-BLEU and MAUVE of each generation of a plan, and store them.

    MAUVE compares the texts with as many tokens of the documents that begin with the prompts. It is left out if there
    are fewer than ``LEAST_MAUVE_TEXTS`` texts or long enough documents, or if mauve-text is not installed.
    """
    if len(plan.prompts) < 2:
        return
    started_at = datetime.now(UTC)
    named = plan.features
    units = list_judged_texts(plan, texts)
    if units and not units[0].has_mauve:
        report_note(explain_missing_mauve(units[0]))
    kind = TextQuality(plan.scoring, name_checkpoint(named.checkpoint))
    address = resolve_address(settings)
    with connect(address) as client:
        missing = kind.list_missing(client, named.checkpoint, units)
    pipeline = make_pipeline(kind, address, {named.checkpoint.model_id: named.source}, settings, started_at)
    outcomes = run_pipeline([plan_work(named.checkpoint, missing)] if missing else [], pipeline)
    report_run(pipeline, outcomes, len(units) - len(missing))


def list_judged_texts(plan: GenerationPlan, texts: Sequence[WrittenText]) -> list[JudgedTexts]:
    """Return the texts of every generation, and the human texts that they are compared with."""
    length = plan.request.prompt_token_count + plan.request.new_token_count
    documents = (plan.prompt_corpus_token_ids[prompt.prompt_id] for prompt in plan.prompts)
    human = tuple(tokens[:length] for tokens in documents if len(tokens) >= length)
    is_enough = min(len(human), len(plan.prompts)) >= LEAST_MAUVE_TEXTS
    has_mauve = is_enough and find_spec("mauve") is not None
    speller = TokenSpeller(plan.tokenizer)
    return [
        JudgedTexts(
            key,
            members[0].configuration_name,
            tuple(spell_text(speller, text.new_token_ids).text for text in members),
            tuple(np.asarray([*text.prompt_token_ids, *text.new_token_ids], np.int32) for text in members),
            human,
            has_mauve,
        )
        for key, group in groupby(texts, lambda text: text.generation_key)
        if (members := list(group))
    ]


def explain_missing_mauve(judged: JudgedTexts) -> str:
    """Return a sentence that says why MAUVE is not computed."""
    generated, human = (count_of(len(texts), "text") for texts in (judged.texts, judged.human_token_ids))
    if min(len(judged.texts), len(judged.human_token_ids)) < LEAST_MAUVE_TEXTS:
        return (
            f"MAUVE is not computed: it needs {LEAST_MAUVE_TEXTS} of each, and there are {generated} by the models and"
            f" {human} by people of their length"
        )
    return "MAUVE is not computed: install trailhouse[mauve]"
