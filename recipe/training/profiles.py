"""What passes through a net's layers, forwards and backwards; and how its first layer moves."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.data import Split
from recipe.models import HEAD
from recipe.training.batches import column
from recipe.training.data_init import KERNELS
from recipe.training.layers import recorded

ALIVE = 1e-6
"""Standard deviation below which a unit says nothing, and its drift would be rounding."""


@dataclass(frozen=True)
class Profile:
    """A net's hidden layers, first to last."""

    mean: np.ndarray
    """(layers,) of what the activations put out."""

    std: np.ndarray
    """(layers,) of the same: units and examples together."""

    gradient: np.ndarray
    """(layers,) norm of the loss's gradient with respect to the layer's kernel."""


def profile(model: keras.Model, examples: Split) -> Profile:
    """Pass examples through a net and their loss back, and change nothing.

    Args:
        model: compiled, of one of our families: a kernel layer is followed by its activation.
        examples: in memory.
    """
    x, y = tf.constant(np.asarray(examples.x)), tf.constant(column(examples.y))
    others = [variable.value for variable in model.non_trainable_variables]
    weights = [tf.identity(variable.value) for variable in model.trainable_variables]
    with recorded(model) as outputs, tf.GradientTape() as tape:
        tape.watch(weights)
        # in training mode, for batch norm; stateless, so that its averages stay
        predicted, _ = model.stateless_call(weights, others, x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=predicted)
    kernels = [layer for layer in model.layers if isinstance(layer, KERNELS) and _hidden(layer)]
    places = {id(variable): n for n, variable in enumerate(model.trainable_variables)}
    wanted = [weights[places[id(layer.kernel)]] for layer in kernels]
    gradients = tape.gradient(loss, wanted, unconnected_gradients="zero")
    by_name = {call.layer.name: call.output for call in outputs}
    seen = [np.asarray(by_name[f"{layer.name}_activation"], np.float64) for layer in kernels]
    with np.errstate(all="ignore"):  # exploding ones overflow
        return Profile(
            np.array([float(values.mean()) for values in seen]),
            np.array([float(values.std()) for values in seen]),
            np.array([float(np.linalg.norm(np.asarray(g, np.float64))) for g in gradients]),
        )


class FirstLayer:
    """What the first hidden layer's activation is given: its pre-activations, on fixed examples.

    Where a batch norm stands between, it is computed with the statistics of these examples, as in
    training, and its moving averages are left alone.
    """

    def __init__(self, examples: Split) -> None:
        self._x = tf.constant(np.asarray(examples.x))
        self._parts: weakref.WeakKeyDictionary[keras.Model, Any] = weakref.WeakKeyDictionary()

    def __call__(self, model: keras.Model) -> np.ndarray:
        """(values, units): every example at every place."""
        layers = {layer.name: layer for layer in model.layers}
        first = next(layer for layer in model.layers if isinstance(layer, KERNELS))
        if model not in self._parts:
            upto = keras.Model(model.inputs[0], first.output)
            self._parts[model] = tf.function(upto)  # it is asked after every step
        values = self._parts[model](self._x, training=False).numpy().astype(np.float64)
        norm = layers.get(f"{first.name}_norm")
        if norm is None or not _is_before(model, norm, f"{first.name}_activation"):
            return values.reshape(-1, values.shape[-1])
        if not isinstance(norm, keras.layers.BatchNormalization):
            return np.asarray(norm(values), np.float64).reshape(-1, values.shape[-1])
        values = values.reshape(-1, values.shape[-1])
        gamma, beta = np.asarray(norm.gamma), np.asarray(norm.beta)
        scale = np.sqrt(values.var(axis=0) + norm.epsilon)
        return np.asarray(gamma * (values - values.mean(axis=0)) / scale + beta)


@dataclass(frozen=True)
class Drift:
    """How far a layer's pre-activations move from one step to the next, mean over units."""

    mean: float
    """|change of the mean| over the standard deviation before."""

    spread: float
    """|change of the log of the standard deviation|."""


def drift(means: np.ndarray, stds: np.ndarray) -> Drift:
    """The drift of a layer over a training.

    Args:
        means: of each unit's pre-activations at each step, (steps, units).
        stds: the same of their standard deviations.
    """
    alive = (stds > ALIVE).all(axis=0)
    if len(means) < 2 or not alive.any():
        return Drift(float("nan"), float("nan"))
    means, stds = means[:, alive], stds[:, alive]
    moved = np.abs(np.diff(means, axis=0)) / stds[:-1]
    widened = np.abs(np.diff(np.log(stds), axis=0))
    return Drift(float(moved.mean()), float(widened.mean()))


def _hidden(layer: keras.layers.Layer) -> bool:
    return layer.name != HEAD and not layer.name.startswith("shortcut")


def _is_before(model: keras.Model, one: keras.layers.Layer, other: str) -> bool:
    names = [layer.name for layer in model.layers]
    return names.index(one.name) < names.index(other)
