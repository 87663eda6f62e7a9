"""Numbers as people write them in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
TIMES = "\N{MULTIPLICATION SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
UNITS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def write_number(value: float) -> str:
    """Return a number with four significant digits, for example ``74.95``. Large numbers are powers of ten."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return write_power(value)
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def write_power(value: float) -> str:
    """Return a number as a multiple of a power of ten with two significant digits, for example ``8.9 × 10¹²``."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}{SPACE}{TIMES}{SPACE}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def write_count(value: float) -> str:
    """Return a large number with a word for its unit, for example ``2.1 million``, and a small one with all digits."""
    for size, word in UNITS:
        if value >= size:
            scaled = value / size
            return f"{scaled:.3g}{SPACE}{word}" if scaled < 1000 else f"{scaled:,.0f}{SPACE}{word}"
    return f"{value:,.0f}"


def write_ratio(value: float, lower: float | None = None, upper: float | None = None) -> str:
    """Return a ratio with as many decimals as its interval from ``lower`` to ``upper`` is precise to, at least two.

    Without an interval, a ratio near 1 has enough decimals to differ from 1.
    """
    scale = abs(value - 1) if lower is None or upper is None else upper - lower
    decimals = min(6, max(2, 1 - math.floor(math.log10(scale)))) if scale else 2
    return f"{value:.{decimals}f}" if value < 1000 else write_number(value)


def write_ratio_bounds(value: float, lower: float | None, upper: float | None) -> str:
    """Return a ratio, and its interval in parentheses if there is one."""
    return write_ratio(value, lower, upper) + write_range(lower, upper, lambda end: write_ratio(end, lower, upper))


def write_percent(value: float) -> str:
    """Return a percentage with one decimal, for example ``5.1 %``."""
    return f"{value:.1f}{SPACE}%"


def write_range(lower: float | None, upper: float | None, write: Callable[[float], str] = write_number) -> str:
    """Return ``(95% interval LOWER to UPPER)`` after a space, or an empty text if there is no interval."""
    if lower is None or upper is None:
        return ""
    return f" (95% interval {write(lower)} to {write(upper)})"


def join_words(words: list[str]) -> str:
    """Return words as a list in a sentence, for example ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
