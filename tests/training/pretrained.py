"""A small application with weights in a file, as if somebody had trained it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

SIDE = 32
"""Of the smallest images that it takes."""

APPLICATION = {"class_name": "MobileNet", "config": {"alpha": 0.25, "dropout": 0.0}}


def weights(path: Path, pixels: np.ndarray | None = None) -> Path:
    """Write weights of `APPLICATION`.

    Args:
        path: ends in .weights.h5.
        pixels: whose statistics its batch norms know, so that its features tell them apart,
            (examples, 32, 32, 1 or 3), 0 to 255; None: noise.
    """
    keras.utils.set_random_seed(0)
    net = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), alpha=0.25, name="pretrained"
    )
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    if pixels is None:
        pixels = np.random.default_rng(0).uniform(0, 255, (16, SIDE, SIDE, 3))
    rgb = np.broadcast_to(pixels, (*pixels.shape[:-1], 3))
    net((rgb / 127.5 - 1).astype(np.float32), training=True)
    net.save_weights(path)
    return path


def settings(path: Path | None) -> dict[str, Any]:
    """Config changes for a net with that backbone; None: drawn at random."""
    return {
        "model.family": "application",
        "model.backbone": {
            "name": APPLICATION,
            "weights": None if path is None else str(path),
            "white": 20.0,
        },
        "model.pooling": "gap",
        "model.widths": (),
    }


def stand_in(**given: Any) -> keras.Model:
    """An application of one convolution: what is asked of a training does not need more."""
    x = inputs = keras.Input(given["input_shape"])
    x = keras.layers.Conv2D(4, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    return keras.Model(inputs, x, name=given["name"])


stand_in.__module__ = keras.applications.MobileNet.__module__
