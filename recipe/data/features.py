"""What goes into the net: learnt on train, and on train only.

Images and targets are scaled here. What is learnt of a table's columns is in `preprocess.py`,
for that takes Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.columns import Column
from recipe.data.equal import Inputs
from recipe.data.stored import BLOCK, Stored

if TYPE_CHECKING:
    import keras


class Features(Protocol):
    """From raw inputs to what the net sees, before training and in the exported model."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features of a table; empty for images."""

    @property
    def origin(self) -> tuple[str, ...]:
        """The column from which each feature stems; empty for images."""

    @property
    def scaling(self) -> Scaling | None:
        """Of images; None for a table, whose columns are each scaled as what they are."""

    @property
    def numbers(self) -> int:
        """How many features, the first ones, are numbers of a table; the rest are indicators."""

    def apply(self, x: Inputs) -> np.ndarray | Stored:
        """Raw inputs as the net sees them, (examples, *shape) float32."""

    def inputs(self, x: Inputs) -> dict[str, np.ndarray]:
        """Raw inputs as `layers` takes them: name of an input -> (examples, ...)."""

    def layers(self) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
        """The same as layers: inputs by name, and the features (batch, *shape) float32."""


@dataclass(frozen=True)
class Scaling:
    """value -> (value - mean) / std, and back."""

    mean: np.ndarray
    """(channels,) for images, (targets,) for targets, (features,) for columns of numbers."""

    std: np.ndarray
    """The same shape; 1 where the values never change."""

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scaled values, float32, of the same shape."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Values in their original unit."""
        return values * self.std + self.mean


@dataclass(frozen=True)
class ImageFeatures:
    """Pixels, scaled channel by channel."""

    scaling: Scaling
    shape: tuple[int, ...]
    """Of an image: (height, width, channels)."""

    names: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    numbers: int = 0

    def apply(self, x: Inputs) -> np.ndarray | Stored:
        """(examples, height, width, channels) float32; what is on disk stays there."""
        if isinstance(x, Stored):
            return x.map(self.scaling.apply, np.dtype(np.float32))
        assert isinstance(x, np.ndarray)
        scaled = np.empty(x.shape, np.float32)
        for start in range(0, len(x), BLOCK):
            scaled[start : start + BLOCK] = self.scaling.apply(x[start : start + BLOCK])
        return scaled

    def inputs(self, x: Inputs) -> dict[str, np.ndarray]:
        """The images themselves."""
        return {"image": np.asarray(x, np.float32)}

    def layers(self) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
        """One layer that scales."""
        import keras

        image = keras.Input(self.shape, name="image")
        # float64, as in training; arrays, not lists, which Keras would round to float32 first
        mean, std = self.scaling.mean, self.scaling.std
        scaled = keras.layers.Rescaling(1 / std, -mean / std, dtype="float64", name="scaling")
        cast = keras.layers.Activation("linear", dtype="float32", name="scaled")
        return {"image": image}, cast(scaled(image))


def learn_features(
    train: Inputs, columns: dict[str, Column] | None, config: DataConfig
) -> Features:
    """Learn what turns raw inputs into features.

    Args:
        train: training examples, raw.
        columns: what each column is; None for images.
        config: `scaling` and `missing` are used.

    Raises:
        RequestError: no column is left to learn from, or images can't be scaled so.
    """
    if isinstance(train, pd.DataFrame):
        from recipe.data.preprocess import learn_table

        assert columns is not None
        return learn_table(train, columns, config.scaling, config.missing == "impute")
    if config.scaling == "robust":
        raise RequestError("data.scaling: robust is for tables; write standardize for images")
    return ImageFeatures(learn_scaling(train, config.scaling), tuple(train.shape[1:]))


def learn_scaling(train: np.ndarray | Stored, kind: str) -> Scaling:
    """Mean and standard deviation of the finite training values.

    Args:
        train: (examples, *shape); the last axis keeps its own mean and std.
        kind: "none", or "standardize" (which "auto" means).
    """
    width = train.shape[-1]
    if kind == "none":
        return Scaling(np.zeros(width), np.ones(width))
    count, total, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    shift = _finite_columns(train[:BLOCK])
    # squares about a value nearby: about zero they would cancel to nothing for large means
    near = shift.mean(axis=0).filled(0.0)
    for start in range(0, len(train), BLOCK):
        centred = _finite_columns(train[start : start + BLOCK]) - near
        count += centred.count(axis=0)
        total += centred.sum(axis=0).filled(0.0)
        squares += (centred**2).sum(axis=0).filled(0.0)
    count = np.maximum(count, 1)
    mean = near + total / count
    std = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    # a constant column's std is rounding noise of its mean, and would blow it up
    constant = ~(std > 1e-7 * np.abs(mean))
    return Scaling(mean, np.where(constant, 1.0, std))


def _finite_columns(values: np.ndarray) -> np.ma.MaskedArray:
    return np.ma.masked_invalid(values.reshape(-1, values.shape[-1]).astype(np.float64))
