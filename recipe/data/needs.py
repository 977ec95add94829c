"""How much data and how much detail the problem needs, by the cheap model of `cheap.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from recipe.data.cheap import compress, fitted_forest

MOST_TRAINED = 15_000
"""Examples of train that the curve uses: with them, three curves on MNIST take 11 CPU seconds."""

MOST_JUDGED = 4000
"""Examples of val: one standard error of an accuracy is then below .8 %."""

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
FEWEST_TRAINED = 80
"""Below it, an eighth is fewer than ten examples."""

PROBED = 3000
"""Training examples of the detail probe, at each size."""

KEEPS = 0.99
"""Of the full-size score: checklist row 1.5."""

SMALLEST_SIDE = 4
"""Pixels."""


@dataclass(frozen=True)
class LearningCurve:
    """Scores on val (accuracy, or R2 for regression) against examples of train."""

    examples: tuple[int, ...]
    """1/8, 1/4, 1/2 and all of what was used of train."""

    scores: np.ndarray
    """(sizes, seeds)."""

    train_examples: int
    """All of train; more than the last of `examples` where the curve stops early."""

    @property
    def last_gain(self) -> float:
        """Of the last doubling, in the score's unit."""
        means = self.scores.mean(axis=1)
        return float(means[-1] - means[-2])

    @property
    def spread(self) -> float:
        """Standard error of the last gain over the seeds."""
        gains = self.scores[-1] - self.scores[-2]
        return float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("nan")

    @property
    def next_gain(self) -> float:
        """Expected of twice the data: gains shrink from doubling to doubling by one factor.

        The factor is the mean one of the last two steps of the curve, kept within 0..1.
        """
        gains = np.diff(self.scores.mean(axis=1))
        if gains[-1] <= 0 or gains[0] <= 0:
            return max(0.0, float(gains[-1]))
        factor = float(np.clip((gains[-1] / gains[0]) ** (1 / (len(gains) - 1)), 0, 1))
        doublings = 1 + np.log2(self.train_examples / self.examples[-1])
        return float(gains[-1] * factor**doublings)


def learning_curve(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    task_is_regression: bool,
    seeds: Sequence[int] = (0, 1, 2),
) -> LearningCurve | None:
    """The score on val of the cheap model, trained on 1/8, 1/4, 1/2 and all of train.

    Args:
        train_x: (examples, features) or images (examples, height, width, channels); at most
            15,000 are used.
        train_y: (examples,) class positions or quantities.
        val_x: like `train_x`; at most 4,000 are used.
        val_y: like `train_y`.
        task_is_regression: quantities.
        seeds: of the draws and the trees, one curve each.

    Returns:
        None with fewer than 80 training or 10 val examples, or a target that does not vary.
    """
    if len(train_x) < FEWEST_TRAINED or len(val_x) < 10:
        return None
    if len(np.unique(train_y)) < 2 or len(np.unique(val_y)) < 2:
        return None
    train_rows = _draw(len(train_x), MOST_TRAINED, seeds[0])
    val_rows = _draw(len(val_x), MOST_JUDGED, seeds[0])
    x = compress(np.concatenate([train_x[train_rows], val_x[val_rows]]), seeds[0])
    train, val = x[: len(train_rows)], x[len(train_rows) :]
    labels, truth = train_y[train_rows], val_y[val_rows]
    sizes = tuple(int(len(train) * share) for share in SHARES)
    scores = np.empty((len(sizes), len(seeds)))
    for j, seed in enumerate(seeds):
        order = np.random.default_rng(seed).permutation(len(train))
        for i, size in enumerate(sizes):
            some = order[:size]
            model = fitted_forest(train[some], labels[some], task_is_regression, seed)
            scores[i, j] = _score(truth, model.predict(val), task_is_regression)
    return LearningCurve(sizes, scores, len(train_x))


def detail(
    train_x: np.ndarray,
    train_y: np.ndarray,
    val_x: np.ndarray,
    val_y: np.ndarray,
    task_is_regression: bool,
    seed: int,
) -> dict[tuple[int, int], float] | None:
    """The score of the cheap model on images of full size and averaged down 2, 4 and 8 times.

    Args:
        train_x: images (examples, height, width, channels); at most 3,000 are used.
        train_y: (examples,) class positions or quantities.
        val_x: like `train_x`; at most 4,000 are used.
        val_y: like `train_y`.
        task_is_regression: quantities.
        seed: of the draw and the trees.

    Returns:
        (height, width) -> accuracy or R2 on val, the full size first; None for tables, images
        too small to shrink, or a target that does not vary.

    Source: checklist row 1.5.
    """
    if train_x.ndim != 4 or min(train_x.shape[1:3]) < 2 * SMALLEST_SIDE:
        return None
    if len(train_x) < FEWEST_TRAINED or len(val_x) < 10:
        return None
    if len(np.unique(train_y)) < 2 or len(np.unique(val_y)) < 2:
        return None
    train_rows = _draw(len(train_x), PROBED, seed)
    val_rows = _draw(len(val_x), MOST_JUDGED, seed)
    images = np.concatenate([train_x[train_rows], val_x[val_rows]]).astype(np.float32)
    scores = {}
    for factor in (1, 2, 4, 8):
        small = shrink(images, factor)
        if min(small.shape[1:3]) < SMALLEST_SIDE:
            break
        x = compress(small, seed)
        model = fitted_forest(x[: len(train_rows)], train_y[train_rows], task_is_regression, seed)
        predicted = model.predict(x[len(train_rows) :])
        height, width = small.shape[1:3]
        scores[height, width] = _score(val_y[val_rows], predicted, task_is_regression)
    return scores


def shrink(images: np.ndarray, factor: int) -> np.ndarray:
    """Averages of blocks of factor x factor pixels; what is left at the border is cut off.

    Args:
        images: (examples, height, width, channels).
        factor: of both sides.
    """
    examples, height, width, channels = images.shape
    rows, columns = height // factor, width // factor
    cut = images[:, : rows * factor, : columns * factor]
    return cut.reshape(examples, rows, factor, columns, factor, channels).mean(axis=(2, 4))


def _draw(examples: int, most: int, seed: int) -> np.ndarray:
    """Sorted row numbers: all, or `most` at random."""
    if examples <= most:
        return np.arange(examples)
    return np.sort(np.random.default_rng(seed).choice(examples, most, replace=False))


def _score(truth: np.ndarray, predicted: np.ndarray, regression: bool) -> float:
    return float((r2_score if regression else accuracy_score)(truth, predicted))
