"""Trend fits by scipy and plain Python, with which the marts are compared."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

BATCH_TOKENS = 1024
FLOAT32_MAXIMUM = 3.4e38


@dataclass(frozen=True)
class Trend:
    """The expected fit of one series from one start step."""

    start_step: int
    fit_point_count: int
    slope: float | None
    standard_error: float | None
    p_value: float | None
    log_probs: np.ndarray


def find_start(convention: str, steps: np.ndarray, percent: int, planned_steps: int) -> int | None:
    """Return the index of the first checkpoint of the fit, or None if no checkpoint reached ``percent`` of training."""
    if convention in ("paper", "ours"):
        reached = np.flatnonzero(steps * 100 >= percent * planned_steps)
        start = int(reached[0]) if len(reached) else None
    elif convention == "paper_index":
        start = percent * len(steps) // 100
    else:
        start = int(np.argmin(np.abs(steps * 100 - percent * steps[-1])))
    if convention in ("log_step", "ours"):
        positive = np.flatnonzero(steps > 0)
        return None if start is None or not len(positive) else max(start, int(positive[0]))
    return start


def fit_windows(
    convention: str, steps: tuple[int, ...], windows: np.ndarray, rounding_nats: float = 0.0
) -> list[Trend]:
    """Fit series of log-probabilities by scipy.stats.linregress: each row of ``windows`` is a series over ``steps``.

    The standard error is at least that of a slope through exact values whose logarithms are rounded. Perplexities are
    divided by the largest of their series, so that series that span more than the range of a float have a fit.
    """
    regressors = np.arange(len(steps))
    if convention in ("log_step", "ours"):
        regressors = np.log(np.array(steps) * (1.0 if convention == "log_step" else BATCH_TOKENS))
    lowest = windows.min(axis=1, keepdims=True)
    responses = windows if convention == "ours" else np.exp(lowest - windows)
    last = windows[:, -1:]
    deviations = windows - last if convention == "ours" else np.exp(np.minimum(last - windows, 300)) - 1
    is_constant = np.sqrt(np.mean(deviations**2, axis=1)) <= 1e-7 * np.maximum(1, np.abs(last[:, 0]))
    if len(steps) < 3:
        return [Trend(steps[0], len(steps), None, None, None, window) for window in windows]
    squares = np.ones_like(responses) if convention == "ours" else responses**2
    rounding = rounding_nats / math.sqrt(12) * np.sqrt(squares.mean(axis=1))
    rounding /= math.sqrt(((regressors - regressors.mean()) ** 2).sum())
    fits = np.stack([np.zeros(len(windows)), rounding, np.ones(len(windows))], axis=1)
    if not is_constant.all():
        varying = responses[~is_constant]
        fit = stats.linregress(np.broadcast_to(regressors, varying.shape), varying, axis=-1)
        floor = np.maximum(rounding[~is_constant], 1e-300)
        p_value = 2 * stats.t.sf(np.abs(fit.slope) / floor, len(steps) - 2)
        p_value = np.where(fit.stderr >= floor, fit.pvalue, p_value)
        slope = np.where(np.abs(fit.slope) < 1e-9 * fit.stderr, 0, fit.slope)
        fits[~is_constant] = np.stack([slope, np.maximum(fit.stderr, rounding[~is_constant]), p_value], axis=1)
    if convention != "ours":
        fits[:, :2] *= np.exp(np.minimum(windows[:, :1] - lowest, 600))
    fits[:, :2] = np.clip(fits[:, :2], -FLOAT32_MAXIMUM, FLOAT32_MAXIMUM)
    return [
        Trend(steps[0], len(steps), float(slope), float(standard_error), float(p_value), window)
        for (slope, standard_error, p_value), window in zip(fits, windows, strict=True)
    ]


def categorise(convention: str, trend: Trend, decisive_p_value: float | None) -> str:
    """Return the category of a trend.

    A trend over fewer than three checkpoints is undetermined. A significant slope decides between upward and downward.
    Otherwise the trend is stagnated if its first and last perplexity are within 5 % of the geometric mean of its
    perplexities, and other if not.
    """
    if trend.fit_point_count < 3:
        return "undetermined"
    rising = -1 if convention == "ours" else 1
    if decisive_p_value is not None and decisive_p_value < 0.05 and trend.slope:
        return "upward" if trend.slope * rising > 0 else "downward"
    logarithms = -trend.log_probs
    ends = np.exp(np.clip(logarithms[[0, -1]] - logarithms.mean(), -600, 600))
    return "stagnated" if np.all((ends >= 0.95) & (ends <= 1.05)) else "other"
