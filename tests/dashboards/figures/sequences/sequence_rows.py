"""Small tables with the columns of the marts of corrupted and generated texts.

Models of suite s generated texts, and so did models of suite o, whose tokenizer the models of s lack.
"""

import pyarrow as pa

from tests.dashboards.figures.mart_rows import MODELS, with_styles

CUSTOM = "λ=(0.5, $-1$)"


def describe_generation(key: str, decoding: str, sampling: str = "greedy", **changes) -> dict:
    row = {
        "generation_key": key,
        "decoding_name": decoding,
        "decoding_method": "interpolated",
        "sampling_name": sampling,
        "seed": 0,
        "small_suite_id": "s",
        "small_model_id": "s/small",
        "small_step": 20,
        "large_suite_id": "s",
        "large_model_id": "s/large",
        "large_step": 20,
        "prompt_corpus_id": "books",
        "prompt_token_count": 5,
        "new_token_count": 50,
    }
    return row | changes


OTHERS = {
    "small_suite_id": "o",
    "small_model_id": "o/small",
    "large_suite_id": "o",
    "large_model_id": "o/large",
}
GENERATION_ROWS = [
    describe_generation("a", "pl"),
    describe_generation("b", "ps-pl"),
    describe_generation("c", "ps-pl", "nucleus 0.9"),
    describe_generation("d", CUSTOM),
    describe_generation("e", "ps-pl", "nucleus 0.9", seed=3),  # not shown, because of its seed
    describe_generation("f", "ps-pl", large_step=10),  # not shown, because of its checkpoint
    describe_generation("g", "ps-pl", new_token_count=100),
    describe_generation("h", "ps-pl", new_token_count=500),
    describe_generation("i", "contrastive", new_token_count=500, decoding_method="contrastive"),
    describe_generation("o", "ps-pl", new_token_count=20, **OTHERS),
]
GENERATIONS = pa.Table.from_pylist(GENERATION_ROWS)
ROLES = {("s/small", 20): "small", ("s/large", 20): "large"}


def find_perplexity(key: str, model_id: str, step: int) -> float:
    """No two of the perplexities are equal."""
    return 100 * (ord(key) - ord("a") + 1) + 30 - step + MODELS[model_id] / 1000


GENERATION_PERPLEXITIES = with_styles(
    pa.Table.from_pylist(
        [
            {
                "generation_key": row["generation_key"],
                "decoding_name": row["decoding_name"],
                "sampling_name": row["sampling_name"],
                "prompt_token_count": row["prompt_token_count"],
                "new_token_count": row["new_token_count"],
                "model_id": model_id,
                "parameter_count": parameter_count,
                "step": step,
                "is_final": step == 20,
                "generator_role": ROLES.get((model_id, step), "") if row["small_suite_id"] == "s" else "",
                "has_generator_tokenizer": row["small_suite_id"] == "s",
                "train_flops_palm": 6.0 * parameter_count * step,
                "validation_perplexity": 100.0 - step,
                "validation_bits_per_byte": 3.0 - step / 20,
                "text_count": 16,
                "token_count": 16 * row["new_token_count"],
                "perplexity": find_perplexity(row["generation_key"], model_id, step),
                "perplexity_lower": find_perplexity(row["generation_key"], model_id, step) - 5,
                "perplexity_upper": find_perplexity(row["generation_key"], model_id, step) + 5,
                "bits_per_byte": 2 + step / 100 + parameter_count / 10000,
                "bits_per_byte_lower": None,
                "bits_per_byte_upper": None,
            }
            for row in GENERATION_ROWS
            for model_id, parameter_count in MODELS.items()
            for step in (20, 0, 10)
        ]
    )
)
SCALING = pa.Table.from_pylist(
    [
        {
            "generation_key": key,
            "model_count": 3,
            "spearman": spearman,
            "spearman_lower": lower,
            "spearman_upper": upper,
            "verdict": verdict,
            "reason_for_null": reason,
            "caveat": "with three models, it takes few values",
        }
        for key, spearman, lower, upper, verdict, reason in (
            ("a", -1.0, -1.0, -0.5, "regular", ""),
            ("b", 1.0, 0.5, 1.0, "inverse", ""),
            ("c", 0.5, None, None, None, "fewer than ten prompts"),
            ("o", 1.0, 1.0, 1.0, "inverse", ""),
        )
    ]
)
TURNING_POINTS = with_styles(
    pa.table(
        {
            "generation_key": ["b", "b"],
            "model_id": ["s/large", "s/small"],
            "turning_step": pa.array([10, None], pa.int64()),
            "margin_nats": [0.05, 0.05],
        }
    )
)
QUALITY = pa.Table.from_pylist(
    [
        {
            "generation_key": row["generation_key"],
            "decoding_name": row["decoding_name"],
            "sampling_name": row["sampling_name"],
            "prompt_token_count": row["prompt_token_count"],
            "new_token_count": row["new_token_count"],
            "text_count": 16,
            "token_count": 16 * row["new_token_count"],
            "mauve": place / 20 if row["generation_key"] != "a" else None,
            "distinct_1_ratio": 0.1 + place / 100,
            "distinct_2_ratio": 0.2 + place / 100,
            "distinct_3_ratio": 0.3 + place / 100,
            "distinct_4_ratio": 0.4 + place / 100,
            "repeated_4_ratio": 0.5 + place / 100,
            "self_bleu": None,
            "fallback_ratio": 0.006 + place / 100,
            "mauve_settings": '{"seed": 1}',
            "self_bleu_settings": None,
        }
        for place, row in enumerate(GENERATION_ROWS)
    ]
)
CORRUPTIONS = with_styles(
    pa.Table.from_pylist(
        [
            {
                "source_corpus_id": "books",
                "corpus_id": corpus_id,
                "corruption_kind": kind,
                "corruption_rate": rate,
                "corruption_unit": unit,
                "seed": seed,
                "longest_source_token_count": length,
                "model_id": model_id,
                "parameter_count": parameter_count,
                "step": step,
                "is_final": step == 20,
                "has_corruption_tokenizer": True,
                "document_count": 40,
                "token_count": 3960,
                "perplexity": 50 - step + 1000 * rate + parameter_count / 1000 + seed,
                "perplexity_lower": 45 - step + 1000 * rate,
                "perplexity_upper": 60 - step + 1000 * rate,
                "bits_per_byte": 1 + rate,
                "bits_per_byte_lower": None,
                "bits_per_byte_upper": None,
                "random_model_perplexity": 5000.0,
            }
            for corpus_id, kind, rate, unit, seed, length in (
                ("books-intact", "none", 0.0, "token", 0, 100),
                ("books-replace-100", "replace", 1.0, "token", 0, 100),
                ("books-replace-20", "replace", 0.2, "token", 0, 100),
                ("books-replace-20-seed4", "replace", 0.2, "token", 4, 100),
                ("books-replace-20-cap10", "replace", 0.2, "token", 0, 10),
                ("books-replace-20-span", "replace", 0.2, "span", 4, 100),
                ("books-delete-40", "delete", 0.4, "token", 0, 100),
            )
            for model_id, parameter_count in MODELS.items()
            for step in (10, 20)
        ]
    )
)
EXAMPLES = pa.Table.from_pylist(
    [
        {
            "generation_key": key,
            "suite_id": "s",
            "decoding_name": decoding,
            "sampling_name": sampling,
            "prompt_token_count": 5,
            "new_token_count": 50,
            "prompt_document_id": prompt,
            "prompt_text": f"<b>prompt {prompt}</b>",
            "generated_text": f"<script>text {prompt} {key}</script>",
            "token_count": 50,
            "smallest_model_id": "s/small",
            "smallest_model_perplexity": 10.0 + prompt,
            "largest_model_id": "s/large",
            "largest_model_perplexity": 1234.5 if key == "b" else 5.0,
        }
        for prompt in (7, 3, 5)
        for key, decoding, sampling in (
            ("a", "pl", "greedy"),
            ("b", "ps-pl", "greedy"),
            ("c", "ps-pl", "nucleus 0.9"),
            ("e", "ps-pl", "nucleus 0.9"),
        )
    ]
)
SEQUENCE_MARTS = {
    "dim_generation": GENERATIONS,
    "fct_corruption_perplexity": CORRUPTIONS,
    "fct_generation_example": EXAMPLES,
    "fct_generation_perplexity_by_checkpoint": GENERATION_PERPLEXITIES,
    "fct_generation_quality": QUALITY,
    "fct_generation_scaling": SCALING,
    "fct_generation_turning_point": TURNING_POINTS,
}
