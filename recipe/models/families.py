"""The bodies of nets: from an input to the features that the head reads.

To add a family, write a function from (inputs, config) to features and put it into `FAMILIES`.
Your own code needs no line here: `model.family: module:function` with the same signature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras

from recipe.config import ModelConfig, RequestError
from recipe.models.blocks import block

Body = Callable[[keras.KerasTensor, ModelConfig], keras.KerasTensor]


def mlp(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Dense blocks of `widths`; images are flattened."""
    if len(x.shape) > 2:
        x = keras.layers.Flatten()(x)
    return _dense_blocks(x, config)


def cnn(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """3x3 convolution blocks of `filters`, each halving the image, then dense blocks."""
    if len(x.shape) != 4:
        raise RequestError(f"model.family: cnn needs images, got examples of shape {x.shape[1:]}")
    for position, filters in enumerate(config.filters):
        convolution = partial(keras.layers.Conv2D, filters, 3, padding="same")
        nothing_follows = not config.widths and position == len(config.filters) - 1
        x = block(x, config, convolution, f"conv_{position + 1}", last=nothing_follows)
        if min(x.shape[1:3]) > 1:
            x = keras.layers.MaxPooling2D(2)(x)
    pool = keras.layers.GlobalAveragePooling2D if config.pooling == "gap" else keras.layers.Flatten
    return _dense_blocks(pool()(x), config)


FAMILIES: dict[str, Body] = {"mlp": mlp, "cnn": cnn}


def _dense_blocks(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    for position, width in enumerate(config.widths):
        dense = partial(keras.layers.Dense, width)
        last = position == len(config.widths) - 1
        x = block(x, config, dense, f"dense_{position + 1}", last)
    return x
