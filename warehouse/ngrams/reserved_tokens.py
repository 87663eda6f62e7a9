"""This module defines the token numbers that stand for no word and no token of a vocabulary."""

from __future__ import annotations

TEXT_BEGIN = 4_294_967_295
"""Stands before the first word or token of every text."""
TEXT_END = 4_294_967_294
"""Stands after the last word or token of every text."""
UNKNOWN_WORD = 4_294_967_293
"""A word of a scored text that does not occur in the training corpus. It is in no stored n-gram."""
LARGEST_TOKEN = UNKNOWN_WORD - 1
MAXIMUM_ORDER = 5
