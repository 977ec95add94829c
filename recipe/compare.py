"""Is one config better than another? The same seeds for both, an interval, and three answers.

A difference whose interval holds zero is "inconclusive": more seeds might settle it, a single
pair of runs never does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from recipe.config import Config
from recipe.data import Dataset
from recipe.runs.console import Advance
from recipe.training import Checkpoint, deciding_metric, evaluate, gain, train


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
    """better, worse or inconclusive."""

    seeds: int

    def __str__(self) -> str:
        return (
            f"{self.verdict}: {self.metric} {self.old:.4f} -> {self.new:.4f}, "
            f"gain {self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}], {self.seeds} seeds"
        )


def paired(
    new: Sequence[float],
    old: Sequence[float],
    metric: str,
    confidence: float = 0.95,
    resolution: float = 0.0,
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
    """
    gains = np.array([gain(metric, n, o) for n, o in zip(new, old, strict=True)])
    count = len(gains)
    new_diverged, old_diverged = (not np.isfinite(scores).all() for scores in (new, old))
    if new_diverged and old_diverged:
        mean = low = high = float("nan")
    elif new_diverged or old_diverged:
        mean = low = high = float("-inf" if new_diverged else "inf")
    else:
        mean = float(gains.mean())
        error = max(float(gains.std(ddof=1)), resolution) / float(np.sqrt(count))
        half = float(stats.t.ppf(0.5 + confidence / 2, count - 1)) * error
        low, high = mean - half, mean + half
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return Comparison(
        metric, float(np.mean(new)), float(np.mean(old)), mean, low, high, verdict, count
    )


def resolution_of(metric: str, data: Dataset) -> float:
    """One validation example more or less, for a metric that counts examples."""
    return 1 / len(data.val) if metric == "accuracy" else 0.0


def score_seeds(
    config: Config,
    data: Dataset,
    seeds: Sequence[int],
    advance: Advance,
    name: str,
    checkpoint: Callable[[str], Path] | None = None,
) -> list[float]:
    """Train the config once for each seed.

    Args:
        config: what to train.
        data: trained on train, scored on val.
        seeds: of the trainings.
        advance: told after each training.
        name: what this config is called in the progress.
        checkpoint: from the name of a training to the file that keeps it; None: none does.

    Returns:
        The deciding metric on val, in inference mode, for each seed.
    """
    metric = deciding_metric(config, data.task)
    scores = []
    for seed in seeds:
        training = f"{name}, seed {seed}"
        kept = Checkpoint(checkpoint(training)) if checkpoint else None
        fitted = train(config, data, seed, checkpoint=kept, trainings=len(seeds))
        score = evaluate(fitted.model, data.val, data, config.train.loss)[metric]
        scores.append(float("nan") if fitted.diverged else score)
        advance(f"{training}: val {metric} {scores[-1]:.4f}")
    return scores


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
