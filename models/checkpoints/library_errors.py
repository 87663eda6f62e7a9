"""This module describes an error of transformers or torch in one line."""

from __future__ import annotations


def describe_error(error: Exception) -> str:
    """Return the type and the first line of an error. If a line ends in a colon, the next line is added."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    count = next((number for number, line in enumerate(lines, 1) if not line.endswith(":")), len(lines))
    return f"{type(error).__name__}: {' '.join(lines[:count])}" if lines else type(error).__name__
