"""This module names the sets of rules by which a tokenizer may encode a text."""

from __future__ import annotations

from typing import Literal

TokenizerRules = Literal["transformers", "file"]
"""The rules of the tokenizer's class in transformers, or those of tokenizer.json."""
