"""Batch norm at evaluation: its statistics measured over the training set, and how far off it is.

Moving averages are taken while the net trains: dropout is on, weights still move, and a short
training leaves a part of their initial value. Here they are measured afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from recipe.data.stored import Stored
from recipe.training.evaluate import BLOCK

DROPOUT = (
    keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
    keras.layers.AlphaDropout, keras.layers.GaussianDropout,
)  # fmt: skip


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The batch norms of a net, in the order in which they are computed."""
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


def has_dropout_and_batch_norm(model: keras.Model) -> bool:
    """Whether dropout may have taught a batch norm another variance than it will meet."""
    drops = any(isinstance(layer, DROPOUT) for layer in model.layers)
    return drops and bool(batch_norms(model))


def recalibrate(model: keras.Model, x: np.ndarray | Stored) -> None:
    """Replace every moving average by the statistic of the whole set, without dropout.

    First to last, for what a batch norm sees depends on those before it.

    Args:
        model: its batch norms change.
        x: training examples as the net sees them, (examples, *shape).

    Source: the population statistics of Ioffe and Szegedy 2015, algorithm 2; with dropout off,
    the remedy of Li et al. 2019, "Understanding the Disharmony between Dropout and Batch
    Normalization by Variance Shift".
    """
    for layer in batch_norms(model):
        mean, variance = _statistics(model, layer, x)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def variance_shift(model: keras.Model, x: np.ndarray | Stored) -> dict[str, float]:
    """How much the variance that each batch norm meets differs from the one it divides by.

    Args:
        model: in inference mode.
        x: examples as the net sees them, (examples, *shape).

    Returns:
        Name of a batch norm -> median over its channels of variance over moving variance.
        Channels that are constant in both are left out; NaN if all are.
    """
    shifts = {}
    for layer in batch_norms(model):
        _, variance = _statistics(model, layer, x)
        learnt = np.asarray(layer.moving_variance)
        alive = (variance > DEAD) & (learnt > DEAD)
        ratios = variance[alive] / learnt[alive]
        shifts[layer.name] = float(np.median(ratios)) if len(ratios) else float("nan")
    return shifts


DEAD = 1e-6
"""Variance below which a unit says nothing: a ratio of two such numbers is rounding."""


def _statistics(
    model: keras.Model, layer: keras.layers.Layer, x: np.ndarray | Stored
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel of a layer's input, (channels,) float64."""
    upto = keras.Model(model.inputs[0], layer.input)
    count, mean, squares = 0, 0.0, 0.0
    for block in _blocks(x):
        seen = np.asarray(upto(block, training=False), np.float64)
        seen = seen.reshape(-1, seen.shape[-1])
        # joined as Chan et al. 1979 do: squares about zero would cancel for large means
        new = len(seen)
        here = seen.mean(axis=0)
        step = here - mean
        squares = squares + ((seen - here) ** 2).sum(axis=0) + step**2 * count * new / (count + new)
        mean, count = mean + step * new / (count + new), count + new
    return np.asarray(mean), np.asarray(squares) / count


def _blocks(x: np.ndarray | Stored) -> Iterator[np.ndarray]:
    for start in range(0, len(x), BLOCK):
        yield x[start : start + BLOCK]
