"""A table's columns as layers of Keras, so that they can stand in front of the exported net.

The same layers turn the raw columns into features before training: the two can't differ. They
are all Keras's own, so that the exported model loads where this package is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops

from recipe.config import RequestError
from recipe.data.columns import Column, Kind, values
from recipe.data.equal import Inputs
from recipe.data.features import learn_scaling

ROWS = 4096
"""Examples that are transformed at once."""

CATEGORIES = 100
"""Most values of a category with a feature of their own; rarer ones share that of new ones."""

WORDS = 2000
"""Most words of a text column with a feature of their own."""

CLIP = 3.0
"""Robust scaling: no value comes to lie further from the median (Holzmüller et al. 2024,
"Better by Default", smooth clipping)."""

NUMBERS = "numbers"
"""Name of the input that holds all columns of numbers and dates."""


@dataclass(frozen=True)
class TableFeatures:
    """What was learnt of a table."""

    numeric: tuple[Column, ...]
    """Columns of numbers and dates, in the order of the input "numbers"."""

    textual: tuple[Column, ...]
    """Columns of categories and text, each with an input of its own."""

    model: keras.Model
    """From the inputs by name to (batch, features) float32."""

    names: tuple[str, ...]
    """Of the features: the column, and what of it."""

    origin: tuple[str, ...]
    """(features,) the column from which each feature stems."""

    scaling: None = None

    @property
    def numbers(self) -> int:
        """How many features are scaled numbers: they come first, one for each such column."""
        return len(self.numeric)

    def apply(self, x: Inputs) -> np.ndarray:
        """(examples, features) float32."""
        assert isinstance(x, pd.DataFrame)
        blocks = []
        for start in range(0, len(x), ROWS):
            some = self.inputs(x.iloc[start : start + ROWS])
            given = {name: tf.convert_to_tensor(value) for name, value in some.items()}
            blocks.append(self.model(given).numpy())
        return np.concatenate(blocks)

    def inputs(self, x: Inputs) -> dict[str, np.ndarray]:
        """The columns as the model takes them: "numbers" float64, the others (examples,) str."""
        assert isinstance(x, pd.DataFrame)
        given: dict[str, np.ndarray] = {}
        if self.numeric:
            given[NUMBERS] = np.stack(
                [values(c, x[c.name]).to_numpy(np.float64) for c in self.numeric], axis=1
            )
        for place, column in enumerate(self.textual):
            given[f"text_{place}"] = values(column, x[column.name]).to_numpy(object)
        return given

    def layers(self) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
        """The model's own."""
        return {tensor.name: tensor for tensor in self.model.inputs}, self.model.output


@dataclass(frozen=True)
class _Part:
    """Some features."""

    tensor: keras.KerasTensor
    names: list[str]
    origin: list[str]


def learn_table(
    train: pd.DataFrame, columns: Mapping[str, Column], scaling: str, impute: bool
) -> TableFeatures:
    """Learn imputation, scaling and vocabularies.

    Args:
        train: training examples, (examples, columns).
        columns: what each column is.
        scaling: none, robust, or standardize (which auto means).
        impute: put the median in for what is missing, and say so in a feature of its own;
            otherwise it stays NaN.

    Raises:
        RequestError: every column is dropped.
    """
    numeric = tuple(c for c in columns.values() if c.kind in (Kind.NUMERIC, Kind.DATE))
    textual = tuple(c for c in columns.values() if c.kind in (Kind.CATEGORY, Kind.TEXT))
    if not numeric and not textual:
        why = "; ".join(f"{c.name}: {c.why}" for c in columns.values())
        raise RequestError(f"data.columns: no column is left to learn from ({why})")
    inputs, parts = [], []
    if numeric:
        raw = np.stack([values(c, train[c.name]).to_numpy(np.float64) for c in numeric], axis=1)
        inputs.append(keras.Input((len(numeric),), dtype="float64", name=NUMBERS))
        parts += _numbers(inputs[-1], raw, [c.name for c in numeric], scaling, impute)
    for place, column in enumerate(textual):
        words = values(column, train[column.name])
        inputs.append(keras.Input((), dtype="string", name=f"text_{place}"))
        make = _category if column.kind is Kind.CATEGORY else _text
        parts.append(make(inputs[-1], words, column.name))
    tensors = [part.tensor for part in parts]
    joined = keras.layers.Concatenate(name="features")(tensors) if len(parts) > 1 else tensors[0]
    return TableFeatures(
        numeric,
        textual,
        keras.Model({tensor.name: tensor for tensor in inputs}, joined, name="preprocessing"),
        tuple(name for part in parts for name in part.names),
        tuple(name for part in parts for name in part.origin),
    )


def _numbers(
    x: keras.KerasTensor, train: np.ndarray, names: list[str], scaling: str, impute: bool
) -> list[_Part]:
    """Impute, say where, and scale: in float64, for in float32 a mean of 1e6 swallows digits.

    Args:
        x: (batch, columns).
        train: (examples, columns), NaN where missing.
        names: of the columns.
        scaling: as in `learn_table`.
        impute: as in `learn_table`.
    """
    parts = []
    finite = np.where(np.isfinite(train), train, np.nan)
    empty = np.isnan(finite).all(axis=0)
    if impute:
        median = np.nanmedian(np.where(empty, 0.0, finite), axis=0)
        gaps = np.flatnonzero(np.isnan(finite).any(axis=0) & ~empty)
        if len(gaps):
            lacking = ops.cast(ops.logical_not(ops.isfinite(ops.take(x, gaps, axis=1))), "float32")
            of = [names[place] for place in gaps]
            parts.append(_Part(lacking, [f"{name} is missing" for name in of], of))
        x = ops.where(ops.isfinite(x), x, median[np.newaxis])
    center, scale = _center_and_scale(finite, scaling)
    x = keras.layers.Rescaling(1 / scale, -center / scale, dtype="float64", name="scaling")(x)
    if scaling == "robust":
        x = x / ops.sqrt(1.0 + (x / CLIP) ** 2)
    return [_Part(ops.cast(x, "float32"), names, names), *parts]


def _center_and_scale(train: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Of each column, (columns,). `train` holds NaN where missing.

    A column that never changes in training gets an infinite scale: nobody has learnt what it says
    when it does, and in its own unit it may drown all others.
    """
    if scaling == "none":
        return np.zeros(train.shape[1]), np.ones(train.shape[1])
    filled = np.where(np.isnan(train).all(axis=0), 0.0, train)
    whole = np.nanmax(filled, axis=0) - np.nanmin(filled, axis=0)
    if scaling == "robust":
        low, center, high = np.nanpercentile(filled, (25, 50, 75), axis=0)
        # more than half of the values equal: the range then stands for the quartiles' distance
        scale = np.where(high > low, high - low, whole / 2)
    else:
        learnt = learn_scaling(train, scaling)
        center, scale = learnt.mean, learnt.std
    return center, np.where(whole > 0, scale, np.inf)


def _category(x: keras.KerasTensor, train: pd.Series, name: str) -> _Part:
    """One feature a value, the first for values that are rare or new. "" stands for missing."""
    counts = train.value_counts()
    # the order of equal counts must not depend on pandas
    known = sorted(counts.index, key=lambda value: (-counts[value], value))[:CATEGORIES]
    lookup = keras.layers.StringLookup(
        vocabulary=known, num_oov_indices=1, mask_token=None, output_mode="one_hot"
    )
    tensor = ops.cast(lookup(x), "float32")
    names = [f"{name} = {value or '(missing)'}" for value in ("(new or rare)", *known)]
    return _Part(tensor, names, [name] * len(names))


def _text(x: keras.KerasTensor, train: pd.Series, name: str) -> _Part:
    """How often each frequent word occurs, rare words weighing more, whatever the text's length."""
    vectorize = keras.layers.TextVectorization(max_tokens=WORDS, output_mode="tf_idf")
    vectorize.adapt(tf.constant(train.tolist()))
    # the first is how many other words there are, which would outweigh all that are known
    words = [str(word) for word in vectorize.get_vocabulary()][1:]
    tensor = keras.layers.UnitNormalization(dtype="float32")(vectorize(x)[:, 1:])
    # mean square 1, as numbers have that are standardized (measured on sms_spam: a linear model
    # reaches .983 then, and .967 on texts of length 1, where its penalty weighs too much)
    tensor = keras.layers.Rescaling(float(np.sqrt(len(words))), dtype="float32")(tensor)
    names = [f"{name}: {word}" for word in words]
    return _Part(tensor, names, [name] * len(names))
