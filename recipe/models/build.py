"""From a config and the shape of the data to an uncompiled `keras.Model` that ends in logits."""

from __future__ import annotations

import difflib

import keras
import numpy as np

from recipe.config import AugmentConfig, ModelConfig, RequestError, Task, load_function
from recipe.models.application import Scaling, as_rgb
from recipe.models.blocks import penalty
from recipe.models.errors import reason
from recipe.models.families import FAMILIES, Body
from recipe.models.tabular import before_body

NOT_AUGMENTED = AugmentConfig()

UNSCALED = (np.zeros(1), np.ones(1))

HEAD = "head"
"""Name of the last layer in every net."""

HEAD_STD = 0.01
"""A small head starts at the prior's loss, so the first steps aren't spent on unlearning
arbitrary confidence (measured: 2.307 against log 10 = 2.303; Keras's default head 2.69)."""


def build(
    config: ModelConfig,
    shape: tuple[int, ...],
    task: Task,
    prior: np.ndarray,
    augment: AugmentConfig = NOT_AUGMENTED,
    numbers: int = 0,
    scaling: Scaling | None = None,
) -> keras.Model:
    """Build the net.

    Args:
        config: which net; `norm_momentum` must be a number if there is batch norm.
        shape: of one example.
        task: what the target asks for.
        prior: what is known without the input: class shares (classes,), share of class 1 (1,),
            shares of the labels (labels,), or a constant of each target (targets,); its length is
            the number of outputs.
        augment: what happens to images in training.
        numbers: how many of a table's features, the first ones, are numbers.
        scaling: of images, which a pretrained backbone needs to undo it; None: they are as they
            were.

    Returns:
        A model from (batch, *shape) to logits (batch, outputs); for regression, predictions.

    Raises:
        RequestError: the config can't be built for this shape.
    """
    inputs = keras.Input(shape, name="input")
    x = inputs
    for layer in augmentation(augment, shape):
        x = layer(x)
    if config.noise.input:
        x = keras.layers.GaussianNoise(config.noise.input)(x)
    try:
        x = before_body(x, config, numbers)
        if config.family == "application":
            x = as_rgb(x, scaling or UNSCALED, config.backbone.white)
        x = _body(config)(x, config)
        head = keras.layers.Dense(
            len(prior),
            kernel_initializer=keras.initializers.RandomNormal(stddev=HEAD_STD),
            kernel_regularizer=penalty(config),
            name=HEAD,
        )
        outputs = head(x)
    except (TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"model: Keras can't build this net: {reason(error)}") from error
    if config.head_bias == "auto":
        head.bias.assign(prior_bias(task, prior))
    # a fixed name keeps the tags of TensorBoard's histograms the same from run to run
    return keras.Model(inputs, outputs, name="model")


def augmentation(config: AugmentConfig, shape: tuple[int, ...]) -> list[keras.layers.Layer]:
    """The layers that change images in training; they do nothing in inference mode.

    What comes in from beyond the edge is the edge's own color.

    Raises:
        RequestError: these are no images.
    """
    layers: list[keras.layers.Layer] = []
    if config.flip != "none":
        mode = config.flip if config.flip != "both" else "horizontal_and_vertical"
        layers.append(keras.layers.RandomFlip(mode, name="augment_flip"))
    edge = {"fill_mode": "nearest", "interpolation": "bilinear"}
    if config.shift:
        shift = keras.layers.RandomTranslation(
            config.shift, config.shift, **edge, name="augment_shift"
        )
        layers.append(shift)
    if config.rotate:
        layers.append(keras.layers.RandomRotation(config.rotate, **edge, name="augment_rotate"))
    if config.zoom:
        layers.append(keras.layers.RandomZoom(config.zoom, **edge, name="augment_zoom"))
    if layers and len(shape) != 3:
        raise RequestError(f"train.augment: is for images, got examples of shape {shape}")
    return layers


def prior_bias(task: Task, prior: np.ndarray) -> np.ndarray:
    """The bias with which a zero kernel predicts the prior.

    Source: Karpathy, "A Recipe for Training Neural Networks" (2019), step 2, "init well".
    """
    if task is Task.MULTICLASS:
        return np.log(prior)
    if task is Task.REGRESSION:
        return prior
    return np.log(prior / (1 - prior))


def _body(config: ModelConfig) -> Body:
    if config.family in FAMILIES:
        return FAMILIES[config.family]
    if ":" in config.family:
        return _own_body(config.family)
    near = difflib.get_close_matches(config.family, FAMILIES, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(FAMILIES)
    raise RequestError(
        f"model.family: one of {known} or module:function, got {config.family!r}{hint}"
    )


def _own_body(name: str) -> Body:
    """The user's function, with its errors explained."""
    function = load_function(name, "model.family")

    def body(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
        try:
            features = function(x, config)
        except Exception as error:
            said = f"{type(error).__name__}: {reason(error)}"
            raise RequestError(f"model.family: {name}() raised {said}") from error
        shape = getattr(features, "shape", None)
        if shape is None or len(shape) != 2:
            got = f"shape {tuple(shape)}" if shape is not None else type(features).__name__
            raise RequestError(
                f"model.family: {name}() must return what the head reads, a Keras tensor of "
                f"(batch, features), got {got}"
            )
        return features

    return body
