"""Findings about a suite that does not exist, for tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.report.findings import Answer, Findings
from trailhouse.dashboards.report.model_colours import assign_dark_colors

SUITE, CORPUS = "owls", "books"
MODELS = {"owls/small": 1_000_000, "owls/medium": 10_000_000, "owls/large": 2_000_000_000}
STEPS = (10, 100, 1000)


def make_answer(question: str, rows: list[dict], **parameters: str) -> Answer:
    """Return the answer of a question about the suite."""
    return Answer(question, {"suite_id": SUITE, **parameters}, pa.Table.from_pylist(rows))


def make_findings(**changes: object) -> Findings:
    """Return findings with every part. ``changes`` replace fields."""
    sizes = [(SUITE, model_id) for model_id in MODELS]
    findings = Findings(
        suite_id=SUITE,
        suite_description="Models of owls",
        corpus_id=CORPUS,
        corpus_description="Books about owls",
        document_count=40,
        model_id="owls/large",
        reference_suite_id=SUITE,
        model_colors=assign_model_colors(sizes),
        dark_model_colors=assign_dark_colors(sizes),
        models=(make_answer("models_trained", [describe_model(*model) for model in MODELS.items()]),),
        perplexities=(make_answer("validation_perplexity_by_step", list_perplexities(), corpus_id=CORPUS),),
        equal_compute=make_answer(
            "perplexity_at_equal_compute",
            [
                compare("owls/medium", perplexity_ratio=(0.8, 0.75, 0.85)),
                compare("owls/small", perplexity_ratio=(1.1, 0.9, 1.2)),
            ],
        ),
        equal_perplexity=make_answer(
            "compute_at_equal_perplexity", [compare("owls/medium", flops_ratio=(3.2, 3.0, 3.5))]
        ),
        newest_checkpoint=make_answer(
            "perplexity_differences",
            [
                {"reference_step": 100, "perplexity_ratio": 0.9984, "perplexity_ratio_lower": 0.9981}
                | {"perplexity_ratio_upper": 0.9988}
            ],
        ),
        trend_shares=make_answer("trend_shares_by_start", list_shares()),
        start_percent=10,
        forgotten_tokens=make_answer("most_forgotten_tokens", [describe_token("the ", "owl", " sleeps")]),
        most_forgotten_document=make_answer(
            "documents_by_trend",
            [{"document_id": 3, "document_name": "a name", "token_count": 1234, "upward_percent": 12.5}],
        ),
        task_accuracies=tuple(
            make_answer("tasks_by_accuracy", list_accuracies(model)) for model in ("owls/large", "owls/small")
        ),
        shot_count=2,
        states=make_answer(
            "checkpoints_by_state", [{"checkpoint_count": 9, "in_marts_count": 9, "last_scored_at": None}]
        ),
        wrong_checkpoints=make_answer("checkpoints_with_something_wrong", []),
        is_audited=True,
        provenance=make_answer("how_scores_were_computed", [PROVENANCE]),
        caveats=("small: few checkpoints",),
        version="1.2.3",
        written_at="2026-01-02 03:04",
    )
    return replace(findings, **changes)


PROVENANCE = {
    "started_at": "2026-01-01",
    "trailhouse_version": "1.2.3",
    "device": "cpu",
    "dtype": "float32",
    "scoring_settings": '{"context_length": 256, "stride": 128, "quanta_per_nat": 10000}',
    "library_versions": '{"torch": "2.13.0", "python": "3.11.7"}',
    "verified_count": 12,
    "largest_difference_nats": 0.00005,
}


def describe_model(model_id: str, parameter_count: int) -> dict:
    return {
        "model_id": model_id,
        "architecture": "gpt_neox",
        "parameter_count": parameter_count,
        "layer_count": 2,
        "hidden_size": 64,
        "context_length": 256,
        "checkpoint_count": 3,
        "last_step": 1000,
        "last_tokens_seen": 512_000,
        "last_fraction_of_training": 0.5,
        "last_train_flops_palm": 6.0 * parameter_count * 512_000,
    }


def list_perplexities(models: dict[str, int] = MODELS, steps: Sequence[int] = STEPS) -> list[dict]:
    return [
        {
            "model_id": model_id,
            "step": step,
            "train_flops_palm": 6.0 * parameter_count * 512 * step,
            "perplexity": (perplexity := 4000 / step**0.5 / (1 + index)),
            "perplexity_lower": perplexity * 0.95,
            "perplexity_upper": perplexity * 1.05,
        }
        for index, (model_id, parameter_count) in enumerate(models.items())
        for step in steps
    ]


def compare(reference: str, **ratios: tuple[float, float, float]) -> dict:
    ((name, (ratio, lower, upper)),) = ratios.items()
    return {
        "model_id": "owls/large",
        "reference_model_id": reference,
        "equal_train_flops": 3.1e13,
        "equal_perplexity": 63.2,
        name: ratio,
        f"{name}_lower": lower,
        f"{name}_upper": upper,
    }


def list_shares() -> list[dict]:
    return [
        {
            "model_id": model_id,
            "category": "upward",
            "start_percent": start_percent,
            "token_percent": 5.0 + start_percent / 20,
            "percent_lower": 4.0,
            "percent_upper": 9.0,
            "percent_after_permutation": 1.5,
            "has_few_points": start_percent == 90,
        }
        for model_id in MODELS
        for start_percent in range(0, 100, 10)
    ]


def describe_token(before: str, token: str, after: str) -> dict:
    return {
        "document_id": 3,
        "position": 7,
        "text_before": before,
        "token_text": token,
        "text_after": after,
        "perplexity_at_start": 2.5,
        "perplexity_at_end": 640.0,
    }


def list_accuracies(model_id: str, tasks: tuple[str, ...] = ("hoots", "feathers")) -> list[dict]:
    return [
        {
            "task_id": task_id,
            "checkpoint_id": f"{model_id}@1000",
            "item_count": 60,
            "accuracy_ratio": 0.75 - index / 2,
            "accuracy_lower": 0.65 - index / 2,
            "accuracy_upper": 0.85 - index / 2,
            "chance_accuracy_ratio": 0.25,
        }
        for index, task_id in enumerate(tasks)
    ]
