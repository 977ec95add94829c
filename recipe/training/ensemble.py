"""Several nets as one: averaged probabilities, and the model that a user carries away."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from recipe.config import Task
from recipe.data import Dataset


def average(logits: Sequence[np.ndarray], task: Task) -> np.ndarray:
    """The mean prediction of several nets, in the form that one net's logits have.

    Args:
        logits: of each net, (examples, outputs).
        task: classes are averaged as probabilities and turned back into logits.
    """
    if task is Task.REGRESSION:
        return np.mean(logits, axis=0)
    z = np.stack(logits).astype(np.float64)
    # logarithms throughout: as a probability, a sure answer would be rounded to 0 or 1
    if task is Task.MULTICLASS:
        return logsumexp(log_softmax(z, axis=2), axis=0) - np.log(len(z))
    return logsumexp(log_expit(z), axis=0) - logsumexp(log_expit(-z), axis=0)


def export(members: Sequence[keras.Model], data: Dataset) -> keras.Model:
    """A model from raw inputs to probabilities (regression: to the original unit).

    Args:
        members: nets that end in logits; their outputs are averaged.
        data: whose features they were trained with.

    Returns:
        Raw inputs by name, as `data.features.inputs` gives them -> (batch, classes), (batch, 1)
        for binary, (batch, labels) or (batch, targets).
    """
    inputs, x = data.features.layers()
    outputs = []
    for number, member in enumerate(members):
        # the nets share a name, and a model's layers must not
        net = keras.Model(member.inputs[0], member.outputs[0], name=f"member_{number}")
        outputs.append(_answer(data.task)(net(x)))
    answer = keras.layers.Average(name="average")(outputs) if len(outputs) > 1 else outputs[0]
    if data.target_scaling is not None:
        answer = keras.layers.Rescaling(
            scale=data.target_scaling.std.tolist(),
            offset=data.target_scaling.mean.tolist(),
            name="unit",
        )(answer)
    return keras.Model(inputs, answer, name="recipe")


def members_of(model: keras.Model) -> list[keras.Model]:
    """The nets in an exported model, which end in logits."""
    return [layer for layer in model.layers if layer.name.startswith("member_")]


def _answer(task: Task) -> keras.layers.Layer:
    kind = {Task.MULTICLASS: "softmax", Task.REGRESSION: "linear"}.get(task, "sigmoid")
    return keras.layers.Activation(kind)
