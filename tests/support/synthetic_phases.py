"""Synthetic words in context and prose with n-gram scores and similarities, scored by models of several families.

In the suite ``s``, the log-probabilities of a word come close to its n-gram score of order n at the n-th checkpoint, so
that the correlations peak in order of n. In the model ``s/reversed``, they do so in the opposite order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.dbt.conftest import DbtWarehouse

STEPS = [0, 100, 200, 400, 800, 1600, 3200]
ORDERS = (1, 2, 3, 4, 5)
WORD_COUNT = 90
CORPUS_SHA256 = "c" * 64
CONTEXT_LENGTH = 4
PROSE_DOCUMENTS, PROSE_LENGTH = 12, 20
PROSE_WORDS = PROSE_DOCUMENTS * (PROSE_LENGTH - 4)
# Architecture, parameters and seed of each model.
MODELS = {
    "s/neox-1": ("gpt_neox", 1000, 1),
    "s/neox-2": ("gpt_neox", 1000, 2),
    "s/mamba-1": ("mamba2", 1200, 1),
    "s/mamba-2": ("mamba2", 1200, 2),
    "s/mamba-3": ("mamba2", 1200, 3),
    "s/reversed": ("gpt_neox", 5000, None),
}
SPLITS = np.array(["train", "train", "train", "validation", "validation", "test"])
WORD_SPLITS = SPLITS[np.arange(WORD_COUNT) % len(SPLITS)]
TARGET_TOKENS = 1 + np.arange(WORD_COUNT) % 3  # tokens of each target word
UNKNOWN_WORDS = np.arange(WORD_COUNT) % 17 == 5  # words without a vector
UNSCORED = ("s/mamba-3", 800, 6)  # model, step and word: the last token of the word has no score there
# Corpora of five to nine words in which a regression or a correlation is not defined, and the reason.
DEGENERATE = {
    "few": "fewer than five words",
    "silent": "constant log-probability",
    "flat": "constant 1-gram scores",
    "alike": "constant similarity",
    "collinear": "collinear predictors",
    "short": "no 5-gram scores",
}


def make_predictors(count: int, seed: int) -> dict[int | str, np.ndarray]:
    """Return the n-gram scores by order, and the similarities by weighting. 1-grams have ties."""
    random = np.random.default_rng(seed)
    scores: dict[int | str, np.ndarray] = {1: np.round(random.normal(-7, 2, count)).astype(np.float32)}
    for order in ORDERS[1:]:
        scores[order] = np.float32(0.75 * scores[order - 1] + random.normal(-1, 1.3, count))
    scores["unweighted"] = np.float32(random.uniform(-0.2, 0.9, count))
    scores["position"] = np.float32(0.8 * scores["unweighted"] + random.normal(0, 0.1, count))
    return scores


PREDICTORS = {"words": make_predictors(WORD_COUNT, 1), "prose": make_predictors(PROSE_WORDS, 2)}


def is_scored(model_id: str, step: int) -> np.ndarray:
    """Return which words of ``words`` a checkpoint scored whole."""
    return ~((np.arange(WORD_COUNT) == UNSCORED[2]) & ((model_id, step) == UNSCORED[:2]))


def make_log_probs(model_id: str, corpus_id: str) -> np.ndarray:
    """Return the log-probabilities of the units of a corpus, as float32; the axes are steps and units."""
    scores = PREDICTORS[corpus_id]
    count = len(scores[1])
    random = np.random.default_rng([len(model_id), ord(model_id[-1]), count])
    rows = [random.normal(-8, 1, count)]
    orders = ORDERS[::-1] if model_id == "s/reversed" else ORDERS
    for order in (*orders, orders[-1]):
        rows.append(scores[order] + 0.8 * scores["unweighted"] + random.normal(0, 0.4, count))
    return np.float32(np.minimum(rows, -0.05))


def make_next_word(model_id: str) -> np.ndarray:
    """Return the log-probabilities of a word boundary before and after each target word: steps, words, 2."""
    random = np.random.default_rng(len(model_id))
    return np.float32(-random.uniform(0.01, 2, (len(STEPS), WORD_COUNT, 2)))


def add_models(warehouse: DbtWarehouse) -> None:
    """Register the models of the suite."""
    for model_id, (architecture, parameter_count, seed) in MODELS.items():
        warehouse.add_model(
            model_id,
            STEPS,
            planned_steps=STEPS[-1],
            architecture=architecture,
            parameter_count=parameter_count,
            active_parameter_count=parameter_count,
            seed=seed,
        )


def insert_words(warehouse: DbtWarehouse) -> None:
    """Insert the corpus ``words``: every document is four context words of one token and a target word."""
    insert_words_in_context(warehouse, "words", WORD_SPLITS.tolist(), TARGET_TOKENS.tolist())
    units = [(word, CONTEXT_LENGTH) for word in range(WORD_COUNT)]
    insert_ngram_scores(warehouse, "words", "word", units, "words", PREDICTORS["words"])
    similarities = {
        weighting: [None if unknown else float(value) for value, unknown in zip(values, UNKNOWN_WORDS, strict=True)]
        for weighting, values in PREDICTORS["words"].items()
        if isinstance(weighting, str)
    }
    insert_similarities(warehouse, "words", similarities)


def insert_words_in_context(
    warehouse: DbtWarehouse, corpus_id: str, splits: list[str], token_counts: list[int]
) -> None:
    """Insert a corpus of words in context, with the split and the number of tokens of each target word."""
    warehouse.insert("raw_corpus", corpus_id=corpus_id, corpus_sha256=CORPUS_SHA256, document_count=len(splits))
    documents, tokens = [], []
    for word, (split, token_count) in enumerate(zip(splits, token_counts, strict=True)):
        provenance = {"split": split, "target": f"w{word}", "target_word_index": CONTEXT_LENGTH}
        documents.append([corpus_id, word, "word-in-context", f"a b c d w{word}", json.dumps(provenance)])
        for position in range(CONTEXT_LENGTH + token_count):
            tokens.append(["tok", corpus_id, word, position, min(position, CONTEXT_LENGTH), position <= CONTEXT_LENGTH])
    warehouse.client.insert(
        "raw_document", documents, column_names=["corpus_id", "document_id", "kind", "text", "provenance"]
    )
    insert_tokens(warehouse, tokens)


def insert_degenerate(warehouse: DbtWarehouse, corpus_id: str) -> None:
    """Insert a corpus of words in context in which a statistic is not defined, and score it with one model."""
    count = 4 if corpus_id == "few" else 9
    scores = make_predictors(count, 3)
    if corpus_id == "flat":
        scores[1] = np.full(count, -3.25)
    if corpus_id == "alike":
        scores["unweighted"] = np.full(count, 0.1)
    if corpus_id == "collinear":
        scores[5] = 2 * scores[1] + 1
    if corpus_id == "short":
        del scores[5]
    insert_words_in_context(warehouse, corpus_id, ["train"] * count, [1] * count)
    insert_ngram_scores(
        warehouse, corpus_id, "word", [(word, CONTEXT_LENGTH) for word in range(count)], "words", scores
    )
    insert_similarities(warehouse, corpus_id, {"unweighted": [float(value) for value in scores["unweighted"]]})
    values = [-2.5 if corpus_id == "silent" else -1.0 - word / 3 for word in range(count)]
    for step in STEPS[:2]:
        rows = [(word, CONTEXT_LENGTH, value) for word, value in enumerate(values)]
        warehouse.score_checkpoint("s/neox-1", corpus_id, step, rows)


def insert_similarities(warehouse: DbtWarehouse, corpus_id: str, similarities: dict[str, list[float | None]]) -> None:
    """Insert the similarities of the target words of a corpus by weighting; None is a word without a vector."""
    rows = [
        [
            *(corpus_id, word, CONTEXT_LENGTH, "vectors", weighting, f"w{word}", value, value is not None),
            *(CONTEXT_LENGTH, CONTEXT_LENGTH, CORPUS_SHA256),
        ]
        for weighting, values in similarities.items()
        for word, value in enumerate(values)
    ]
    names = ["corpus_id", "document_id", "word_index", "vectors_id", "weighting", "word"]
    names += ["cosine_similarity", "is_target_known", "context_word_count", "known_context_word_count"]
    names += ["corpus_sha256"]
    warehouse.client.insert("raw_semantic_similarity", rows, column_names=names)


def insert_prose(warehouse: DbtWarehouse) -> None:
    """Insert the corpus ``prose``: documents of a person, in which every word is a token."""
    warehouse.insert("raw_corpus", corpus_id="prose", document_count=PROSE_DOCUMENTS)
    documents = [["prose", document, "human", "text", ""] for document in range(PROSE_DOCUMENTS)]
    warehouse.client.insert(
        "raw_document", documents, column_names=["corpus_id", "document_id", "kind", "text", "provenance"]
    )
    places = [(document, place) for document in range(PROSE_DOCUMENTS) for place in range(PROSE_LENGTH)]
    insert_tokens(warehouse, [["tok", "prose", document, place, place, True] for document, place in places])
    measured = [(document, place) for document, place in places if place >= 4]
    insert_ngram_scores(warehouse, "prose", "word", measured, "words", PREDICTORS["prose"])
    insert_ngram_scores(warehouse, "prose", "token", measured, "tok", PREDICTORS["prose"])
    unmeasured = [["prose", 0, "word", 3, "books", "words", "clickhouse", "stupid_backoff", 1, -99.0, 1]]
    warehouse.client.insert("raw_ngram_score", unmeasured, column_names=NGRAM_COLUMNS)


NGRAM_COLUMNS = ["corpus_id", "document_id", "unit", "unit_index", "ngram_corpus_id", "vocabulary_id"]
NGRAM_COLUMNS += ["provider", "smoothing", "ngram_order", "log_prob_nats", "matched_order"]


def insert_tokens(warehouse: DbtWarehouse, tokens: list[list]) -> None:
    """Insert tokens: tokenizer, corpus, document, position, word and whether the token begins the word."""
    names = ["tokenizer_id", "corpus_id", "document_id", "position", "word_index", "is_word_initial"]
    warehouse.client.insert("raw_token", tokens, column_names=names)


def insert_ngram_scores(
    warehouse: DbtWarehouse,
    corpus_id: str,
    unit: str,
    units: list[tuple[int, int]],
    vocabulary_id: str,
    scores: dict[int | str, np.ndarray],
) -> None:
    """Insert the n-gram scores by order for the units of a corpus. ``units`` are documents and places in them."""
    rows = [
        [
            *(corpus_id, document, unit, index, "books", vocabulary_id, "clickhouse", "stupid_backoff", order),
            float(values[ordinal]),
            order,
        ]
        for order, values in scores.items()
        if isinstance(order, int)
        for ordinal, (document, index) in enumerate(units)
    ]
    warehouse.client.insert("raw_ngram_score", rows, column_names=NGRAM_COLUMNS)


def word_log_probs(model_id: str) -> np.ndarray:
    """Return the log-probability of each target word: the sum of the float32 scores of its tokens."""
    return TARGET_TOKENS * np.float32(make_log_probs(model_id, "words") / TARGET_TOKENS).astype(float)


def score_words(warehouse: DbtWarehouse, model_id: str, *, steps: list[int] | None = None) -> None:
    """Score the corpus ``words`` with a model; the models with the seed 1 also have scores of word boundaries."""
    log_probs, next_word = make_log_probs(model_id, "words"), make_next_word(model_id)
    for number, step in enumerate(STEPS):
        if step not in (steps or STEPS):
            continue
        rows, boundaries = [], []
        for word, count in enumerate(TARGET_TOKENS.tolist()):
            is_cut = (model_id, step, word) == UNSCORED
            for position in range(1, CONTEXT_LENGTH + count - is_cut):
                is_target = position >= CONTEXT_LENGTH
                rows.append((word, position, float(log_probs[number, word]) / count if is_target else -1.0))
                before, after = position == CONTEXT_LENGTH - 1, position == CONTEXT_LENGTH + count - 1
                boundaries.append(
                    float(next_word[number, word, 0])
                    if before
                    else float(next_word[number, word, 1])
                    if after
                    else -9.0
                )
        warehouse.score_checkpoint(
            model_id, "words", step, rows, next_word_log_probs=boundaries if model_id.endswith("-1") else None
        )


def score_prose(warehouse: DbtWarehouse, model_id: str) -> None:
    """Score the corpus ``prose`` with a model."""
    log_probs = make_log_probs(model_id, "prose")
    for number, step in enumerate(STEPS):
        rows, unit = [], 0
        for document in range(PROSE_DOCUMENTS):
            for position in range(1, PROSE_LENGTH):
                rows.append((document, position, float(log_probs[number, unit]) if position >= 4 else -1.0))
                unit += position >= 4
        warehouse.score_checkpoint(model_id, "prose", step, rows)


def insert_phases(warehouse: DbtWarehouse) -> None:
    """Insert all corpora and the scores of the models on them."""
    add_models(warehouse)
    insert_words(warehouse)
    insert_prose(warehouse)
    for corpus_id in DEGENERATE:
        insert_degenerate(warehouse, corpus_id)
    for model_id in MODELS:
        score_words(warehouse, model_id)
        score_prose(warehouse, model_id)
