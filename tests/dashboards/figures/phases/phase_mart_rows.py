"""Small tables with the columns of the marts of phases that figures read. No two values are equal."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tests.dashboards.figures.mart_rows import with_styles

STEPS = (0, 1, 10, 100)
ORDERS = (1, 2, 5)
MODELS = {"s/large": ("mamba2", 3000), "s/middle": ("gpt_neox", 200), "s/small": ("gpt_neox", 10)}
NGRAMS = {"unit": "word", "predictor_source": "books", "provider": "clickhouse", "smoothing": "stupid_backoff"}
OTHER_NGRAMS = NGRAMS | {"smoothing": "kneser_ney"}


def describe_model(model_id: str) -> dict[str, Any]:
    """Return the columns about a model, and the corpus."""
    architecture, parameter_count = MODELS[model_id]
    return {
        "corpus_id": "words",
        "model_id": model_id,
        "architecture": architecture,
        "parameter_count": parameter_count,
    }


def correlate(model_id: str, order: int, step: int) -> float:
    """Return a correlation that differs from every other one."""
    return 0.1 * order + 0.001 * step + MODELS[model_id][1] / 100_000


CORRELATIONS = with_styles(
    pa.Table.from_pylist(
        [
            {
                **describe_model(model_id),
                **ngrams,
                "step": step,
                "ngram_order": order,
                "unit_count": 50 - order,
                "pearson": correlate(model_id, order, step) + shift,
                "pearson_low": correlate(model_id, order, step) + shift - 0.05,
                "pearson_high": correlate(model_id, order, step) + shift + 0.04,
            }
            for ngrams, shift in ((NGRAMS, 0.0), (OTHER_NGRAMS, 0.2))
            for model_id in MODELS
            for step in STEPS[::-1]
            for order in ORDERS
        ]
    )
)
SEED_MEANS = pa.Table.from_pylist(
    [
        {
            "corpus_id": "words",
            "architecture": architecture,
            "parameter_count": 10,
            **NGRAMS,
            "step": step,
            "ngram_order": order,
            "seed_count": seed_count,
            "mean_value": 0.1 * order + 0.001 * step,
            "mean_low": 0.1 * order + 0.001 * step - 0.03 if seed_count > 1 else None,
            "mean_high": 0.1 * order + 0.001 * step + 0.02 if seed_count > 1 else None,
        }
        for architecture, seed_count in (("gpt_neox", 3), ("rwkv", 1))
        for step in STEPS
        for order in ORDERS
    ]
)
PEAKS = with_styles(
    pa.Table.from_pylist(
        [
            {
                **describe_model(model_id),
                **ngrams,
                "ngram_order": order,
                "peak_correlation": 0.9 - order / 100,
                "onset_step": 1 + order if order > 1 else None,
                "onset_step_low": order if order > 1 else None,
                "onset_step_high": 2 + order if order > 1 else None,
                "peak_step": 10 * order,
                "peak_step_low": 9 * order,
                "peak_step_high": 12 * order,
                "tolerance_first_step": 8 * order,
                "tolerance_last_step": 13 * order,
                "is_published": False,
            }
            for ngrams in (NGRAMS, OTHER_NGRAMS)
            for model_id in MODELS
            for order in ORDERS
        ]
    )
)
VERDICTS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "model_id": model_id,
                **ngrams,
                "verdict": verdict,
                "in_order_share": share,
                "verdict_basis": "bootstrap",
            }
            for ngrams, verdict, share in ((NGRAMS, "in order", 0.97), (OTHER_NGRAMS, "not in order", 0.01))
            for model_id in MODELS
        ]
    )
)
REGRESSIONS = with_styles(
    pa.Table.from_pylist(
        [
            {
                **describe_model(model_id),
                "step": step,
                "regression_id": f"clickhouse/stupid_backoff/books + similarity-{weighting}/vectors",
                "ngram_corpus_id": "books",
                "smoothing": "stupid_backoff",
                "vectors_id": "vectors",
                "weighting": weighting,
                "training_count": 40,
                "validation_count": 20,
                "r_squared_train": 0.5 + step / 1000 + shift,
                "r_squared_validation": 0.4 + step / 1000 + shift,
                "fivegram_share": 0.2 + step / 1000,
                "unigram_share": 0.2 + shift,
                "similarity_share": 0.1,
                "fivegram_coefficient": 0.3 + step / 500,
                "unigram_coefficient": 0.5,
                "similarity_coefficient": 0.1,
                "fivegram_standard_error": 0.01,
                "unigram_standard_error": 0.02,
                "similarity_standard_error": 0.03,
            }
            for weighting, shift in (("position", 0.05), ("unweighted", 0.0))
            for model_id in MODELS
            for step in STEPS
        ]
    )
)
AGREEMENTS = with_styles(
    pa.Table.from_pylist(
        [
            {
                **describe_model(model_id),
                "step": step,
                "other_model_id": other_id,
                "other_step": other_step,
                "word_count": 60,
                "pearson": 1.0
                if (model_id, step) == (other_id, other_step)
                else (MODELS[model_id][1] + MODELS[other_id][1] + step + other_step) / 10_000,
            }
            for model_id in MODELS
            for step in STEPS
            for other_id in MODELS
            for other_step in STEPS
        ]
    )
)
PHASE_MARTS = {
    "fct_phase_correlation_by_checkpoint": CORRELATIONS,
    "fct_phase_seed_mean": SEED_MEANS,
    "fct_phase_peak": PEAKS,
    "fct_phase_order": VERDICTS,
    "fct_phase_regression_by_checkpoint": REGRESSIONS,
    "fct_checkpoint_agreement": AGREEMENTS,
}
