"""A net of `keras.applications` as a body: its weights, and pixels as it was trained on them.

Each application was trained on pixels that were prepared in a way of its own. So the scaling of
the data is undone in front of it, and its own `preprocess_input` put there, as layers of the net.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from recipe.config import KerasObject, ModelConfig, RequestError
from recipe.models.errors import reason

BACKBONE = "backbone"
"""Name of the application within the net."""

PREPARED = "prepared"
"""Name of the layer whose output enters the backbone."""

Scaling = tuple[np.ndarray, np.ndarray]
"""Mean and std by which images were scaled, (channels,) each."""


def preprocessing(config: ModelConfig) -> Callable[[Any], Any]:
    """The application's own `preprocess_input`: from RGB pixels, 0 to 255, to what it expects."""
    prepare: Callable[[Any], Any] = _module(_class_name(config)).preprocess_input
    return prepare


def as_rgb(x: Any, scaling: Scaling, white: float) -> Any:
    """Undo the scaling of the data: RGB pixels from 0 to 255, as every application expects them.

    Args:
        x: images as the net sees them, (batch, height, width, 1 or 3), a Keras tensor.
        scaling: what was done to them.
        white: value of a white pixel in the source.

    Raises:
        RequestError: these are no images, or images of other channels.
    """
    shape = x.shape[1:]
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise RequestError(
            f"model.family: application needs images, gray or in color, got examples of shape "
            f"{shape}"
        )
    mean, std = (np.asarray(part, np.float64) * 255 / white for part in scaling)
    x = keras.layers.Rescaling(std.tolist(), mean.tolist(), name="pixels")(x)
    return keras.layers.Concatenate(name="rgb")([x, x, x]) if shape[-1] == 1 else x


def backbone(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """From RGB pixels, 0 to 255, to the feature maps of the application.

    Weights that were read are frozen: batch norms too, which Keras then runs in inference mode.
    Those that are drawn learn with the rest, and batch norms are this config's.

    Raises:
        RequestError: the application can't be built for these images, or its weights not be read.
    """
    given, class_name = config.backbone, _class_name(config)
    arguments = given.name.config if isinstance(given.name, KerasObject) else {}
    shape = tuple(x.shape[1:])
    # an operation leaves a layer's name to others: where the net is cut to look at what enters
    x = keras.layers.Activation("linear", name=PREPARED)(preprocessing(config)(x))
    build = getattr(keras.applications, class_name)
    weights = given.weights if given.weights == "imagenet" else None
    if given.file is not None and not Path(given.file).is_file():
        raise RequestError(
            f"model.backbone.weights: there is no file {given.file}; write its path, imagenet or "
            f"null"
        )
    try:
        with warnings.catch_warnings():
            # convolutions fit any size: weights of 224 x 224 are the right ones
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            net = build(
                include_top=False, weights=weights, input_shape=shape, name=BACKBONE, **arguments
            )
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise RequestError(_cannot(class_name, arguments, shape, error)) from error
    except Exception as error:  # Keras's own word for a download that failed
        if weights is None:
            raise
        raise RequestError(
            f"model.backbone.weights: imagenet is not in Keras's cache, and could not be "
            f"downloaded: {reason(error)}; copy the file of that name to ~/.keras/models, or name "
            f"a file of weights"
        ) from error
    if given.weights is None:
        for layer in net.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = config.norm_momentum
        return net(x)
    if given.file is not None:
        _read_weights(net, Path(given.file), class_name)
    net.trainable = False
    return net(x)


def weights_at_hand(config: ModelConfig) -> Path | None:
    """The file of ImageNet's weights in Keras's cache, without the head, if it is there already.

    Its name is the application's, in Keras's many spellings; whether it fits is known only once
    it is read.
    """
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    own = re.compile(rf"(weights)?{_class_name(config).lower()}(?!v\d)")
    for path in sorted(home.glob("models/*.h5")):
        name = re.sub(r"[^a-z0-9]", "", path.name.lower())
        if "notop" in name and own.match(name):
            return path
    return None


def unfreeze(model: keras.Model) -> None:
    """Let a backbone's weights learn, all but those of batch norms.

    These stay in inference mode: on few examples, the statistics that they have learnt would be
    overwritten by worse ones (Keras's guide "Transfer learning & fine-tuning"). Of two ways that
    the guide has named, this one works: a model's `training=True` overrules the `training=False`
    with which the backbone was called in it.

    Args:
        model: a net of this family; to be compiled anew.
    """
    net = model.get_layer(BACKBONE)
    net.trainable = True
    for layer in net._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _read_weights(net: keras.Model, path: Path, class_name: str) -> None:
    """Raises RequestError: it holds no weights, or those of another net."""
    try:
        net.load_weights(path)
    except Exception as error:  # of h5py, zipfile and Keras, each its own
        raise RequestError(
            f"model.backbone.weights: {path} does not hold the weights of {class_name} without "
            f"its head, as save_weights writes them: {reason(error)}"
        ) from error


def _class_name(config: ModelConfig) -> str:
    given = config.backbone.name
    return given.class_name if isinstance(given, KerasObject) else given


def _module(class_name: str) -> ModuleType:
    return sys.modules[getattr(keras.applications, class_name).__module__]


def _cannot(class_name: str, arguments: dict[str, Any], shape: tuple[int, ...], error: Any) -> str:
    """What an application does not take: an argument, or images of this size."""
    known = inspect.signature(getattr(keras.applications, class_name)).parameters
    wrong = [name for name in arguments if name not in known]
    if wrong:
        return f"model.backbone.name: {class_name} has no argument {wrong[0]!r}"
    said = reason(error)
    if "nput size" in said or "nput_shape" in said or "negative dimension" in said.lower():
        said += "; for a folder of images, data.image_size sets the size"
    return f"model.backbone: {class_name} can't be built for images of {shape}: {said}"
