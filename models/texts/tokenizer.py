"""This module loads tokenizers, identifies them, and tokenizes corpora.

It also builds the rows of ``raw_token``. A token's span is stored in bytes of the UTF-8 text, because a byte-level
token may be only a part of a character. The span in characters includes characters that the token covers only partly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from transformers import AutoTokenizer
from transformers import PreTrainedTokenizerBase as PreTrainedTokenizerBase  # flows import the class from here

from trailhouse.errors import BadInputError
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.rule_comparison import load_with_file_rules, refuse_different_rules
from trailhouse.models.texts.spelled_text import spell_text
from trailhouse.models.texts.token_alignment import TokenSpans
from trailhouse.models.texts.token_spans import TextIndex, TokenLocator
from trailhouse.models.texts.tokenized_corpus import TokenizedCorpus, describe_unknown_text
from trailhouse.models.texts.tokenizer_rules import TokenizerRules
from trailhouse.models.texts.untrusted_tokenizers import (
    TokenIds,
    encode_texts,
    forget_training_settings,
    refuse_untrusted_tokenizer_files,
)
from trailhouse.support.progress import report_note

TOKEN_SCHEMA = pa.schema(
    [
        pa.field("tokenizer_id", pa.string(), nullable=False),
        pa.field("corpus_id", pa.string(), nullable=False),
        pa.field("document_id", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("token_id", pa.int32(), nullable=False),
        pa.field("token_text", pa.string(), nullable=False),
        pa.field("byte_start", pa.int32(), nullable=False),
        pa.field("byte_end", pa.int32(), nullable=False),
        pa.field("character_start", pa.int32(), nullable=False),
        pa.field("character_end", pa.int32(), nullable=False),
        pa.field("word_index", pa.int32(), nullable=False),
        pa.field("is_word_initial", pa.bool_(), nullable=False),
    ]
)
# Cache of the identities of tokenizers. The key is the SHA-256 of the files that decide how the tokenizer encodes, and
# the rules that the suite asks for.
_identity_of_files: dict[tuple[str, TokenizerRules | None], str] = {}

TOKENIZER_FILE_PATTERNS = ("*token*.json", "vocab*", "merges.txt", "*.model", "*.tiktoken")


@dataclass(frozen=True)
class TokenizerFiles:
    """A directory with a tokenizer, and the rules by which the tokenizer encodes."""

    directory: Path
    rules: TokenizerRules | None = None
    """The rules that the suite asks for, see ``load_tokenizer``."""

    def load(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer. Raises the errors of ``load_tokenizer``."""
        return load_tokenizer(self.directory, self.rules)

    def identify(self) -> str:
        """Return the identity of the tokenizer. Raises the errors of ``load_tokenizer``."""
        return identify_tokenizer_of(self.directory, self.rules)


def load_tokenizer(directory: Path, rules: TokenizerRules | None = None) -> PreTrainedTokenizerBase:
    """Return the tokenizer in a directory; nothing is downloaded, and no remote code is run.

    Truncation, padding and dropout that are stored with the tokenizer are switched off. ``rules`` says whether the
    tokenizer encodes by the rules of its class in transformers or by those of tokenizer.json. If it is None, the two
    must agree.

    Raises BadInputError if the directory has no tokenizer, if the tokenizer does not load or is not trusted, or if
    ``rules`` is None and transformers does not follow tokenizer.json.
    """
    paths = _list_tokenizer_files(directory)
    if not paths:
        raise BadInputError(f"{directory}: holds no tokenizer", "save the tokenizer beside the weights")
    refuse_untrusted_tokenizer_files(paths)
    try:
        if rules == "file":
            tokenizer = load_with_file_rules(directory)
        else:
            tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        assert isinstance(tokenizer, PreTrainedTokenizerBase)
        forget_training_settings(tokenizer)
        refuse_different_rules(tokenizer, directory, rules)
    except BadInputError:
        raise
    except Exception as error:  # transformers raises errors of many kinds for wrong files
        problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise BadInputError(
            f"{directory}: the tokenizer does not load: {problem}", "save the tokenizer again beside the weights"
        ) from error
    return tokenizer


def has_tokenizer(directory: Path) -> bool:
    """Return whether a directory holds files of a tokenizer."""
    return bool(_list_tokenizer_files(directory))


def identify_tokenizer(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the identity of a tokenizer: the first 16 hexadecimal digits of a SHA-256 of its vocabulary and rules.

    The identity does not depend on the format of the tokenizer's files.
    """
    if tokenizer.is_fast:
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        content.pop("truncation", None)
        content.pop("padding", None)
    else:
        content = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab(), "probe": _probe(tokenizer)}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def identify_tokenizer_of(directory: Path, rules: TokenizerRules | None = None) -> str:
    """Return the identity of the tokenizer in a directory. Tokenizers with equal files are loaded only once.

    Raises the errors of ``load_tokenizer``.
    """
    key = (hash_tokenizer_files(directory), rules)
    if key not in _identity_of_files:
        _identity_of_files[key] = identify_tokenizer(load_tokenizer(directory, rules))
    return _identity_of_files[key]


def hash_tokenizer_files(directory: Path) -> str:
    """Return a SHA-256 of the tokenizer in a directory: of the names and contents of all files that decide its tokens.

    Raises BadInputError if a file is not trusted, for example because it is too large.
    """
    digest = hashlib.sha256()
    # config.json is hashed too, because transformers may choose the tokenizer's class by the model type in it
    paths = [path for path in (*_list_tokenizer_files(directory), directory / "config.json") if path.is_file()]
    refuse_untrusted_tokenizer_files(paths)
    for path in paths:
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def tokenize_corpus(tokenizer: PreTrainedTokenizerBase, corpus: Corpus) -> TokenizedCorpus:
    """Return the token ids of every document, without special tokens. The tokens spell the whole document.

    A document that was made from tokens of this tokenizer keeps exactly these tokens.

    The user is warned if more than 0.1% of the corpus's bytes are unknown to the tokenizer, if the tokens of a document
    have no spans in its text, and if a token does not end where the word of a word-in-context document begins.

    Raises BadInputError if the tokenizer cannot process a text. Raises BadInputError naming the corpus and the document
    if the tokens do not spell the document.
    """
    tokenizer_id = identify_tokenizer(tokenizer)
    token_ids = _list_token_ids(tokenizer, tokenizer_id, corpus)
    locator = TokenLocator(tokenizer)
    spans = [
        _find_spans(locator, tokenizer_id, corpus, document, tokens)
        for document, tokens in zip(corpus.documents, token_ids, strict=True)
    ]
    _note_unlocated_documents(corpus, spans)
    _note_divided_words(corpus, spans)
    unknown_byte_counts = tuple(0 if found is None else found.unknown_byte_count for found in spans)
    tokenized = TokenizedCorpus(corpus.corpus_id, tokenizer_id, tuple(token_ids), unknown_byte_counts)
    warning = describe_unknown_text(tokenized, corpus.byte_count)
    if warning is not None:
        report_note(warning)
    return tokenized


def token_table(tokenizer: PreTrainedTokenizerBase, corpus: Corpus, tokenized: TokenizedCorpus) -> pa.Table:
    """Return the rows of ``raw_token``, one for each token, in order of document and position.

    The spans of a document's tokens follow each other, and together cover all bytes of the document. A document whose
    tokens have no spans has no rows.

    Raises BadInputError if the tokens do not spell the text.
    """
    locator = TokenLocator(tokenizer)
    tables = [
        _build_document_table(locator, corpus, tokenized, document_id) for document_id in range(len(corpus.documents))
    ]
    return pa.concat_tables(tables) if tables else TOKEN_SCHEMA.empty_table()


def _build_document_table(
    locator: TokenLocator, corpus: Corpus, tokenized: TokenizedCorpus, document_id: int
) -> pa.Table:
    document, token_ids = corpus.documents[document_id], tokenized.token_ids[document_id]
    spans = _find_spans(locator, tokenized.tokenizer_id, corpus, document, token_ids)
    if spans is None:
        return TOKEN_SCHEMA.empty_table()
    starts, ends = spans.starts, spans.ends
    index = TextIndex(document.text)
    character_starts, character_ends = index.find_characters(starts, ends)
    word_indexes, is_initial = index.find_words(starts, ends)
    count = len(token_ids)
    columns = {
        "tokenizer_id": [tokenized.tokenizer_id] * count,
        "corpus_id": [corpus.corpus_id] * count,
        "document_id": np.full(count, document_id, np.int32),
        "position": np.arange(count, dtype=np.int32),
        "token_id": token_ids,
        "token_text": index.cut_texts(starts, ends),
        "byte_start": starts,
        "byte_end": ends,
        "character_start": character_starts,
        "character_end": character_ends,
        "word_index": word_indexes,
        "is_word_initial": is_initial,
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in TOKEN_SCHEMA], schema=TOKEN_SCHEMA)


def _list_token_ids(tokenizer: PreTrainedTokenizerBase, tokenizer_id: str, corpus: Corpus) -> list[TokenIds]:
    """Return the token ids of every document: its exact tokens of this tokenizer, or else the tokens of its text."""
    is_exact = [document.tokenizer_id == tokenizer_id for document in corpus.documents]
    texts = [document.text for document, exact in zip(corpus.documents, is_exact, strict=True) if not exact]
    encoded = iter(encode_texts(tokenizer, texts) if texts else [])
    return [
        np.asarray(document.token_ids, np.int32) if exact else next(encoded)
        for document, exact in zip(corpus.documents, is_exact, strict=True)
    ]


def _find_spans(
    locator: TokenLocator, tokenizer_id: str, corpus: Corpus, document: Document, token_ids: TokenIds
) -> TokenSpans | None:
    """Return the spans of a document's tokens, or None if they have none. Raises BadInputError naming the document."""
    location = _name_document(corpus, document)
    if document.tokenizer_id != tokenizer_id:
        return locator.find_byte_spans(document.text, token_ids, location)
    spelled = spell_text(locator.speller, token_ids)
    if spelled.text != document.text:
        raise BadInputError(
            f"{location}: its {len(token_ids)} exact tokens do not spell its text",
            "make the corpus again with the command that made it",
        )
    return spelled.spans


def _note_unlocated_documents(corpus: Corpus, spans: Sequence[TokenSpans | None]) -> None:
    """Tell the user for which documents the tokens have no spans."""
    names = [document.document_name for document, found in zip(corpus.documents, spans, strict=True) if found is None]
    if names:
        report_note(
            f"corpus {corpus.corpus_id!r}: the tokenizer does not say where its tokens are in {len(names)} of"
            f" {len(spans)} documents, the first of which is {names[0]!r}. These documents are scored, but their tokens"
            " have no texts, and the corpus has no bits per byte"
        )


def _note_divided_words(corpus: Corpus, spans: Sequence[TokenSpans | None]) -> None:
    """Tell the user in how many word-in-context documents a token holds the end of the context and some of the word."""
    divided = [
        document.document_name
        for document, found in zip(corpus.documents, spans, strict=True)
        if document.kind == "word-in-context" and found is not None and _divides(found, document.scored_from_byte)
    ]
    if divided:
        report_note(
            f"corpus {corpus.corpus_id!r}: in {len(divided)} of {len(spans)} documents, the first of which is"
            f" {divided[0]!r}, one token of this tokenizer holds the beginning of the word and the end of its context."
            " These words have no log-probability of their own, and are left out"
        )


def _divides(spans: TokenSpans, byte: int) -> bool:
    return bool(((spans.starts < byte) & (spans.ends > byte)).any())


def _name_document(corpus: Corpus, document: Document) -> str:
    return f"corpus {corpus.corpus_id!r}, document {document.document_name!r}"


def _list_tokenizer_files(directory: Path) -> list[Path]:
    found = {path for pattern in TOKENIZER_FILE_PATTERNS for path in directory.glob(pattern)}
    return sorted(path for path in found if path.is_file())


def _probe(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the token ids of a fixed text. The ids differ between tokenizers that have different rules."""
    text = "The cat's 12 naïve émigrés  saw\n\n\tÅngström: 東京, 👩‍🚀 (ok?)!"
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
