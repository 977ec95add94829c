"""The bodies of nets: from an input to the features that the head reads.

To add a family, write a function from (inputs, config) to features and put it into `FAMILIES`.
Your own code needs no line here: `model.family: module:function` with the same signature.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

import keras

from recipe.config import ModelConfig, RequestError
from recipe.models.application import backbone
from recipe.models.blocks import block, dropout, initializer
from recipe.models.errors import reason

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
    return _dense_blocks(_pooled(x, config), config)


def resnet(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Pairs of 3x3 convolutions of `filters` with a shortcut around each, then dense blocks.

    Each pair but the first halves the image by its stride; a 1x1 convolution makes the shortcut
    fit (He et al. 2016, "Deep Residual Learning for Image Recognition").
    """
    if len(x.shape) != 4:
        raise RequestError(
            f"model.family: resnet needs images, got examples of shape {x.shape[1:]}"
        )
    for position, filters in enumerate(config.filters, start=1):
        strides = 2 if position > 1 and min(x.shape[1:3]) > 1 else 1
        convolution = partial(keras.layers.Conv2D, filters, 3, padding="same")
        shortcut = x
        if strides > 1 or x.shape[-1] != filters:
            shortcut = keras.layers.Conv2D(
                filters, 1, strides, kernel_initializer=initializer(config),
                name=f"shortcut_{position}",
            )(x)  # fmt: skip
        last = not config.widths and position == len(config.filters)
        first = partial(convolution, strides=strides)
        x = block(x, config, first, f"conv_{position}a", last=False)
        x = block(x, config, convolution, f"conv_{position}b", last, shortcut)
    return _dense_blocks(_pooled(x, config), config)


def application(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """The backbone, pooled, then dense blocks; `x` are RGB pixels from 0 to 255."""
    x = _pooled(backbone(x, config), config)
    if config.dropout and not config.widths:
        x = dropout(config, x, "pooled")
    return _dense_blocks(x, config)


def from_list(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """The layers of `model.layers`, each made by its constructor; flattened at the end."""
    if not config.layers:
        raise RequestError("model.layers: family layers needs at least one layer")
    for place, given in enumerate(config.layers):
        name = given if isinstance(given, str) else given.class_name
        arguments = {} if isinstance(given, str) else given.config
        kind = getattr(keras.layers, name, None)
        if not (isinstance(kind, type) and issubclass(kind, keras.layers.Layer)):
            near = difflib.get_close_matches(name, dir(keras.layers), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RequestError(f"model.layers: Keras has no layer {name!r}{hint}")
        try:
            x = kind(**{"name": f"layer_{place + 1}", **arguments})(x)
        except (TypeError, ValueError, AttributeError) as error:
            said = f"{name}, number {place + 1}: {reason(error)}"
            raise RequestError(f"model.layers: {said}") from error
    return keras.layers.Flatten()(x) if len(x.shape) > 2 else x


FAMILIES: dict[str, Body] = {
    "mlp": mlp,
    "cnn": cnn,
    "resnet": resnet,
    "application": application,
    "layers": from_list,
}


def _pooled(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    gap = config.pooling == "gap"
    return (keras.layers.GlobalAveragePooling2D if gap else keras.layers.Flatten)()(x)


def _dense_blocks(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    for position, width in enumerate(config.widths, start=1):
        dense = partial(keras.layers.Dense, width)
        shortcut = None
        if config.residual:
            shortcut = x
            if x.shape[-1] != width:
                shortcut = dense(
                    kernel_initializer=initializer(config), name=f"shortcut_dense_{position}"
                )(x)
        last = position == len(config.widths)
        x = block(x, config, dense, f"dense_{position}", last, shortcut)
    return x
