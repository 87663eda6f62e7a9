"""This module guards against untrusted tokenizers.

The files of such a tokenizer may be huge, and the tokenizer may lengthen a text very much or never finish a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError

MAXIMUM_TOKENIZER_FILE_BYTES = 128 << 20
# The largest factor by which all normalizers of a tokenizer together may lengthen a text
MAXIMUM_GROWTH = 1024

TokenIds = npt.NDArray[np.int32]


def refuse_untrusted_tokenizer_files(paths: Iterable[Path]) -> None:
    """Raise BadInputError if a file is larger than 128 MiB, or if its normalizers may lengthen a text too much."""
    for path in paths:
        if path.stat().st_size > MAXIMUM_TOKENIZER_FILE_BYTES:
            limit = MAXIMUM_TOKENIZER_FILE_BYTES >> 20
            raise BadInputError(f"{path}: larger than {limit} MiB, no tokenizer is", "copy the model's own tokenizer")
        if path.name == "tokenizer.json":
            growth = _measure_growth(path)
            if growth > MAXIMUM_GROWTH:
                raise BadInputError(
                    f"{path}: its normalizers may make a text {growth} times longer", "copy the model's own tokenizer"
                )


def forget_training_settings(tokenizer: PreTrainedTokenizerBase) -> None:
    """Switch off truncation, padding and BPE dropout. A tokenizer that was saved in training may still have them."""
    if tokenizer.is_fast:
        backend = tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        if getattr(backend.model, "dropout", None):
            backend.model.dropout = None


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[TokenIds]:
    """Return the token ids of every text, without special tokens. Trailhouse encodes all texts with this function.

    Truncation, padding and dropout of the tokenizer are switched off, so that the tokens are those of the whole text.

    Raises BadInputError if the tokenizer cannot process a text, for example because one of its regular expressions
    needs more attempts at a match than the library for regular expressions allows.
    """
    return _encode(tokenizer, texts, add_special_tokens=False)


def encode_with_special_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> TokenIds:
    """Return the token ids of a text with the special tokens that the tokenizer adds before and after a text.

    Raises BadInputError if the tokenizer cannot process the text.
    """
    return _encode(tokenizer, [text], add_special_tokens=True)[0]


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, add_special_tokens: bool) -> list[TokenIds]:
    # Padding and truncation were switched off when the tokenizer was loaded. But a call of the tokenizer with padding
    # or truncation leaves them on.
    forget_training_settings(tokenizer)
    try:
        if not tokenizer.is_fast:
            encoded = (tokenizer(text, add_special_tokens=add_special_tokens, verbose=False) for text in texts)
            return [_as_array(encoding["input_ids"]) for encoding in encoded]
        encodings = tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=add_special_tokens)
        return [_as_array(encoding.ids) for encoding in encodings]
    except BaseException as error:
        # A panic of the tokenizer's Rust code is not an Exception, and its class cannot be imported, so compare names.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            problem = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadInputError(
                f"the tokenizer gives up on a text: {problem}", "copy the model's own tokenizer"
            ) from error
        raise


def _as_array(token_ids: Sequence[int]) -> TokenIds:
    return np.asarray(token_ids, np.int32)


def _measure_growth(path: Path) -> int:
    """Return the factor by which the normalizers of a tokenizer.json may lengthen a text.

    The factor is the product of the lengths of the texts that its Replace and Prepend steps insert.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"{path}: the tokenizer does not load: not JSON", "save the tokenizer again beside the weights"
        ) from error
    growth = 1
    steps = (content.get("normalizer"), content.get("pre_tokenizer")) if isinstance(content, dict) else ()
    for step in _iterate_steps(steps):
        text = step.get("content", step.get("prepend", ""))
        growth *= max(1, len(text)) if isinstance(text, str) and step.get("type") in ("Replace", "Prepend") else 1
    return growth


def _iterate_steps(steps: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a normalizer or pre-tokenizer, including those of nested sequences."""
    for step in steps:
        if isinstance(step, dict):
            yield step
            inner = step.get("normalizers") or step.get("pretokenizers")
            yield from _iterate_steps(inner if isinstance(inner, list) else ())
