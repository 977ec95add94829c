"""Is a gradient right? Central differences say so, for layers and losses of somebody's own.

A layer with a gradient of its own, a loss written by hand: the net trains all the same, only worse.
Source: CS231n, "Gradient checks": in double precision a relative error below 1e-4 is right, above
1e-2 wrong; in between a kink (ReLU) may have been stepped over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

STEP = 1e-6
"""Of a central difference, relative to the size of what is changed; in double precision."""

DIRECTIONS = 3
"""Random ones, for each array or weight."""

SMALLEST = 1e-7
"""A derivative below, relative to the largest: rounding is all that there is to compare."""


def gradient_error(
    function: Callable[[tf.Tensor], tf.Tensor], x: np.ndarray, *, seed: int = 0
) -> float:
    """How far a function's gradient is off its central differences.

    Args:
        function: of Keras or TensorFlow, from a float64 tensor to one of any shape: a layer made
            with `dtype="float64"`, or `lambda z: loss(y, z)`.
        x: where to look, of any shape.
        seed: of the random directions, and of the weights in the sum of the outputs.

    Returns:
        The largest relative error over a few directions, 0 to 2; NaN where nothing depends on x.
    """
    variable = tf.Variable(np.asarray(x, np.float64))
    weights = np.random.default_rng(seed).normal(size=function(variable).shape)

    def total() -> tf.Tensor:
        return tf.reduce_sum(
            tf.cast(function(tf.convert_to_tensor(variable)), tf.float64) * weights
        )

    with tf.GradientTape() as tape:
        value = total()
    gradient = tape.gradient(value, variable)
    errors = _errors(total, variable, gradient, np.random.default_rng(seed))
    return max((each for each in errors if np.isfinite(each)), default=float("nan"))


def weight_errors(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The same for the gradient of a compiled model's loss by each of its weights.

    Args:
        model: in double precision (`in_double_precision`); nothing is drawn: inference mode.
        x: a batch of inputs.
        y: their targets.

    Returns:
        Path of a trainable variable -> largest relative error; weights that have no gradient, or
        on which nothing depends, are left out.
    """
    given, target = tf.constant(x, tf.float64), tf.constant(y)

    def loss() -> tf.Tensor:
        return model.compute_loss(given, target, model(given, training=False), None)

    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [v.value for v in variables])
    rng, found = np.random.default_rng(0), {}
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient is not None:
            errors = [e for e in _errors(loss, variable.value, gradient, rng) if np.isfinite(e)]
            if errors:
                found[variable.path] = max(errors)
    return found


@contextmanager
def in_double_precision() -> Iterator[None]:
    """Nets that are built within compute in float64."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def _errors(
    total: Callable[[], tf.Tensor],
    variable: tf.Variable,
    gradient: tf.Tensor,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Relative error along each of some directions; NaN where both derivatives are nothing."""
    start = variable.numpy()
    gradient = np.asarray(tf.convert_to_tensor(gradient), np.float64)
    size = STEP * max(float(np.abs(start).max(initial=0.0)), 1.0)
    try:
        for _ in range(DIRECTIONS):
            direction = rng.normal(size=start.shape)
            direction /= np.linalg.norm(direction) or 1.0
            beside = []
            for sign in (1, -1):
                variable.assign(start + sign * size * direction)
                beside.append(float(total()))
            numeric = (beside[0] - beside[1]) / (2 * size)
            told = float((gradient * direction).sum())
            larger = max(abs(numeric), abs(told))
            least = SMALLEST * max(float(np.linalg.norm(gradient)), abs(beside[0]))
            yield abs(numeric - told) / larger if larger > least else float("nan")
    finally:
        variable.assign(start)
