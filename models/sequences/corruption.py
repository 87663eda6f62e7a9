"""This module corrupts the tokens of documents (Xia et al. 2023, section 4.1 and appendix C.1).

Tokens are corrupted, and not characters, and the corrupted document keeps its token ids. To tokenize its text again
would join some of the tokens to others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.spelled_text import spell_text
from trailhouse.models.texts.token_spans import TokenSpeller
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus
from trailhouse.models.texts.tokenizer import tokenize_corpus

CorruptionKind = Literal["replace", "delete", "insert", "repeat"]
CorruptionUnit = Literal["token", "span"]
CORRUPTION_KINDS: tuple[CorruptionKind, ...] = get_args(CorruptionKind)
SPAN_TOKEN_COUNT = 3
DEFAULT_TOKEN_CAP = 100  # Xia et al. 2023, appendix C.1


@dataclass(frozen=True)
class Corruption:
    """A variant of a corpus: what is done to the tokens of its documents, and how often."""

    kind: CorruptionKind | Literal["none"]
    """With ``none``, the documents are capped and otherwise left as they are, for comparison."""
    rate: float = 0.0
    """Probability with which each unit is corrupted, 0 to 1."""
    unit: CorruptionUnit = "token"
    """A span is a group of ``SPAN_TOKEN_COUNT`` consecutive tokens, which are corrupted together or not at all."""
    seed: int = 0
    token_cap: int = DEFAULT_TOKEN_CAP
    """Number of tokens of a document that are kept before it is corrupted."""

    def name_corpus(self, source_corpus_id: str) -> str:
        """Return the name of the corrupted corpus. It names every choice that is not the default."""
        words = [source_corpus_id, "intact" if self.kind == "none" else f"{self.kind}-{self.rate * 100:g}"]
        if self.unit == "span" and self.kind != "none":
            words.append("span")
        if self.seed and self.kind != "none":
            words.append(f"seed{self.seed}")
        if self.token_cap != DEFAULT_TOKEN_CAP:
            words.append(f"cap{self.token_cap}")
        return "-".join(words)


def check_corruption(corruption: Corruption) -> None:
    """Raise BadInputError if the kind is unknown, the rate not within (0, 1], or too little is left of a document."""
    if corruption.kind not in ("none", *CORRUPTION_KINDS):
        raise BadInputError(f"unknown kind of corruption {corruption.kind!r}", f"one of {', '.join(CORRUPTION_KINDS)}")
    if corruption.kind != "none" and not 0 < corruption.rate <= 1:
        raise BadInputError(f"rate {corruption.rate:g} is not within (0, 1]", "give a share, such as 0.2 for 20 %")
    if corruption.kind == "delete" and corruption.rate == 1:
        raise BadInputError("delete at rate 1 leaves no token of a document", "give a rate below 1")
    if corruption.token_cap < 2:
        raise BadInputError(
            f"a cap of {corruption.token_cap} tokens leaves nothing to predict", "give a cap of at least 2 tokens"
        )


def corrupt_corpus(
    tokenizer: PreTrainedTokenizerBase, corpus: Corpus, corruptions: Sequence[Corruption]
) -> Iterator[Corpus]:
    """Yield, for each corruption, a corpus with every document of ``corpus``. Its texts carry their token ids.

    The same seed gives the same tokens on every machine. A higher rate corrupts at least the units that a lower rate
    of the same seed corrupts, and with the same random tokens. Documents of which no token is left are left out.

    Raises BadInputError as ``check_corruption`` does, and if the tokenizer cannot process a text.
    """
    for corruption in corruptions:
        check_corruption(corruption)
    tokenized = tokenize_corpus(tokenizer, corpus)
    vocabulary = list_ordinary_token_ids(tokenizer)
    speller = TokenSpeller(tokenizer)
    for corruption in corruptions:
        yield _corrupt_documents(corpus, tokenized, corruption, vocabulary, speller)


def _corrupt_documents(
    corpus: Corpus,
    tokenized: TokenizedCorpus,
    corruption: Corruption,
    vocabulary: Sequence[int],
    speller: TokenSpeller,
) -> Corpus:
    documents = []
    for document_id, (document, all_ids) in enumerate(zip(corpus.documents, tokenized.token_ids, strict=True)):
        source_ids = all_ids[: corruption.token_cap].tolist()
        name = f"{corruption.seed} {corruption.kind} {corruption.unit} {document.document_sha256}"
        draw = random.Random(name)  # noqa: S311  # nothing secret is drawn
        token_ids, changed_count = corrupt_tokens(source_ids, corruption, vocabulary, draw)
        if not token_ids:
            continue
        provenance = {
            "source_corpus_id": corpus.corpus_id,
            "source_document_id": document_id,
            "source_document_name": document.document_name,
            "corruption_kind": corruption.kind,
            "corruption_rate": corruption.rate,
            "corruption_unit": corruption.unit,
            "seed": corruption.seed,
            "token_cap": corruption.token_cap,
            "source_token_count": len(source_ids),
            "changed_token_count": changed_count,
            "vocabulary_size": len(vocabulary),
        }
        text = spell_text(speller, token_ids).text
        documents.append(
            Document(
                document.document_name,
                text,
                kind="corrupted",
                provenance=json.dumps(provenance, sort_keys=True),
                token_ids=tuple(token_ids),
                tokenizer_id=tokenized.tokenizer_id,
            )
        )
    return Corpus(
        corruption.name_corpus(corpus.corpus_id),
        describe_corruption(corpus.corpus_id, corruption),
        f"corpus {corpus.corpus_id}",
        tuple(documents),
    )


def corrupt_tokens(
    token_ids: Sequence[int], corruption: Corruption, vocabulary: Sequence[int], draw: random.Random
) -> tuple[list[int], int]:
    """Return the tokens after a corruption, and the number of tokens that were replaced, deleted, added or repeated.

    Every unit is corrupted with the probability ``corruption.rate``, independently of the others. Random tokens are
    drawn uniformly from ``vocabulary``; one of them may equal the token that it replaces.
    """
    size = SPAN_TOKEN_COUNT if corruption.unit == "span" else 1
    corrupted: list[int] = []
    changed_count = 0
    for start in range(0, len(token_ids), size):
        unit = list(token_ids[start : start + size])
        # Both are drawn for every unit, so that the later units do not depend on the rate.
        is_corrupted = draw.random() < corruption.rate
        random_ids = [vocabulary[int(draw.random() * len(vocabulary))] for _ in unit]
        if not is_corrupted:
            corrupted += unit
            continue
        changed_count += len(unit)
        if corruption.kind == "replace":
            corrupted += random_ids
        elif corruption.kind == "insert":
            corrupted += unit + random_ids
        elif corruption.kind == "repeat":
            corrupted += unit + unit
    return corrupted, changed_count


def list_ordinary_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids of a vocabulary in increasing order, without the special tokens."""
    special = set(tokenizer.all_special_ids)
    special |= {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    return sorted(set(tokenizer.get_vocab().values()) - special)


def describe_corruption(source_corpus_id: str, corruption: Corruption) -> str:
    """Return a sentence about a corrupted corpus."""
    first = f"The first {corruption.token_cap} tokens of every document of {source_corpus_id}"
    if corruption.kind == "none":
        return f"{first}, unchanged"
    what = {
        "replace": "replaced by random tokens",
        "delete": "deleted",
        "insert": "followed by random tokens",
        "repeat": "repeated",
    }[corruption.kind]
    unit = "tokens" if corruption.unit == "token" else f"spans of {SPAN_TOKEN_COUNT} tokens"
    return f"{first}, {corruption.rate:.0%} of the {unit} {what} (seed {corruption.seed})"


def list_variants(
    kinds: Sequence[str], rates: Sequence[float], unit: CorruptionUnit, seed: int, token_cap: int
) -> list[Corruption]:
    """Return the unchanged variant and one variant for each kind and rate, without doubles. Raises BadInputError."""
    intact = Corruption("none", unit=unit, seed=seed, token_cap=token_cap)
    variants = [
        replace(intact, kind=cast(CorruptionKind, kind), rate=rate)
        for kind in dict.fromkeys(kinds)
        for rate in dict.fromkeys(rates)
    ]
    for variant in variants:
        check_corruption(variant)
    return [intact, *variants]
