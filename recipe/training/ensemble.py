"""Several nets as one: averaged probabilities, and the model that a user carries away."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from recipe.config import Task
from recipe.data import Dataset
from recipe.training.evaluate import probabilities


def average(logits: Sequence[np.ndarray], task: Task) -> np.ndarray:
    """The mean prediction of several nets, in the form that one net's logits have.

    Args:
        logits: of each net, (examples, outputs).
        task: classes are averaged as probabilities and turned back into logits.
    """
    if task is Task.REGRESSION:
        return np.mean(logits, axis=0)
    mean = np.mean([probabilities(z, task) for z in logits], axis=0)
    log = np.log(np.clip(mean, 1e-30, 1.0))
    return log[:, 1:] - log[:, :1] if task is Task.BINARY else log


def export(members: Sequence[keras.Model], data: Dataset) -> keras.Model:
    """A model from raw inputs to probabilities (regression: to the original unit).

    Args:
        members: nets that end in logits; their outputs are averaged.
        data: whose scaling they were trained with.

    Returns:
        (batch, *shape) unscaled -> (batch, classes), (batch, 1) for binary, or (batch, targets).
    """
    inputs = keras.Input(data.shape, name="input")
    variance = data.scaling.std**2
    x = keras.layers.Normalization(mean=data.scaling.mean, variance=variance, name="scaling")(
        inputs
    )
    outputs = []
    for number, member in enumerate(members):
        # the nets share a name, and a model's layers must not
        net = keras.Model(member.inputs[0], member.outputs[0], name=f"member_{number}")
        outputs.append(_answer(data.task)(net(x)))
    mean = keras.layers.Average(name="average")(outputs) if len(outputs) > 1 else outputs[0]
    if data.target_scaling is not None:
        mean = keras.layers.Rescaling(
            scale=data.target_scaling.std.tolist(),
            offset=data.target_scaling.mean.tolist(),
            name="unit",
        )(mean)
    return keras.Model(inputs, mean, name="recipe")


def _answer(task: Task) -> keras.layers.Layer:
    kind = {Task.MULTICLASS: "softmax", Task.BINARY: "sigmoid", Task.REGRESSION: "linear"}[task]
    return keras.layers.Activation(kind)
