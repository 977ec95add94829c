"""What a net shows before its first step: what it is given, what holds it back, what it reads.

Nothing is trained here.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from recipe.checks import pipeline
from recipe.config import Config, RequestError, Task
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.training import batch_size, new_model
from recipe.training.bare import held_back_by
from recipe.training.batches import column, first_batch
from recipe.training.dependencies import EXAMPLES, Reach, between_examples, unreached, unread
from recipe.training.gradients import in_double_precision, weight_errors

SHOWN = 8
"""Labels of the first batch that are named."""


WRONG_TYPE = (RequestError, TypeError, ValueError, tf.errors.InvalidArgumentError)
"""What Keras and TensorFlow raise where numbers of two precisions meet."""


def looked_at(config: Config, data: Dataset) -> list[Finding]:
    """The net that this stage will train, and its first batch."""
    model = new_model(config, data, config.seed)
    some = data.train.drawn(EXAMPLES, config.seed)
    (mask,) = unread(model, some.x)
    own = [_gradients(config, data)] if ":" in config.model.family else []
    return [
        *own,
        _first_batch(config, data),
        pipeline.check_regularization_off(held_back_by(model)),
        pipeline.check_examples_apart(
            _share(between_examples(model, some.x)),
            _share(between_examples(model, some.x, training=True)),
        ),
        _inputs_read(mask, data),
        pipeline.check_weights_reached(unreached(model, some.x, column(some.y))),
    ]


def _first_batch(config: Config, data: Dataset) -> Finding:
    batch = first_batch(data.train, batch_size(config, len(data.train)), config.seed)
    x, y = batch.x, batch.y
    alike = 1.0
    if data.task in (Task.BINARY, Task.MULTICLASS):
        inside = np.clip(y[:SHOWN], 0, len(data.classes) - 1)
        labels = [data.classes[place] for place in inside]
        if len(np.unique(y)) == 1:
            shares = np.bincount(data.train.y) / len(data.train)
            alike = float((shares ** len(y)).sum())
    elif data.target_scaling is not None:
        labels = [f"{value:.4g}" for value in data.target_scaling.undo(y[:SHOWN])[:, 0]]
    else:
        labels = ["+".join(np.array(data.classes)[row == 1]) or "none of them" for row in y[:SHOWN]]
    numbers = (float(x.min()), float(x.mean()), float(x.max()), float(x.std()))
    return pipeline.check_first_batch(str(x.dtype), x.shape, numbers, labels, alike)


def _inputs_read(mask: np.ndarray | None, data: Dataset) -> Finding:
    """Of an image, its channels and its pixels; of a table, its features.

    Args:
        mask: True where nothing depends on the input, of one example's shape.
        data: with the features' names.
    """
    if mask is None:
        return pipeline.skipped_inputs_read()
    places = mask.reshape(-1, mask.shape[-1])
    kind = "channels" if data.is_images else "features"
    names = data.features.names or [f"number {n + 1}" for n in range(places.shape[1])]
    cut = [names[place] for place in np.flatnonzero(places.all(axis=0))]
    return pipeline.check_inputs_read(cut, len(names), float((~places.all(axis=1)).mean()), kind)


def _gradients(config: Config, data: Dataset) -> Finding:
    """Of a body of somebody's own: Keras's layers are Keras's to test."""
    some = data.train.drawn(EXAMPLES, config.seed)
    try:
        with in_double_precision():
            model = new_model(config, data, config.seed)
            errors = weight_errors(model, some.x, column(some.y))
    except WRONG_TYPE:  # it is written for single precision, which is no fault
        return pipeline.check_gradients(None)
    return pipeline.check_gradients(errors)


def _share(reach: Reach | None) -> float | None:
    return None if reach is None else reach.share
