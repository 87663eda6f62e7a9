"""This module puts the errors of transformers and torch into one line."""

from __future__ import annotations


def describe_error(error: Exception) -> str:
    """Return the type and the first line of an error. A line that ends in a colon is followed by the next line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    count = next((number for number, line in enumerate(lines, 1) if not line.endswith(":")), len(lines))
    return f"{type(error).__name__}: {' '.join(lines[:count])}" if lines else type(error).__name__
