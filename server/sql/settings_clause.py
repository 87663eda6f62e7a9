"""This module writes settings as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.support.quoting import quote_literal


def format_settings(settings: Mapping[str, str]) -> str:
    """Return ``name = 'value', ...``, the list that follows SET and SETTINGS in SQL.

    Dollar signs in the values are escaped: a tag such as ``$a$`` in a value would turn the same tag in the statement
    before it, where it is a word, into the beginning of a here-document.
    """
    return ", ".join(f"{name} = {_quote(value)}" for name, value in settings.items())


def _quote(value: str) -> str:
    return quote_literal(value).replace("$", "\\x24")
