"""What twice the data would bring: a power law through the learning curve, and how far to trust it.

The error after n examples is taken to be a + b n^-c (Hestness et al. 2017; Viering and Loog 2022).
A least-squares fit and its standard errors promise too much: c and a can't be told apart on a curve
that spans one decade. So here the curve is written by what it does from doubling to doubling. With
F the error now and D what the last doubling took from it, each further doubling takes r = 2^-c
times what the one before took: the next one leaves F - r D. For every r on a grid F and D are a
weighted linear fit; the grid is weighted by how well each r fits. What is drawn from all of them,
with an error that is never negative and never rises, plus the chance of the one training set that
somebody will collect, is the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATIOS = np.linspace(0.3, 0.98, 35)
"""r = 2^-c, equally likely beforehand: exponents from 0.03 to 1.7. Published ones lie between 0.07
and 1 (Hestness et al. 2017, table 1; 0.5 and 1 are those of learning theory)."""

SLOPES = np.linspace(0.0, 1.0, 11)
"""How the spread from seed to seed falls with the examples: m^-slope."""

MISFIT = 1.0
"""Standard deviation by which a mean may lie off any power law, in spreads of one training; at a
tenth of the examples, three times as far. The trainings on one part share most of their examples,
so their mean is not as sure as their number says. Set so that truths scatter as the intervals say,
on 14 back-tests with phoneme, spambase, california and MNIST: by 1.0 of it, with 0.5 by 1.2."""

DRAWS = 400
"""For each ratio. The ends of the interval then vary by a fiftieth of its width (measured)."""

FEWEST = 4
"""Sizes with a finite score: three numbers are to be told."""


@dataclass(frozen=True)
class Forecast:
    """The error at twice the data."""

    now: float
    """Error with all examples: of the fit, which knows it better than the trainings alone."""

    twice: float
    """Median of what may be measured with twice as many."""

    low: float
    """Ends of the prediction interval of that."""

    high: float
    gain: float
    """Median of `now` less the error at twice the data, and the ends of its interval."""

    gain_low: float
    gain_high: float
    exponent: tuple[float, float]
    """Of the power law, an 80 % interval: seldom a narrow one."""

    sizes: np.ndarray
    """(places,) examples, for a figure; from the smallest part to beyond twice the data."""

    band: np.ndarray
    """(3, places): lower end, median and upper end of the curve there."""


def forecast(
    sizes: Sequence[int],
    errors: Sequence[Sequence[float]],
    confidence: float,
    resolution: float = 0.0,
    seed: int = 0,
) -> Forecast | None:
    """Predict the error at twice the largest size.

    Args:
        sizes: examples, rising, (sizes,).
        errors: of each training, (sizes, seeds), 0 at best; the seeds may be of different number. A
            training that is not finite is left out.
        confidence: of the two-sided intervals.
        resolution: smallest difference that the error can show: a spread of 0 is not taken for one.
        seed: of the draws.

    Returns:
        None: fewer than four sizes have a score, or no size has two.
    """
    found = [np.asarray(each, float) for each in errors]
    found = [each[np.isfinite(each)] for each in found]
    kept = [i for i, each in enumerate(found) if len(each)]
    found, m = [found[i] for i in kept], np.array([sizes[i] for i in kept], float)
    if len(m) < FEWEST or max(len(each) for each in found) < 2 or kept[-1] != len(sizes) - 1:
        return None
    spread, slope, free = _spread(m, found, resolution)
    rng = np.random.default_rng(seed)
    curve = _drawn(m, found, spread, slope, free, rng)
    chance = spread * 2**-slope * rng.standard_t(free, len(curve.now))
    ends = np.array([(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    measured = np.maximum(curve.now - curve.ratio * curve.drop + chance, 0)
    low, twice, high = np.quantile(measured, ends)
    now = float(np.median(curve.now))
    gain_low, gain, gain_high = np.quantile(curve.now - measured, ends)
    steep, flat = np.quantile(curve.ratio, [0.1, 0.9])
    places = np.geomspace(m[0], 2.2 * m[-1], 60)
    shape = _shape(places[:, np.newaxis] / m[-1], curve.ratio)
    band = np.quantile(curve.now + curve.drop * shape, ends, axis=1)
    return Forecast(
        now, float(twice), float(low), float(high), float(gain), float(gain_low), float(gain_high),
        (float(-np.log2(flat)), float(-np.log2(steep))), places, band,
    )  # fmt: skip


@dataclass(frozen=True)
class _Curves:
    """Power laws that may be the true one, (draws,) each."""

    now: np.ndarray
    drop: np.ndarray
    """What the last doubling took."""
    ratio: np.ndarray


def _shape(part: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """How far a curve lies above its value at all examples, in drops of the last doubling."""
    return (part ** np.log2(ratio) - 1) / (1 / ratio - 1)


def _spread(
    m: np.ndarray, found: Sequence[np.ndarray], resolution: float
) -> tuple[float, float, int]:
    """Standard deviation of one training with all examples, how it falls, degrees of freedom.

    The sizes are pooled: three seeds of one size say little about its spread.
    """
    squares = np.array([((each - each.mean()) ** 2).sum() for each in found])
    free = np.array([len(each) - 1 for each in found])
    part = m / m[-1]

    def unlikely(slope: float) -> float:
        scaled = (squares * part ** (2 * slope)).sum() / free.sum()
        return float(
            np.log(max(scaled, 1e-300)) * free.sum() - 2 * slope * (free * np.log(part)).sum()
        )

    slope = float(min(SLOPES, key=unlikely))
    spread = float(np.sqrt((squares * part ** (2 * slope)).sum() / free.sum()))
    return max(spread, resolution / 2, 1e-12), slope, int(free.sum())


def _drawn(
    m: np.ndarray,
    found: Sequence[np.ndarray],
    spread: float,
    slope: float,
    free: int,
    rng: np.random.Generator,
) -> _Curves:
    """Draw power laws by how well they fit."""
    means = np.array([each.mean() for each in found])
    counts = np.array([len(each) for each in found])
    part = m / m[-1]
    each = spread * part**-slope
    far = 1 + 2 * np.log(part) / np.log(0.1)
    variance = each**2 / counts + (MISFIT * spread * far) ** 2
    kept: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for ratio in RATIOS:
        x = np.stack([np.ones(len(m)), _shape(part, np.array(ratio))], axis=1)
        covariance = np.linalg.inv((x / variance[:, np.newaxis]).T @ x)
        best = covariance @ ((x / variance[:, np.newaxis]).T @ means)
        off = float((((means - x @ best) ** 2) / variance).sum())
        # the spread is itself an estimate: a t of its degrees of freedom, and not a normal
        log = 0.5 * np.linalg.slogdet(covariance)[1] - (free + len(m) - 2) / 2 * np.log1p(
            off / free
        )
        wide = np.sqrt((free + off) / rng.chisquare(free + len(m) - 2, DRAWS))
        drawn = (
            best
            + (rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(covariance).T)
            * wide[:, np.newaxis]
        )
        now, drop = drawn.T
        possible = (drop >= 0) & (now - drop * ratio / (1 - ratio) >= 0)
        kept.append(np.stack([now, drop, np.full(DRAWS, ratio)])[:, possible])
        weights.append(np.full(int(possible.sum()), log))
    log_weights = np.concatenate(weights)
    drawn = np.concatenate(kept, axis=1)
    if not len(log_weights):  # it rises: more data are taken to do nothing
        flat = np.full(DRAWS, means[-1])
        return _Curves(flat, np.zeros(DRAWS), np.full(DRAWS, RATIOS[-1]))
    chance = np.exp(log_weights - log_weights.max())
    rows = rng.choice(len(chance), 4000, p=chance / chance.sum())
    return _Curves(*drawn[:, rows])
