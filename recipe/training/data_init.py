"""Initializers that look at data: layer after layer, weights are scaled by what comes out.

What a layer puts out then has the same size in every layer, whatever the activation and the
depth, before the first step.
"""

from __future__ import annotations

import keras
import numpy as np

from recipe.config import Config
from recipe.data import Split
from recipe.models import HEAD
from recipe.models.blocks import initializer

TOLERANCE = 0.1
"""Of the variance of each layer's output about 1 (Mishkin and Matas 2016, their Tol_var)."""

ROUNDS = 10
"""In which it must be reached (their T_max). A layer is linear: one is enough, if it is alive."""

EXAMPLES = 512
"""Training examples that are looked at; their batches have 128 to 256."""

DATA_DRIVEN = ("lsuv", "krahenbuhl")

KERNELS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D)


def redraw(model: keras.Model, config: Config, train: Split) -> None:
    """Draw the hidden kernels of a fresh net anew, as another config would have drawn them.

    Nets that differ in their initializer alone then share a compiled graph.

    Args:
        model: one of our families.
        config: its `model.kernel_initializer` is used.
        train: what data-driven initializers look at.
    """
    given = initializer(config.model)
    for layer in model.layers:
        if isinstance(layer, KERNELS) and layer.name != HEAD:
            # an instance of its own, with a seed of its own
            layer.kernel.assign(keras.initializers.get(given)(layer.kernel.shape))
    if config.model.kernel_initializer in DATA_DRIVEN:
        initialize_by_data(model, str(config.model.kernel_initializer), train.drawn(EXAMPLES).x)


def initialize_by_data(model: keras.Model, kind: str, x: np.ndarray) -> None:
    """Scale the kernels of a fresh net.

    The head stays as it is: it is small on purpose. Where a layer's output does not vary, as
    behind dead units, it is left alone.

    Args:
        model: built, with weights from the initializer's first step (orthogonal or normal).
        kind: "lsuv": the variance of each layer's output becomes 1, all units together (Mishkin
            and Matas 2016, "All you need is a good init"). "krahenbuhl": each unit's output gets
            mean 0 and variance 1 (Krähenbühl et al. 2016, "Data-dependent Initializations").
        x: training examples as the net sees them, (examples, *shape).
    """
    scale = {"lsuv": _unit_variance, "krahenbuhl": _unit_variance_each}[kind]
    for layer in model.layers:
        if isinstance(layer, KERNELS) and layer.name != HEAD:
            scale(layer, keras.Model(model.inputs[0], layer.output), x)


def _unit_variance(layer: keras.layers.Layer, upto: keras.Model, x: np.ndarray) -> None:
    for _ in range(ROUNDS):
        variance = float(np.asarray(upto(x, training=False)).var())
        if abs(variance - 1) <= TOLERANCE or not variance > 0:
            return
        layer.kernel.assign(layer.kernel / np.sqrt(variance))


def _unit_variance_each(layer: keras.layers.Layer, upto: keras.Model, x: np.ndarray) -> None:
    outputs = np.asarray(upto(x, training=False))
    outputs = outputs.reshape(-1, outputs.shape[-1])
    mean, std = outputs.mean(axis=0), outputs.std(axis=0)
    alive = std > 0
    factor = np.where(alive, 1 / np.where(alive, std, 1), 1.0).astype(np.float32)
    layer.kernel.assign(layer.kernel * factor)
    if layer.use_bias:
        # without one, a norm behind the layer takes out the mean
        layer.bias.assign(np.where(alive, (layer.bias - mean) * factor, layer.bias))
