"""A net under the average of its weights, for as long as it is judged.

Keras's optimizers keep the average (`use_ema`) and put it in place when a training ends. Here the
net is validated and its best epoch is kept under it, too (Polyak and Juditsky 1992; Izmailov et
al. 2018 on why batch norm must then be measured anew).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def averages(model: keras.Model) -> list[keras.Variable]:
    """The averages of the trainable weights, in their order; none if the optimizer keeps none.

    Pinned by a test: Keras has no public name for them.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return optimizer._model_variables_moving_average if optimizer.use_ema else []


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Put the averages in the weights' place, and the weights back afterwards."""
    kept = averages(model)
    weights = model.trainable_variables if kept else []
    own = [weight.numpy() for weight in weights]
    for weight, average in zip(weights, kept, strict=True):
        weight.assign(average)
    yield
    for weight, value in zip(weights, own, strict=True):
        weight.assign(value)
