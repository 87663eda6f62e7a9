"""Raw rows of corrupted and generated texts with synthetic scores, from which dbt derives marts."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np

STEPS = [0, 10, 40, 80]
# By model: number of parameters. All models but those of suite `w` have the tokenizer of the generated texts.
PARAMETERS = {"s/tiny": 100, "s/small": 400, "s/middle": 1600, "s/large": 6400, "w/a": 50, "w/b": 70, "w/c": 90}
PROMPT_COUNT, PROMPT_LENGTH, NEW_LENGTH = 12, 3, 8
# By generation: the key, the configuration, and by how much the loss grows with each next larger model.
GENERATIONS = {"ps-pl": ("a" * 64, 0.25), "pl-ps": ("b" * 64, -0.25), "ps": ("c" * 64, 0.0)}
RATES = {"none": 0.0, "replace-20": 0.2, "replace-100": 1.0}
DOCUMENT_LENGTH = 6
TOKEN_BYTES = {"tok": 4, "words": 5}
HELD = {"texts": ["ps-pl", "pl-ps"], "texts-too": ["ps-pl", "ps"]}  # configurations by corpus


def tokenizer_of(model_id: str) -> str:
    return "words" if model_id.startswith("w/") else "tok"


def count_tokens(byte_count: int, model_id: str) -> int:
    """Return how many tokens of the model's tokenizer begin within the first bytes of a text."""
    return math.ceil(byte_count / TOKEN_BYTES[tokenizer_of(model_id)])


def curve(model_id: str, step: int) -> float:
    """Return how the mean loss depends on the checkpoint: it falls, and for the largest model rises at the end."""
    values = {0: 3.0, 10: 1.0, 40: 0.25, 80: 0.5 if model_id == "s/large" else 0.125}
    return values[step]


def generated_losses(decoding: str) -> dict[tuple[str, int], np.ndarray]:
    """Return the losses of the generated tokens, of shape (prompts, tokens), by model and step."""
    noise = np.random.default_rng(len(decoding)).normal(0, 0.125, size=(PROMPT_COUNT, NEW_LENGTH))
    growth = GENERATIONS[decoding][1]
    sizes = sorted(PARAMETERS.values())
    return {
        (model_id, step): np.float32(
            2
            + curve(model_id, step)
            + growth * sizes.index(PARAMETERS[model_id])
            + noise
            + np.random.default_rng([step, PARAMETERS[model_id]]).normal(0, 0.25, size=noise.shape)
        )
        for model_id in PARAMETERS
        for step in STEPS
    }


def corrupted_losses(variant: str) -> dict[tuple[str, int], np.ndarray]:
    """Return the losses of the tokens of corrupted documents, of shape (documents, tokens), by model and step."""
    noise = np.random.default_rng(7).normal(0, 0.25, size=(PROMPT_COUNT, DOCUMENT_LENGTH))
    return {
        (model_id, step): np.float32(3 + curve(model_id, step) + 4 * RATES[variant] + noise)
        for model_id in PARAMETERS
        for step in STEPS
    }


def add_documents(warehouse, corpus_id: str, kind: str, documents: list[dict], *, length: int, prompt: int) -> None:
    """Insert a corpus of texts that were made from tokens of four bytes, and its tokens under both tokenizers.

    Tokens of the tokenizer `words` are a byte longer, so that one of them begins in the prompt and ends after it.
    """
    warehouse.insert("raw_corpus", corpus_id=corpus_id, document_count=len(documents))
    for document_id, provenance in enumerate(documents):
        warehouse.insert(
            "raw_document",
            corpus_id=corpus_id,
            document_id=document_id,
            document_name=f"text {document_id}",
            text="".join(f"{position:>4}" for position in range(length)),
            kind=kind,
            provenance=json.dumps(provenance),
            scored_from_position=prompt,
            tokenizer_id="tok",
            token_ids=list(range(length)),
            scored_from_byte=4 * prompt,
        )
    rows = []
    for tokenizer_id, size in TOKEN_BYTES.items():
        for document_id in range(len(documents)):
            for position in range(math.ceil(4 * length / size)):
                text = f"{position:>4}" if position else "a\u202e"
                rows.append(
                    [tokenizer_id, corpus_id, document_id, position, text, size * position, size * (position + 1)]
                )
    names = ["tokenizer_id", "corpus_id", "document_id", "position", "token_text", "byte_start", "byte_end"]
    warehouse.client.insert("raw_token", rows, column_names=names)


def add_generation(warehouse, decoding: str) -> None:
    key = GENERATIONS[decoding][0]
    warehouse.insert(
        "raw_generation",
        generation_key=key,
        small_model_id="s/tiny",
        small_step=80,
        small_weights_sha256="0" * 64,
        large_model_id="s/large",
        large_step=80,
        large_weights_sha256="0" * 64,
        tokenizer_id="tok",
        prompt_corpus_id="human",
        prompt_corpus_sha256="0" * 64,
        prompt_token_count=PROMPT_LENGTH,
        new_token_count=NEW_LENGTH,
        method="interpolated",
        decoding_name=decoding,
        sampling="greedy",
        top_p=1.0,
    )
    losses = generated_losses(decoding)
    for prompt in range(PROMPT_COUNT):
        warehouse.insert(
            "raw_generated_text",
            generation_key=key,
            prompt_document_id=prompt,
            token_ids=[(prompt + position) % 5 for position in range(NEW_LENGTH)],
            is_fallback=[position == 0 for position in range(NEW_LENGTH)],
            small_log_prob_nats=(-losses["s/tiny", 80][prompt]).tolist(),
            large_log_prob_nats=(-losses["s/large", 80][prompt]).tolist(),
        )


def score(warehouse, model_id: str, corpus_id: str, step: int, texts: np.ndarray, *, prompt: int) -> None:
    """Score the texts of a corpus by one checkpoint. Tokens of the prompts have a loss of 50 nats."""
    prompt_tokens = count_tokens(4 * prompt, model_id)
    texts = texts[:, : count_tokens(4 * (prompt + texts.shape[1]), model_id) - prompt_tokens]
    rows = [
        (document_id, position, -50.0 if position < prompt_tokens else -float(losses[position - prompt_tokens]))
        for document_id, losses in enumerate(texts)
        for position in range(1, prompt_tokens + len(losses))
    ]
    warehouse.score_checkpoint(model_id, corpus_id, step, rows, tokenizer_id=tokenizer_of(model_id))


def insert_sequences(warehouse) -> None:
    """Insert three generations in two corpora, three corrupted corpora, and the human corpus of all of them."""
    warehouse.add_corpus("human", dict.fromkeys(range(PROMPT_COUNT), 4))
    for model_id, count in PARAMETERS.items():
        warehouse.add_model(model_id, STEPS, planned_steps=80, parameter_count=count, active_parameter_count=count)
    for corpus_id, decodings in HELD.items():
        documents = [
            {"generation_key": GENERATIONS[decoding][0], "prompt_corpus_id": "human", "prompt_document_id": prompt}
            for decoding in decodings
            for prompt in range(PROMPT_COUNT)
        ]
        length = PROMPT_LENGTH + NEW_LENGTH
        add_documents(warehouse, corpus_id, "generated", documents, length=length, prompt=PROMPT_LENGTH)
    for variant, rate in RATES.items():
        documents = [
            {
                "source_corpus_id": "human",
                "source_document_id": document_id,
                "corruption_kind": variant.split("-")[0],
                "corruption_rate": rate,
                "corruption_unit": "token",
                "seed": 1,
                "changed_token_count": round(rate * DOCUMENT_LENGTH),
                "source_token_count": DOCUMENT_LENGTH,
                "vocabulary_size": 5000,
            }
            for document_id in range(PROMPT_COUNT)
        ]
        add_documents(warehouse, variant, "corrupted", documents, length=DOCUMENT_LENGTH, prompt=0)
    for decoding in GENERATIONS:
        add_generation(warehouse, decoding)
    for model_id, step in itertools.product(PARAMETERS, STEPS):
        for corpus_id, decodings in HELD.items():
            texts = np.concatenate([generated_losses(decoding)[model_id, step] for decoding in decodings])
            score(warehouse, model_id, corpus_id, step, texts, prompt=PROMPT_LENGTH)
        for variant in RATES:
            score(warehouse, model_id, variant, step, corrupted_losses(variant)[model_id, step], prompt=0)
        rows = [(document, position, -1.5 - step / 64) for document in range(PROMPT_COUNT) for position in (1, 2, 3)]
        if model_id.startswith("s/"):
            warehouse.score_checkpoint(model_id, "human", step, rows)
    warehouse.insert(
        "raw_generation_quality", generation_key="a" * 64, metric="mauve", value=0.25, settings='{"seed": 1}'
    )
