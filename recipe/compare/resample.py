"""The interval of one model's score: which examples it was measured on is chance, too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats


def bootstrap(
    score: Callable[[np.ndarray], float],
    examples: int,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[float, float]:
    """Percentile interval of a score over resampled examples.

    Args:
        score: from row numbers (drawn with replacement) to the score on them.
        examples: how many there are.
        resamples: how many times they are drawn.
        confidence: of the two-sided interval.
        seed: of the draws.

    Returns:
        The interval's ends, as `ends` gives them.
    """
    return ends(resampled(score, examples, resamples, seed), examples, confidence)


def resampled(
    score: Callable[[np.ndarray], float], examples: int, resamples: int, seed: int
) -> np.ndarray:
    """A score over resampled examples, (resamples,); one seed draws the same ones for any score."""
    rng = np.random.default_rng(seed)
    return np.array([score(rng.integers(0, examples, examples)) for _ in range(resamples)])


def ends(drawn: np.ndarray, examples: int, confidence: float) -> tuple[float, float]:
    """Of the percentile interval.

    Where every resample scores the same (all right), resampling knows no doubt: the lower end is
    then Wilson's for as many right answers.

    Args:
        drawn: a score on each resample, (resamples,).
        examples: in a resample.
        confidence: of the two-sided interval.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    if low == high == 1.0:
        doubt = stats.binomtest(examples, examples).proportion_ci(confidence, method="wilson")
        low = doubt.low
    return float(low), float(high)
