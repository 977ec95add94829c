"""Batch norm at evaluation: its statistics measured over the training set, and how far off it is.

Moving averages are taken while the net trains: dropout is on, weights still move, and a short
training leaves a part of their initial value. Here they are measured afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.data.stored import Stored
from recipe.training.evaluate import BLOCK
from recipe.training.plan import Plan

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


def wants_measured(model: keras.Model, plan: Plan, epoch: int) -> bool:
    """Whether batch norms are to be measured before the validation of an epoch.

    auto: an average of weights has other statistics than the weights that it was taken of, moving
    averages that still hold their initial value make validation losses wrong (checklist, fact 7),
    and those of few examples noisy.
    """
    norms = batch_norms(model)
    if plan.norms == "moving" or not norms:
        return False
    if plan.norms == "population" or plan.averages:
        return True
    momentum = max(norm.momentum for norm in norms)
    steps = (epoch + 1) * plan.steps
    seen = plan.batch_size * (1 + momentum) / (1 - momentum)
    return momentum**steps > REMEMBERED or seen < FEWEST


REMEMBERED = 0.01
"""Of the initial value, where the average no longer counts as settled (checklist, fact 7)."""

FEWEST = 4_000
"""Examples whose plain mean varies as much as the moving average does: population statistics
need 1,000 to 10,000 (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm")."""

MOST = 10_000
"""Examples that are measured where nobody asked for all."""


def examples_for_norms(x: Any, plan: Plan) -> Any:
    """The training examples that batch norms are measured on: all, or evenly spaced ones."""
    if plan.norms == "population" or len(x) <= MOST:
        return x
    rows = np.linspace(0, len(x) - 1, MOST).astype(int)
    return tf.gather(x, rows) if isinstance(x, tf.Tensor) else x[rows]


def norm_measure(model: keras.Model) -> Callable[[Any], None]:
    """A function of examples that gives batch norms their statistics in one pass.

    Layers are normalized by the statistics of a block of examples in the meantime, so that they
    needn't be measured one after another: exact up to one block, and nearly so beyond
    ("precise batch norm", Wu and Johnson 2021). `recalibrate` is exact, and slower.
    """
    norms = batch_norms(model)

    @tf.function(reduce_retracing=True, autograph=False)
    def moments(x: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        with _by_batch(norms) as seen:
            model(x, training=False)
        return [seen[id(norm)] for norm in norms]

    def measure(x: Any) -> None:
        found = [_Moments() for _ in norms]
        for some in _even_blocks(x):
            for each, (mean, variance) in zip(found, moments(some), strict=True):
                each.add(len(some), mean.numpy(), variance.numpy())
        for norm, each in zip(norms, found, strict=True):
            norm.moving_mean.assign(each.mean)
            norm.moving_variance.assign(each.variance)

    return measure


@contextmanager
def _by_batch(
    norms: list[keras.layers.BatchNormalization],
) -> Iterator[dict[int, tuple[tf.Tensor, tf.Tensor]]]:
    """Batch norms divide by the batch's own statistics, in a net that is in inference mode.

    So dropout and noise are off. What they saw stands under their ids.
    """
    seen: dict[int, tuple[tf.Tensor, tf.Tensor]] = {}

    def watched(norm: keras.layers.BatchNormalization) -> Callable[..., Any]:
        def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
            momentum, norm.momentum = norm.momentum, 0.0  # the average is the batch's own value
            try:
                output = type(norm).call(norm, inputs, training=True, mask=mask)
            finally:
                norm.momentum = momentum
            mean, variance = norm.moving_mean.value, norm.moving_variance.value
            seen[id(norm)] = tf.identity(mean), tf.identity(variance)
            return output

        return call

    try:
        for norm in norms:
            # past Keras's own __setattr__, as in `layers.py`
            object.__setattr__(norm, "call", watched(norm))
        yield seen
    finally:
        for norm in norms:
            norm.__dict__.pop("call", None)


class _Moments:
    """Mean and variance of each channel, (channels,) float64, joined block by block.

    As Chan et al. 1979 do: squares about zero would cancel for large means.
    """

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, count: int, mean: np.ndarray, variance: np.ndarray) -> None:
        total = self.count + count
        step = mean.astype(np.float64) - self.mean
        between = step**2 * self.count * count / total
        self._squares = self._squares + count * variance.astype(np.float64) + between
        self.mean, self.count = self.mean + step * count / total, total

    @property
    def variance(self) -> np.ndarray:
        return self._squares / self.count


def _statistics(
    model: keras.Model, layer: keras.layers.Layer, x: np.ndarray | Stored
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel of a layer's input, (channels,) float64."""
    upto = keras.Model(model.inputs[0], layer.input)
    found = _Moments()
    for block in _blocks(x):
        seen = np.asarray(upto(block, training=False), np.float64)
        seen = seen.reshape(-1, seen.shape[-1])
        found.add(len(seen), seen.mean(axis=0), seen.var(axis=0))
    return found.mean, found.variance


def _blocks(x: np.ndarray | Stored) -> Iterator[np.ndarray]:
    for start in range(0, len(x), BLOCK):
        yield x[start : start + BLOCK]


def _even_blocks(x: Any) -> Iterator[Any]:
    """As few blocks as there must be, about equally large: one of few examples is no batch."""
    count = -(-len(x) // BLOCK)
    for number in range(count):
        yield x[len(x) * number // count : len(x) * (number + 1) // count]
