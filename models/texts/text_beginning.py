"""This module defines the beginning of a text: the tokens that a model reads before every text.

Llama, Mistral, Gemma and OPT were trained on texts that begin with the token BOS (beginning of sequence). GPT-2,
GPT-NeoX and OLMo were trained on texts without such a token. The beginning of a text is context: it is never scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TextBeginningKind = Literal["tokenizer", "none", "bos", "eos"]
"""What stands before a text: what the tokenizer puts there, nothing, the token BOS, or the token EOS."""


@dataclass(frozen=True)
class TextBeginning:
    """The tokens that a model reads before every text."""

    kind: TextBeginningKind = "none"
    token_ids: tuple[int, ...] = ()
    text: str = ""
    """The names of the tokens in the vocabulary, one after the other, such as <s>."""

    def as_record(self) -> dict[str, object]:
        """Return the columns of a ledger that describe the beginning."""
        return {
            "text_beginning_kind": self.kind,
            "text_beginning_token_ids": list(self.token_ids),
            "text_beginning_text": self.text,
        }


NO_BEGINNING = TextBeginning()
