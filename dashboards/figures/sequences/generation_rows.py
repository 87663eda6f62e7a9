"""This module chooses the generations that a figure compares, orders and names them, and describes their texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from trailhouse.dashboards.figures.exhibit import Companion
from trailhouse.dashboards.figures.sequences.measure import write_range
from trailhouse.support.visible_text import make_label

GENERATIONS = Companion(
    "dim_generation",
    (
        "generation_key",
        "decoding_name",
        "decoding_method",
        "sampling_name",
        "seed",
        "small_suite_id",
        "small_model_id",
        "small_step",
        "large_suite_id",
        "large_model_id",
        "large_step",
        "prompt_corpus_id",
        "prompt_token_count",
        "new_token_count",
    ),
    suite_column=None,
    corpus_column="prompt_corpus_id",
)
MATH_NAMES = {
    "ps-pl": "$p_s - p_l$",
    "ps": "$p_s$",
    "ps+pl": "$p_s + p_l$",
    "pl": "$p_l$",
    "pl-ps": "$p_l - p_s$",
}
"""The configurations of Xia et al. 2023 in the order of their figures, and how a figure writes them."""
GREEDY = "greedy"
INTERPOLATION = (
    "Configurations: λ1 p_s + λ2 p_l is the distribution of the next token, without negative values and renormalised; "
    "p_s is that of the small model, p_l that of the large one."
)
CONTRAST = (
    "Contrastive: log p_l - log p_s among the tokens whose p_l is at least alpha times the largest (Li et al. 2022)."
)
MINUS_SIGN = "\N{MINUS SIGN}"
Generation = dict[str, Any]
"""One row of ``dim_generation``."""


def list_generations_of(suite_id: str, generations: Iterable[Generation]) -> list[Generation]:
    """Return the generations that a model of the suite took part in."""
    return [row for row in generations if suite_id in (row["small_suite_id"], row["large_suite_id"])]


def list_generations_of_others(suite_id: str, generations: Iterable[Generation]) -> list[Generation]:
    """Return the generations that no model of the suite took part in."""
    return [row for row in generations if suite_id not in (row["small_suite_id"], row["large_suite_id"])]


def choose_length(generations: Iterable[Generation], new_token_count: int | None) -> list[Generation]:
    """Return the generations with the shortest texts, or those of ``new_token_count`` tokens if these are longer."""
    rows = list(generations)
    shortest = min((row["new_token_count"] for row in rows), default=0)
    chosen = shortest if new_token_count is None else new_token_count
    is_shown = new_token_count is None or new_token_count > shortest
    return [row for row in rows if is_shown and row["new_token_count"] == chosen]


def choose_comparable(generations: Iterable[Generation]) -> list[Generation]:
    """Return the generations by one pair of checkpoints from prompts of one length, one for each configuration.

    The pair with the most configurations is chosen, and of these the one with the latest checkpoints. Of several seeds,
    the lowest is chosen.
    """
    groups: defaultdict[tuple[Any, ...], dict[tuple[str, str], Generation]] = defaultdict(dict)
    for row in sorted(generations, key=lambda row: (row["seed"], row["generation_key"])):
        group = groups[row["large_step"], row["small_step"], -row["prompt_token_count"], *name_pair(row)]
        group.setdefault((row["decoding_name"], row["sampling_name"]), row)
    if not groups:
        return []
    return list(max(groups.items(), key=lambda entry: (len(entry[1]), entry[0]))[1].values())


def name_pair(generation: Generation) -> tuple[str, str]:
    """Return the names of the small and the large checkpoint, such as ``suite/model step 100``."""
    return (
        f"{generation['small_model_id']} step {generation['small_step']}",
        f"{generation['large_model_id']} step {generation['large_step']}",
    )


def order_configurations(generations: Iterable[Generation]) -> list[str]:
    """Return the name of every configuration once: those of Xia et al. 2023 in their order, then others by name."""
    places = {name: place for place, name in enumerate(MATH_NAMES)}
    names = {row["decoding_name"] for row in generations}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def order_samplings(generations: Iterable[Generation]) -> list[str]:
    """Return the name of every way of sampling once, greedy decoding first."""
    return sorted({row["sampling_name"] for row in generations}, key=lambda name: (name != GREEDY, name))


def write_math_name(name: str) -> str:
    """Return the name of a configuration for matplotlib. A dollar sign in any other name is a dollar sign."""
    return MATH_NAMES.get(name) or make_label(name).replace("$", r"\$")


def write_html_name(name: str) -> str:
    """Return the name of a configuration as HTML."""
    if name not in MATH_NAMES:
        return escape(make_label(name))
    spaced = name.replace("-", f" {MINUS_SIGN} ").replace("+", " + ")
    return spaced.replace("ps", "p<sub>s</sub>").replace("pl", "p<sub>l</sub>")


def describe_generations(shown: Sequence[Generation], left_out_count: int) -> list[str]:
    """Return the sentences of a caption about how the texts in a figure or table were generated.

    ``left_out_count`` is the number of generations of texts of the same length that are not shown.
    """
    new, prompt = (write_range(row[f"{name}_token_count"] for row in shown) for name in ("new", "prompt"))
    pairs = dict.fromkeys("{} (p_s) and {} (p_l)".format(*map(make_label, name_pair(row))) for row in shown)
    sentences = [
        f"Texts of {new} tokens after the first {prompt} tokens of documents of "
        f"{make_label(shown[0]['prompt_corpus_id'])}, generated by {'; '.join(pairs)}.",
        INTERPOLATION,
    ]
    if any(row["decoding_method"] == "contrastive" for row in shown):
        sentences.append(CONTRAST)
    if left_out_count:
        sentences.append(f"Not shown: generations with other checkpoints, prompts or seeds ({left_out_count}).")
    return sentences
