"""What still regularizes a compiled net, augments its examples or schedules its rate.

`without_regularization` switches off what the config says. This looks at the net that came of it:
what a body of somebody's own holds is no key's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from recipe.training.layers import leaves

RANDOM = tuple(
    kind
    for name, kind in vars(keras.layers).items()
    if name.startswith("Random") or name in ("MixUp", "CutMix", "RandAugment")
)
"""Layers that change examples at random in training."""

REGULARIZING = "keras.src.layers.regularization"
"""Package of the layers that do nothing but hold back, and drop, add or punish by so much:"""

AMOUNTS = ("rate", "stddev", "l1", "l2")

DROPS = ("dropout", "_dropout", "recurrent_dropout")
"""Attributes of other layers: recurrent ones, attention."""


def held_back_by(model: keras.Model) -> list[str]:
    """What holds a net back from fitting, in words; nothing in the second and third stage.

    A frozen backbone is left out: how it was trained is no choice of this training.

    Args:
        model: compiled.
    """
    layers = [layer for layer in leaves(model) if layer.trainable]
    found = [said for layer in layers for said in _of_layer(layer)]
    for variable in model.trainable_variables:
        for name in ("regularizer", "constraint"):
            if getattr(variable, name, None) is not None:
                found.append(f"a {name} of {variable.path}")
    return [*found, *_of_optimizer(model.optimizer), *_of_loss(model.loss)]


def _of_layer(layer: keras.layers.Layer) -> Iterator[str]:
    if isinstance(layer, RANDOM):
        yield f"the layer {layer.name!r}, which changes examples at random"
    # other layers may mean something else by a rate or a factor
    holds = any(base.__module__.startswith(REGULARIZING) for base in type(layer).__mro__)
    if any(_amount(layer, name) for name in (AMOUNTS if holds else DROPS)):
        yield f"the layer {layer.name!r} ({type(layer).__name__})"
    if getattr(layer, "activity_regularizer", None) is not None:
        yield f"a penalty on what {layer.name!r} puts out"


def _amount(layer: keras.layers.Layer, name: str) -> float:
    given = getattr(layer, name, None)
    return float(given) if isinstance(given, int | float) else 0.0


def _of_optimizer(optimizer: Any) -> Iterator[str]:
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer.weight_decay:
        yield f"a weight decay of {optimizer.weight_decay:g}"
    if optimizer.use_ema:
        yield "an average of the weights"
    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        yield "a schedule of the learning rate"


def _of_loss(loss: Any) -> Iterator[str]:
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if smoothing:
        yield f"label smoothing of {smoothing:g}"
