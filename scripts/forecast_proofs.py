"""The part of `make proof` about the data forecast: does its interval hold what came of it?

A back-test forecasts from half of the training examples and is judged by trainings on all of them.
scikit-learn's bundled sets are always measured; `DATA=` names a folder with `adult` and
`wine_white` as train.csv.gz. The constants of `recipe/compare/forecast.py` were set on four others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rows import at_most, measured
from scipy import optimize, stats

from recipe.compare import resolution_of, score_seed
from recipe.compare.curve import errors_of, learning_curve, nested
from recipe.compare.forecast import Forecast, forecast
from recipe.config import Config, read
from recipe.data import load
from recipe.runs import fingerprint
from recipe.runs.files import read_json, write_atomically
from recipe.training import prepare_runtime

CONFIDENCE = 0.95
SEEDS, CURVE_SEEDS = 5, 3
"""With all examples and with twice as many, and on each part of them: the stage's own defaults."""

STEPS = 1500
"""Of each training at least, on half of the examples: on few, more epochs."""

TRUTH_SEED = 100
COVERED = 15 / 20
WIDTH = 0.5
"""Of the error now: who knows nothing says that it will be between that and 0, which is 1."""

BUNDLED = {"digits": 6, "breast_cancer": 5, "diabetes": 5, "wine": 3, "iris": 3}
TABLES = {"adult": 3, "wine_white": 3}
LIMIT = 3000
"""Examples of a table: 1,050 are twice the data."""


@dataclass(frozen=True)
class BackTest:
    """What is forecast and what came of it, as errors: 0 at best."""

    name: str
    sizes: tuple[int, ...]
    errors: list[list[float]]
    """(sizes, seeds)."""

    twice: list[float]
    """(seeds,) with twice the examples."""

    resolution: float

    @property
    def truth(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.twice))

    @property
    def now(self) -> float:
        """The same with the examples that the forecast knows."""
        return float(np.mean(self.errors[-1]))


def forecasts(home: Path) -> list[dict[str, Any]]:
    """Forecasts from half of the examples, against trainings on all; widths beside a naive fit's.

    From and to are the 95 % interval of a share (Clopper and Pearson 1934), and the quartiles of a
    width.
    """
    prepare_runtime(1)
    tests = [
        _back_test(name, source, split, home)
        for name, source, count in _sets()
        for split in range(count)
    ]
    said = [(test, _said(test)) for test in tests]
    covered = [found.low <= test.truth <= found.high for test, found in said]
    naive = [_naive(test) for test in tests]
    also = [low <= test.truth <= high for test, (low, high) in zip(tests, naive, strict=True)]
    for (test, found), hit, (low, high) in zip(said, covered, naive, strict=True):
        print(
            f"{test.name}: {test.now:.4f} -> {test.truth:.4f}, forecast {found.twice:.4f} "
            f"[{found.low:.4f}, {found.high:.4f}] {hit}, naive [{low:.4f}, {high:.4f}]",
            flush=True,
        )
    count = len(tests)
    widths = np.array([(found.high - found.low) / test.now for test, found in said if test.now])
    against = np.array([
        (found.high - found.low) / (high - low)
        for (_, found), (low, high) in zip(said, naive, strict=True)
    ])  # fmt: skip
    what = f"{count} back-tests on {len(_sets())} sets"
    return [
        measured(f"{what}: the interval holds the error at twice the data",
                 *_share(covered), COVERED),
        at_most(f"{what}: width of the interval over the error now, median and quartiles",
                *_quartiles(widths), WIDTH),
        measured(f"{what}: share held, less that of a least-squares fit's own interval "
                 f"({sum(also)} of {count}; ours is {np.median(against):.2f} times as wide)",
                 (sum(covered) - sum(also)) / count, *_difference(covered, also), 0.0),
    ]  # fmt: skip


def _sets() -> list[tuple[str, str, int]]:
    """Name, source and number of splits."""
    found = [(name, f"sklearn:{name}", count) for name, count in BUNDLED.items()]
    if more := os.environ.get("DATA"):
        found += [(n, f"csv:{Path(more) / n / 'train.csv.gz'}", c) for n, c in TABLES.items()]
    return found


def _back_test(name: str, source: str, split: int, home: Path) -> BackTest:
    """Train what it takes, or read it; a stopped proof goes on."""
    config = read("configs/digits.yaml", [
        f"data.source={source}", "data.split.val=0.3", "data.split.test=0.05",
        f"data.split.seed={split}", f"data.limit={LIMIT}",
    ])  # fmt: skip
    about = fingerprint.digest(
        fingerprint.of_code("recipe.compare.curve"), config.model_dump(mode="json")
    )
    path = home / f"{name}_{split}.json"
    kept = read_json(path) or {}
    if kept.get("about") != about:
        kept = {"about": about, **_trained(config, split)}
        write_atomically(path, json.dumps(kept) + "\n")
        print(f"{path.stem}: trained", flush=True)
    return BackTest(
        path.stem, tuple(kept["sizes"]), kept["errors"], kept["twice"], kept["resolution"]
    )


def _trained(config: Config, split: int) -> dict[str, Any]:
    data = load(config.data)
    # every second split cuts the set down: shorter curves, of larger errors
    count = len(data.train) // (2 if split % 2 == 0 else 4) * 2
    order = nested(data, seed=split)[:count]
    twice = replace(data, train=data.train.take(order))
    now = replace(data, train=data.train.take(order[: count // 2]))
    steps = -(-len(now.train) // int(config.train.batch_size))
    config = config.replace({"train.epochs": max(config.train.epochs, -(-STEPS // steps))})
    whole = [score_seed(config, now, seed, trainings=20).score for seed in range(SEEDS)]
    curve = learning_curve(config, now, whole, range(CURVE_SEEDS), lambda _: None)
    then = [
        score_seed(config, twice, TRUTH_SEED + seed, trainings=20).score for seed in range(SEEDS)
    ]
    return {
        "sizes": curve.examples,
        "errors": [errors_of(curve.metric, each) for each in curve.scores],
        "twice": errors_of(curve.metric, then),
        "resolution": resolution_of(curve.metric, data),
    }


def _said(test: BackTest) -> Forecast:
    found = forecast(test.sizes, test.errors, CONFIDENCE, test.resolution)
    assert found is not None
    return found


def _naive(test: BackTest) -> tuple[float, float]:
    """What SciPy's least-squares fit of the means says of itself, by its covariance."""
    sizes, means = np.array(test.sizes) / test.sizes[-1], [np.mean(each) for each in test.errors]

    def law(n: float | np.ndarray, a: float, b: float, c: float) -> Any:
        return a + b * np.power(n, -c)

    start = [means[-1] / 2, means[-1] / 2 + 1e-6, 0.5]
    best, covariance = optimize.curve_fit(
        law, sizes, means, start, bounds=([0, 0, 0], [np.inf, np.inf, 5]), max_nfev=10_000
    )
    _, b, c = best
    slope = np.array([1.0, 2**-c, -b * np.log(2) * 2**-c])
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, len(means) - 3) * np.sqrt(slope @ covariance @ slope)
    middle = float(law(2.0, *best))
    return middle - float(half), middle + float(half)


def _share(hits: Sequence[bool]) -> tuple[float, float, float]:
    doubt = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return sum(hits) / len(hits), float(doubt.low), float(doubt.high)


def _quartiles(values: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def _difference(ours: Sequence[bool], theirs: Sequence[bool]) -> tuple[float, float]:
    """Of two shares on the same back-tests, by resampling these."""
    apart = np.array(ours, float) - np.array(theirs, float)
    drawn = np.random.default_rng(0).choice(apart, (2000, len(apart))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
