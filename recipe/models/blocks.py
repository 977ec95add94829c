"""The one block that every family repeats.

Norm, dropout, initializer and activation are one key each; here is the only place that turns
them into layers. Where norm and dropout stand is decided in `config/policies.py`. To add a norm,
put a line into `NORMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from recipe.config import KerasObject, ModelConfig
from recipe.config.policies import RELU_LIKE, activation_name, dropout_position, norm_stands_before

NORMS: dict[str, Callable[[ModelConfig, str, int], keras.layers.Layer]] = {
    "batch": lambda config, name, channels: keras.layers.BatchNormalization(
        momentum=config.norm_momentum, epsilon=config.norm_epsilon, name=name
    ),
    "layer": lambda config, name, channels: keras.layers.LayerNormalization(
        epsilon=config.norm_epsilon, name=name
    ),
    "group": lambda config, name, channels: keras.layers.GroupNormalization(
        groups(channels), epsilon=config.norm_epsilon, name=name
    ),
}
"""Each makes a layer from the config, the layer's name and the number of units or channels."""

GROUP = 16
"""Channels of a group, or as near to it as divides them (Wu and He 2018, figure on groups)."""


def initializer(config: ModelConfig) -> Any:
    """The hidden layers' kernel initializer, as a Keras identifier.

    auto, by the activation that follows: He for ReLU-like ones (He et al. 2015), LeCun for
    selu (Klambauer et al. 2017), Glorot for the rest (Glorot & Bengio 2010). A name and never
    an instance: two layers that share an instance get equal weights.
    """
    if isinstance(config.kernel_initializer, KerasObject):
        return config.kernel_initializer.model_dump()
    named = {
        # 1/sqrt(fan_in) to both sides: its variance is a sixth of He's, so that the signal of a
        # deep ReLU net fades (course notes; checklist 2.2)
        "uniform_fan_in": {
            "class_name": "VarianceScaling",
            "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
        },
        # both are scaled by data after the net is built (`recipe/training/data_init.py`)
        "lsuv": "orthogonal",
        "krahenbuhl": "random_normal",
    }
    if config.kernel_initializer != "auto":
        return named.get(config.kernel_initializer, config.kernel_initializer)
    name = activation_name(config)
    if name == "selu":
        return "lecun_normal"
    return "he_normal" if name in RELU_LIKE else "glorot_uniform"


def groups(channels: int) -> int:
    """In how many groups of about 16 the channels are divided."""
    most = max(channels // GROUP, 1)
    return max(count for count in range(1, most + 1) if channels % count == 0)


def activation_layer(config: ModelConfig, name: str) -> keras.layers.Layer:
    """The activation as a layer of its own, so that norm and noise can stand on either side."""
    if isinstance(config.activation, str):
        return keras.layers.Activation(config.activation, name=name)
    given = config.activation
    layer = getattr(keras.layers, given.class_name)
    return layer(**{"name": name, **given.config})


def block(
    x: keras.KerasTensor,
    config: ModelConfig,
    layer: Callable[..., keras.layers.Layer],
    name: str,
    last: bool,
    shortcut: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """One hidden layer: kernel, norm, activation, noise, dropout, in the order configured.

    Args:
        x: input of the block.
        config: the policies.
        layer: makes the kernel layer from Keras arguments, e.g. `partial(Dense, 64)`.
        name: of the kernel layer, e.g. "dense_1", with which the others' names begin. They are
            the same in every net: Keras would count on from net to net, and no two runs in
            TensorBoard would share a tag.
        last: whether it is the last block before the head.
        shortcut: added before the activation, of the layer's own shape (He et al. 2016, "Deep
            Residual Learning").
    """
    before = config.norm != "none" and norm_stands_before(config)
    position = dropout_position(config)

    # a norm right behind the kernel subtracts any bias again
    bias_is_useless = before and not (config.dropout > 0 and position == "before_norm")
    x = layer(
        name=name,
        use_bias=not bias_is_useless,
        kernel_initializer=initializer(config),
        kernel_regularizer=penalty(config),
        kernel_constraint=max_norm(config, x),
    )(x)
    channels = x.shape[-1]
    if config.dropout and position == "before_norm":
        x = dropout(config, x, name)
    if before:
        x = NORMS[config.norm](config, f"{name}_norm", channels)(x)
    if shortcut is not None:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    x = activation_layer(config, f"{name}_activation")(x)
    if config.norm != "none" and not before:
        x = NORMS[config.norm](config, f"{name}_norm", channels)(x)
    if config.noise.activation:
        x = keras.layers.GaussianNoise(config.noise.activation, name=f"{name}_noise")(x)
    if config.dropout and (position == "after_norm" or (position == "last" and last)):
        x = dropout(config, x, name)
    return x


def penalty(config: ModelConfig) -> keras.regularizers.Regularizer | None:
    """What is added to the loss for large weights; an object of its own for each layer."""
    if config.l1 and config.l2:
        return keras.regularizers.L1L2(config.l1, config.l2)
    if config.l1:
        return keras.regularizers.L1(config.l1)
    return keras.regularizers.L2(config.l2) if config.l2 else None


def max_norm(config: ModelConfig, x: keras.KerasTensor) -> keras.constraints.Constraint | None:
    """The longest that the weights into one unit may be (Srivastava et al. 2014, Dropout).

    Args:
        config: the policies.
        x: input of the layer: all axes of a kernel but the last lead into a unit.
    """
    if config.max_norm is None:
        return None
    axes = [0, 1, 2] if len(x.shape) == 4 else 0
    return keras.constraints.MaxNorm(config.max_norm, axis=axes)


def dropout(config: ModelConfig, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Whole channels after a convolution, and for selu what keeps its mean and variance.

    Source: Tompson et al. 2015; Klambauer et al. 2017, "Self-Normalizing Neural Networks".
    """
    kind = keras.layers.SpatialDropout2D if len(x.shape) == 4 else keras.layers.Dropout
    if activation_name(config) == "selu" and len(x.shape) == 2:
        kind = keras.layers.AlphaDropout
    return kind(config.dropout, name=f"{name}_dropout")(x)
