"""Data sets small enough to train on in a blink, for every task."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.config import Config, Task
from recipe.data import Dataset, Split
from recipe.data.features import ImageFeatures, learn_scaling
from recipe.training.batches import column
from recipe.training.trace import trace_of

FEATURES = 3


def dataset(task: Task = Task.MULTICLASS, train: int = 22, val: int = 12, **given: Any) -> Dataset:
    """Targets that follow from the inputs, with some noise. Inputs are in odd units.

    `classes` (a number, of labels for multilabel), `targets` (a number), `shape` and `y` (labels
    of train) can be given.
    """
    rng = np.random.default_rng(0)
    count = train + val + 8
    shape = given.get("shape", (FEATURES,))
    raw = rng.normal(5, 2, (count, *shape)).astype(np.float32)
    flat = raw.reshape(count, -1).astype(np.float64) - 5
    classes = given.get("classes", 2 if task is Task.BINARY else 3)
    target_scaling = None
    if task is Task.REGRESSION:
        targets = given.get("targets", 1)
        y = (flat @ rng.normal(size=(flat.shape[1], targets)) * 40 + 300).astype(np.float32)
        target_scaling = learn_scaling(y[:train], "standardize")
        y, classes = target_scaling.apply(y), 0
    elif task is Task.MULTILABEL:
        y = (flat[:, :classes] + rng.normal(0, 0.3, (count, classes)) > 0).astype(np.float32)
    else:
        score = flat[:, 0] + rng.normal(0, 0.3, count)
        y = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes))
        y = y.astype(np.int32)
    if "y" in given:
        y[:train] = np.reshape(given["y"], (train, *([-1] * (y.ndim - 1))))
    scaling = learn_scaling(raw[:train], "standardize")
    x, ids = scaling.apply(raw), np.arange(count)
    end = train + val
    return Dataset(
        task=task,
        train=Split(x[:train], y[:train], ids[:train], ids[:train]),
        val=Split(x[train:end], y[train:end], ids[train:end], ids[train:end]),
        test_x=x[end:],
        test_ids=ids[end:],
        classes=tuple("abcdefgh"[:classes]),
        features=ImageFeatures(scaling, shape, numbers=shape[0] if len(shape) == 1 else 0),
        target_scaling=target_scaling,
    )


def compiled_loss(model: keras.Model, split: Split) -> float:
    """As the resident epoch's validation computes it."""
    x, y = tf.constant(split.x), tf.constant(column(split.y))
    return trace_of(model, x, y, jit=False).validate(x, y)["loss"]


def config(**changes: Any) -> Config:
    """A net of a few units for a few steps; `__` stands for the dot in a key."""
    settings = {
        "model.widths": (4,),
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.learning_rate": 0.01,
    }
    return Config().replace(settings | {k.replace("__", "."): v for k, v in changes.items()})
