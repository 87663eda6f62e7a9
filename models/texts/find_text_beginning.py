"""This module finds the tokens that stand before a text under a tokenizer."""

from __future__ import annotations

from typing import Literal

from transformers import PreTrainedTokenizerBase

from trailhouse.errors import BadInputError
from trailhouse.models.texts.text_beginning import NO_BEGINNING, TextBeginning, TextBeginningKind
from trailhouse.models.texts.tokenizer import TokenizerFiles, hash_tokenizer_files
from trailhouse.models.texts.tokenizer_rules import TokenizerRules
from trailhouse.models.texts.untrusted_tokenizers import encode_texts, encode_with_special_tokens

# An ordinary text. The tokens that the tokenizer puts before it do not depend on the text.
PROBE_TEXT = "The cat's 12 toys\nare here."
# Cache of beginnings by the SHA-256 of the tokenizer's files, the rules that the suite asks for, and the kind
_beginning_of_files: dict[tuple[str, TokenizerRules | None, TextBeginningKind], TextBeginning] = {}


def find_text_beginning(tokenizer: PreTrainedTokenizerBase, kind: TextBeginningKind) -> TextBeginning:
    """Return the beginning of this kind under a tokenizer.

    If the kind is ``tokenizer``, the beginning consists of the tokens that the tokenizer puts before a text when it
    adds special tokens. Tokens that it puts after a text are left out.

    Raises BadInputError naming the tokenizer if it has no token of the kind ``bos`` or ``eos``, or if it changes the
    tokens of the text itself when it adds special tokens.
    """
    if kind == "none":
        return NO_BEGINNING
    token_ids = _find_added_tokens(tokenizer) if kind == "tokenizer" else _find_special_token(tokenizer, kind)
    names = tokenizer.convert_ids_to_tokens(list(token_ids))
    return TextBeginning(kind, token_ids, "".join(names))


def find_text_beginning_of(files: TokenizerFiles, kind: TextBeginningKind) -> TextBeginning:
    """Return the beginning of this kind under a checkpoint's tokenizer.

    Tokenizers with equal files are loaded only once. Raises the errors of ``load_tokenizer`` and
    ``find_text_beginning``, which name the directory.
    """
    key = (hash_tokenizer_files(files.directory), files.rules, kind)
    if key not in _beginning_of_files:
        tokenizer = files.load()
        try:
            _beginning_of_files[key] = find_text_beginning(tokenizer, kind)
        except BadInputError as error:
            raise BadInputError(f"{files.directory}: {error.message}", error.hint) from error
    return _beginning_of_files[key]


def _find_special_token(tokenizer: PreTrainedTokenizerBase, kind: Literal["bos", "eos"]) -> tuple[int, ...]:
    token_id = tokenizer.bos_token_id if kind == "bos" else tokenizer.eos_token_id
    if not isinstance(token_id, int):
        raise BadInputError(
            f"the suite's text_beginning is {kind}, and the tokenizer {type(tokenizer).__name__} has no {kind} token",
            "write text_beginning: tokenizer or none, or name the token in tokenizer_config.json",
        )
    return (token_id,)


def _find_added_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    (plain,) = encode_texts(tokenizer, [PROBE_TEXT])
    text, whole = plain.tolist(), encode_with_special_tokens(tokenizer, PROBE_TEXT).tolist()
    for start in range(len(whole) - len(text) + 1):
        if whole[start : start + len(text)] == text:
            return tuple(whole[:start])
    raise BadInputError(
        f"the tokenizer {type(tokenizer).__name__} changes the tokens of a text when it adds special tokens",
        "state what stands before a text with text_beginning: none, bos or eos in the suite",
    )
