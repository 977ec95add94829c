"""The loss around a net: how it changes along the step that is taken, and which way it curves.

Both are asked of a net in the middle of its training, which goes on as if nobody had asked.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.data import Split
from recipe.training.batches import column

ALONG = (0.5, 1.0, 2.0, 4.0)
"""Times the step that the optimizer takes, at which the loss is asked for (Santurkar et al. 2018,
section 3.2: step sizes from a half to four times the rate)."""

LANCZOS_STEPS = 30
"""Hessian-vector products from each direction: as many eigenvalues are told apart."""

FLAT = 1e-3
"""An eigenvalue counts as negative below minus this part of the largest: around zero lie the
many directions in which the loss is flat, on either side by chance."""


@dataclass(frozen=True)
class AlongStep:
    """The loss on one batch, on the line of one step."""

    losses: np.ndarray
    """(1 + len(ALONG),) at the net's weights, and at so many times the step."""

    turns: np.ndarray
    """(len(ALONG),) norm of the gradient's change over the norm of the gradient at the start."""

    @property
    def spread(self) -> float:
        """From the lowest to the highest loss beyond the start."""
        return float(self.losses[1:].max() - self.losses[1:].min())

    @property
    def turn(self) -> float:
        """At the step's end, relative: 0 is a straight slope, 1 a gradient all new."""
        return float(self.turns[ALONG.index(1.0)])


def along_step(model: keras.Model, batch: Split) -> AlongStep:
    """Take the step that the optimizer would take on a batch, look along its line, and undo it.

    For plain SGD the line is that of the gradient, as in Santurkar et al. 2018, "How Does Batch
    Normalization Help Optimization?", figure 4; for others it is the way they really go.

    Args:
        model: compiled, with a rate; its weights and its optimizer end as they were.
        batch: examples, in memory.
    """
    if model not in _LINES:
        _LINES[model] = _compile_line(weakref.ref(model))
    losses, turns = _LINES[model](tf.constant(np.asarray(batch.x)), tf.constant(column(batch.y)))
    return AlongStep(losses.numpy(), turns.numpy())


_LINES: weakref.WeakKeyDictionary[keras.Model, Any] = weakref.WeakKeyDictionary()


def _compile_line(reference: weakref.ref[keras.Model]) -> Any:
    @tf.function(reduce_retracing=True)
    def line(x, y):  # type: ignore[no-untyped-def]
        model = reference()
        assert model is not None
        weights = model.trainable_variables
        touched = [*model.variables, *model.optimizer.variables]
        before = [tf.identity(variable.value) for variable in touched]

        def restore() -> None:
            for variable, value in zip(touched, before, strict=True):
                variable.assign(value)

        def loss_and_gradient() -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
            return loss, tape.gradient(loss, weights)

        starts = [tf.identity(weight.value) for weight in weights]
        loss, gradient = loss_and_gradient()
        model.optimizer.apply(gradient, weights)
        step = [weight.value - start for weight, start in zip(weights, starts, strict=True)]
        losses, turns = [loss], []
        for times in ALONG:
            restore()
            for weight, start, part in zip(weights, starts, step, strict=True):
                weight.assign(start + times * part)
            loss, there = loss_and_gradient()
            losses.append(loss)
            change = [new - old for new, old in zip(there, gradient, strict=True)]
            turns.append(tf.linalg.global_norm(change) / tf.linalg.global_norm(gradient))
        restore()
        return tf.stack(losses), tf.stack(turns)

    return line


@dataclass(frozen=True)
class Curvature:
    """What the Hessian of the loss looks like, by Lanczos from random directions."""

    negative: float
    """Share of its eigenvalues below -FLAT times the largest."""

    lowest: float
    largest: float
    """Eigenvalues, as far as Lanczos found them."""


def curvature(model: keras.Model, examples: Split, seed: int, directions: int = 2) -> Curvature:
    """The share of directions in which the loss curves down.

    Stochastic Lanczos quadrature (Golub and Welsch 1969; Ghorbani, Krishnan and Xiao 2019, "An
    Investigation into Neural Net Optimization via Hessian Eigenvalue Density"): from each random
    direction, Ritz values weighted by the squares of their vectors' first entries estimate the
    density of eigenvalues.

    Args:
        model: compiled; in inference mode, penalties included.
        examples: over which the loss is taken, in memory.
        seed: of the directions.
        directions: over which the density is averaged.
    """
    product = _hessian_product(model, examples)
    size = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    draws = np.random.default_rng(seed)
    found = [_lanczos(product, draws.choice([-1.0, 1.0], size)) for _ in range(directions)]
    largest = float(max(values.max() for values, _ in found))
    lowest = float(min(values.min() for values, _ in found))
    edge = -FLAT * max(largest, -lowest)
    shares = [float(weights[values < edge].sum()) for values, weights in found]
    return Curvature(float(np.mean(shares)), lowest, largest)


def _hessian_product(model: keras.Model, examples: Split) -> Any:
    if model not in _PRODUCTS:
        _PRODUCTS[model] = _compile_product(weakref.ref(model))
    x, y = tf.constant(np.asarray(examples.x)), tf.constant(column(examples.y))
    return lambda direction: _PRODUCTS[model](x, y, tf.constant(direction, tf.float32)).numpy()


_PRODUCTS: weakref.WeakKeyDictionary[keras.Model, Any] = weakref.WeakKeyDictionary()


def _compile_product(reference: weakref.ref[keras.Model]) -> Any:
    @tf.function(reduce_retracing=True)
    def product(x, y, direction):  # type: ignore[no-untyped-def]
        model = reference()
        assert model is not None
        weights = model.trainable_variables
        sizes = [int(np.prod(weight.shape)) for weight in weights]
        parts = [tf.reshape(part, weight.shape) for part, weight in
                 zip(tf.split(direction, sizes), weights, strict=True)]  # fmt: skip
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=False))
            gradient = inner.gradient(loss, weights)
            along = tf.add_n([tf.reduce_sum(g * p) for g, p in zip(gradient, parts, strict=True)])
        # a weight that the loss is linear in has none
        second = outer.gradient(along, weights, unconnected_gradients="zero")
        return tf.concat([tf.reshape(part, [-1]) for part in second], axis=0)

    return product


def _lanczos(product: Any, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ritz values and their weights, which add up to 1; orthogonalized fully, in double."""
    basis = [start / np.linalg.norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(LANCZOS_STEPS, len(start))):
        image = product(basis[-1]).astype(np.float64)
        diagonal.append(float(image @ basis[-1]))
        known = np.stack(basis)
        for _ in range(2):  # once leaves what rounding has brought back
            image -= known.T @ (known @ image)
        beside.append(float(np.linalg.norm(image)))
        if beside[-1] < 1e-6 * max(map(abs, diagonal)):
            break
        basis.append(image / beside[-1])
    off = beside[: len(diagonal) - 1]
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
    return values, vectors[0] ** 2
