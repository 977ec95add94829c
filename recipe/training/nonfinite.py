"""Which tensor was the first to be NaN or infinite, and in which step.

A loss that is NaN says nothing: everything after the first bad number is bad. So the steps that
led there are computed again from the last good state, and the step that broke is looked at in
the order in which it is computed: input, activations, loss, gradients, weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.training.layers import recorded


@dataclass(frozen=True)
class NonFinite:
    """The first tensor that was not finite."""

    kind: str
    """input, target, activation, loss, gradient or weight."""

    name: str
    """Of the layer or the variable; empty for input, target and loss."""

    epoch: int
    """From 0."""

    step: int | None
    """Of the epoch, from 0; None where several replicas made it together."""

    def __str__(self) -> str:
        what = {"activation": "output of", "gradient": "gradient of", "weight": "weight"}
        named = f"{what[self.kind]} {self.name}" if self.name else self.kind
        step = "" if self.step is None else f", step {self.step + 1}"
        return f"{named} in epoch {self.epoch + 1}{step}"


def first_bad_step(is_bad_after: Callable[[int], bool], steps: int) -> int:
    """The number of the first step after which the state is bad, by bisection.

    Args:
        is_bad_after: whether the state is bad after that many steps from the last good one.
        steps: after which it is known to be bad.
    """
    good, bad = 0, steps
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_bad_after(middle):
            bad = middle
        else:
            good = middle
    return bad - 1


def is_finite(variables: Iterable[Any]) -> bool:
    """Whether all numbers in all variables of floating point are finite."""
    return all(_finite(variable) for variable in variables)


def find_in_step(model: keras.Model, batch: tuple[Any, ...], epoch: int, step: int) -> NonFinite:
    """Take one step, and name its first tensor that is not finite.

    Args:
        model: in the state before the step; the step is taken.
        batch: x, y and perhaps weights.
        epoch: its number
        step: its number.
    """

    def bad(kind: str, name: str = "") -> NonFinite:
        return NonFinite(kind, name, epoch, step)

    x, y, *weights = batch
    if not _finite(x):
        return bad("input")
    if not _finite(y):
        return bad("target")
    with recorded(model) as outputs, tf.GradientTape() as tape:
        predicted = model(x, training=True)
        loss = model.compute_loss(x, y, predicted, *weights, training=True)
        scaled = model.optimizer.scale_loss(loss)
    for layer, _, output in outputs:
        if not is_finite(keras.tree.flatten(output)):
            return bad("activation", layer.name)
    if not _finite(loss):
        return bad("loss")
    gradients = tape.gradient(scaled, [weight.value for weight in model.trainable_variables])
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        if gradient is not None and not _finite(tf.convert_to_tensor(gradient)):
            return bad("gradient", weight.path)
    model.optimizer.apply(gradients, model.trainable_variables)
    for weight in model.variables:
        if not _finite(weight):
            return bad("weight", weight.path)
    return bad("loss")  # its mean over the batches overflowed


def _finite(value: Any) -> bool:
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    # bfloat16 is no kind of float to NumPy, and counts by its numbers all the same
    return array.dtype.kind in "iub" or bool(np.isfinite(array.astype(np.float64)).all())
