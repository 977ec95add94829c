"""The paired difference of two configs over seeds: what it is, how sure, and what that means.

A difference whose interval holds zero is "inconclusive": more seeds might settle it, a single
pair of runs never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from recipe.data import Dataset
from recipe.training import HIGHER_IS_BETTER, gain


@dataclass(frozen=True)
class Comparison:
    """The paired difference of two configs over seeds; positive: the new one is better."""

    metric: str
    new: float
    """Mean score of the new config."""

    old: float
    difference: float
    """Mean gain in the metric's unit, positive whichever way the metric goes."""

    low: float
    high: float
    """Ends of the interval of the mean gain."""

    verdict: str
    """better, worse, equivalent or inconclusive."""

    seeds: int
    spread: float
    """Standard deviation of the gain from seed to seed, and no less than what could be seen."""

    @property
    def effect(self) -> float:
        """The gain in standard deviations, without the bias of few seeds.

        Source: Hedges 1981; for paired differences Lakens 2013 (his d_z).
        """
        free = self.seeds - 1
        unbiased = np.exp(special.gammaln(free / 2) - special.gammaln((free - 1) / 2))
        with np.errstate(divide="ignore", invalid="ignore"):  # no spread: no end to it
            return float(np.float64(self.difference) / self.spread * unbiased / np.sqrt(free / 2))

    def __str__(self) -> str:
        return (
            f"{self.verdict}: {self.metric} {self.old:.4f} -> {self.new:.4f}, "
            f"gain {self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}], {self.seeds} seeds"
        )

    def against(self, direction: Literal["up", "down"], size: float) -> str:
        """What the interval says of "the metric goes there by more than `size`".

        Args:
            direction: where the score of the new config is expected, seen from the old one's.
            size: by how much at least, in the metric's unit.

        Returns:
            confirmed, refuted or inconclusive.
        """
        as_gain = (direction == "up") == HIGHER_IS_BETTER[self.metric]
        low, high = (self.low, self.high) if as_gain else (-self.high, -self.low)
        return "confirmed" if low > size else "refuted" if high < size else "inconclusive"


def paired(
    new: Sequence[float],
    old: Sequence[float],
    metric: str,
    confidence: float = 0.95,
    resolution: float = 0.0,
    smallest: float | None = None,
) -> Comparison:
    """Student's t interval of the paired differences.

    Args:
        new: score of each seed, (seeds,); a NaN (diverged) counts as the worst there is, and
            the whole config with it.
        old: of the same seeds.
        metric: which way is better.
        confidence: of the two-sided interval.
        resolution: smallest difference that the metric can show, `resolution_of`: seeds that
            agree to that are not free of noise, they are rounded.
        smallest: gain that matters, in the metric's unit: two configs are equivalent if the whole
            interval is nearer to zero than that (Schuirmann 1987). None: they never are.
    """
    gains = np.array([gain(metric, n, o) for n, o in zip(new, old, strict=True)])
    count = len(gains)
    new_diverged, old_diverged = (not np.isfinite(scores).all() for scores in (new, old))
    spread = float("nan")
    if new_diverged and old_diverged:
        mean = low = high = float("nan")
    elif new_diverged or old_diverged:
        mean = low = high = float("-inf" if new_diverged else "inf")
    else:
        mean, spread = float(gains.mean()), max(float(gains.std(ddof=1)), resolution)
        error = spread / float(np.sqrt(count))
        half = float(stats.t.ppf(0.5 + confidence / 2, count - 1)) * error
        low, high = mean - half, mean + half
    return Comparison(
        metric, float(np.mean(new)), float(np.mean(old)), mean, low, high,
        _verdict(low, high, smallest), count, spread,
    )  # fmt: skip


def _verdict(low: float, high: float, smallest: float | None) -> str:
    """A gain that is there but too small to matter is "equivalent": that is the useful answer."""
    if smallest is not None and -smallest < low and high < smallest:
        return "equivalent"
    return "better" if low > 0 else "worse" if high < 0 else "inconclusive"


def resolution_of(metric: str, data: Dataset) -> float:
    """One validation example more or less, for a metric that counts examples."""
    return 1 / len(data.val) if metric == "accuracy" else 0.0
