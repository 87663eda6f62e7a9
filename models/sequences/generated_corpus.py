"""This module builds a corpus from generated texts, so that every checkpoint can score them like other documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.spelled_text import spell_text
from trailhouse.models.texts.token_spans import TokenSpeller
from trailhouse.models.texts.tokenizer import identify_tokenizer


@dataclass(frozen=True)
class WrittenText:
    """A prompt and the tokens that were generated after it."""

    generation_key: str
    configuration_name: str
    """The decoding and the sampling in words, such as ``ps-pl, greedy``."""
    prompt_document_id: int
    prompt_name: str
    prompt_token_ids: Sequence[int]
    new_token_ids: Sequence[int]


def build_generated_corpus(
    tokenizer: PreTrainedTokenizerBase,
    texts: Iterable[WrittenText],
    prompt_corpus_id: str,
    description: str,
    corpus_id: str | None = None,
) -> Corpus:
    """Return a corpus with one document for each text: the prompt, which aggregates leave out, and the new tokens.

    Without a ``corpus_id``, the name is made from the name of the prompts' corpus and a hash of the documents.
    """
    tokenizer_id, speller = identify_tokenizer(tokenizer), TokenSpeller(tokenizer)
    documents = tuple(_build_document(text, prompt_corpus_id, tokenizer_id, speller) for text in texts)
    corpus = Corpus(corpus_id or "", description, f"corpus {prompt_corpus_id}", documents)
    if corpus_id is None:
        keys = "".join(f"{text.document_name}\n" for text in documents)
        digest = hashlib.sha256((corpus.corpus_sha256 + keys).encode()).hexdigest()[:8]
        corpus = Corpus(f"{prompt_corpus_id}-generated-{digest}", description, corpus.source, documents)
    return corpus


def _build_document(text: WrittenText, prompt_corpus_id: str, tokenizer_id: str, speller: TokenSpeller) -> Document:
    token_ids = (*text.prompt_token_ids, *text.new_token_ids)
    spelled = spell_text(speller, token_ids)
    provenance = {
        "generation_key": text.generation_key,
        "prompt_corpus_id": prompt_corpus_id,
        "prompt_document_id": text.prompt_document_id,
    }
    prompt_token_count = len(text.prompt_token_ids)
    return Document(
        f"{text.configuration_name}: {text.prompt_name}",
        spelled.text,
        kind="generated",
        provenance=json.dumps(provenance, sort_keys=True),
        scored_from_position=prompt_token_count,
        token_ids=tuple(map(int, token_ids)),
        tokenizer_id=tokenizer_id,
        scored_from_byte=int(spelled.spans.starts[prompt_token_count]),
    )
