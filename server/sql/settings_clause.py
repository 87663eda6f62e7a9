"""This module writes settings as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from trailhouse.support.quoting import quote_literal


def format_settings(settings: Mapping[str, str]) -> str:
    """Return ``name = 'value', ...``, the list that follows SET and SETTINGS in SQL."""
    return ", ".join(f"{name} = {quote_literal(value)}" for name, value in settings.items())
