"""Faults that people ask about in public, half "tune": inputs, labels and heads.

Each is of the kind of the question in its `source`, on data and in a program of our own.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"
SO = "https://stackoverflow.com/questions/"
KERAS = "https://github.com/keras-team/keras/issues/"


def xor_by_a_softmax_of_one(seed: int, activation: str = "softmax") -> Program:
    """The first net anybody writes: tanh, one softmax unit, squared error. It says 1 to all."""
    x, y, x_test, y_test = data.xor(seed)
    model = keras.Sequential()
    model.add(keras.Input((2,)))
    model.add(layers.Dense(16))
    model.add(layers.Activation("tanh"))
    model.add(layers.Dense(1))
    model.add(layers.Activation(activation))
    loss = "mean_squared_error" if activation == "softmax" else "binary_crossentropy"
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(0.02), metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 25, "batch_size": 32}, (x_test, y_test))


def digits_by_one_sigmoid(seed: int, head: str = "one sigmoid") -> Program:
    """Ten digits, one sigmoid unit and binary cross-entropy: the loss sinks below zero."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = x.reshape(len(x), -1) / 16, x_test.reshape(len(x_test), -1) / 16
    last, loss = layers.Dense(1, activation="sigmoid"), "binary_crossentropy"
    if head == "ten softmax units":
        last, loss = layers.Dense(10, activation="softmax"), SPARSE
    model = keras.Sequential([layers.Dense(64, activation="relu"), last])
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12, "validation_split": 0.33}, (x_test, y_test))


def digits_reconstructed_above_one(seed: int, scaling: str = "none") -> Program:
    """An autoencoder that ends in a sigmoid; its targets go from 0 to 16."""
    x, _, x_test, _ = data.digits(seed)
    x, x_test = x.reshape(-1, 64), x_test.reshape(-1, 64)
    if scaling != "none":
        x, x_test = x / 16, x_test / 16
    inputs = keras.Input((64,))
    code = layers.Dense(24, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(64, activation="sigmoid")(code))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    fit = {"epochs": 30, "batch_size": 64, "shuffle": True}
    return Program(model, x, x, fit, (x_test, x_test), "r2")


def temperatures_never_below_zero(seed: int, activation: str | None = "relu") -> Program:
    """An LSTM that forecasts °C, and a ReLU at its end: frost is never forecast."""
    x, y, x_test, y_test = data.temperatures(seed)
    mean, std = x.mean(), x.std()
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))
    model = keras.Sequential(
        [keras.Input((24, 1)), layers.LSTM(24), layers.Dense(1, activation=activation)]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.005))
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test), "r2")


def bits_without_a_sigmoid(seed: int, activation: str | None = None) -> Program:
    """`Dense(1)` and `BinaryCrossentropy()`: numbers below 0 are no probabilities."""
    x, y, x_test, y_test = data.bits(seed)
    model = keras.Sequential()
    model.add(keras.Input((8, 1)))
    model.add(layers.LSTM(12, return_sequences=True))
    model.add(layers.LSTM(12))
    model.add(layers.Dense(1, activation=activation))
    model.compile(
        loss=keras.losses.BinaryCrossentropy(),
        optimizer=keras.optimizers.Adam(0.01),
        metrics=["accuracy"],
    )
    return Program(model, x, y, {"epochs": 20, "batch_size": 16}, (x_test, y_test))


def masks_of_255(seed: int, labels: str = "0/255") -> Program:
    """Segmentation: the masks were read from images, so a cell is 255, and nobody divided."""
    x, y, x_test, y_test = data.cells(seed)
    y = y * 255 if labels == "0/255" else y
    inputs = keras.Input((12, 12, 1))
    flow = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    flow = layers.Conv2D(12, 3, padding="same", activation="relu")(flow)
    flow = layers.Conv2D(1, 1, activation="sigmoid")(flow)
    model = keras.Model(inputs, layers.Reshape((144,))(flow))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return Program(model, x, y, {"epochs": 12, "batch_size": 16}, (x_test, y_test), "f1")


def masks_of_least_overlap(seed: int, loss: str = "dice") -> Program:
    """`loss=dice_coefficient`: what should grow is made small, and no cell is ever found."""
    x, y, x_test, y_test = data.cells(seed)

    def dice_coefficient(y_true: Any, y_pred: Any) -> Any:
        y_true = keras.ops.cast(y_true, "float32")
        both = 2 * keras.ops.sum(y_true * y_pred, axis=-1) + 1
        return both / (keras.ops.sum(y_true, axis=-1) + keras.ops.sum(y_pred, axis=-1) + 1)

    def dice_loss(y_true: Any, y_pred: Any) -> Any:
        return 1 - dice_coefficient(y_true, y_pred)

    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.Conv2D(1, 1, activation="sigmoid"),
            layers.Reshape((144,)),
        ]
    )
    chosen = dice_coefficient if loss == "dice" else dice_loss
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=chosen)
    return Program(model, x, y, {"epochs": 12, "batch_size": 16}, (x_test, y_test), "f1")


def fourth_powers_as_they_are(
    seed: int, scaling: str = "none", target_scaling: str = "none"
) -> Program:
    """`y = x**4` from -100 to 100: inputs in the hundreds, targets to 100 million."""
    x, y, x_test, y_test = data.powers(seed)
    if scaling != "none":
        x, x_test = x / 100, x_test / 100
    if target_scaling != "none":
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(48, activation="tanh"),
            layers.Dense(48, activation="elu"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test), "r2")


def cars_in_euros(seed: int, target_scaling: str = "none") -> Program:
    """Squared error of prices up to 100,000, SGD at 0.1: nan in the first epoch."""
    x, y, x_test, y_test = data.cars(seed)
    brands = np.eye(12, dtype="float32")
    scaler = StandardScaler().fit(x[:, 1:])
    x, x_test = (
        np.hstack([brands[rows[:, 0].astype(int)], scaler.transform(rows[:, 1:])])
        for rows in (x, x_test)
    )
    if target_scaling != "none":
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    model = keras.Sequential(
        [keras.Input((15,)), layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", metrics=["mae"])
    fit = {"epochs": 25, "batch_size": 32, "validation_split": 0.2}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def digits_over_an_empty_corner(seed: int, epsilon: float = 0.0) -> Program:
    """Each pixel over its standard deviation; some are never inked, and 0 / 0 is NaN."""
    x, y, x_test, y_test = data.digits(seed)
    mean, std = x.mean(axis=0), x.std(axis=0) + epsilon
    with np.errstate(invalid="ignore", divide="ignore"):
        x, x_test = (x - mean) / std, (x_test - mean) / std
    if epsilon:  # what is never inked in training may be inked later
        x_test = np.clip(x_test, -5, 5)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


def digits_shuffled_by_the_sequence(seed: int, shuffle: str = "images only") -> Program:
    """A `Sequence` of one's own shuffles the images after each epoch, and forgets the labels."""
    x, y, x_test, y_test = data.digits(seed)

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.images, self.labels = x / 16, y.copy()
            self.drawn = np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return len(self.labels) // 32

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            rows = slice(32 * index, 32 * index + 32)
            return self.images[rows], self.labels[rows]

        def on_epoch_end(self) -> None:
            order = self.drawn.permutation(len(self.labels))
            self.images = self.images[order]
            if shuffle == "both":
                self.labels = self.labels[order]

    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss=SPARSE, metrics=["accuracy"])
    return Program(model, Batches(), None, {"epochs": 12}, (x_test / 16, y_test))


def glyphs_read_kind_by_kind(seed: int, shuffle: bool = False) -> Program:
    """Four folders read one after the other; `validation_split` cuts off the fourth."""
    x, y, x_test, y_test = data.glyphs(seed)
    if not shuffle:
        order = np.argsort(y, kind="stable")
        x, y = x[order], y[order]
    y = keras.utils.to_categorical(y, 4)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 10, "batch_size": 32, "validation_split": 0.25}
    return Program(model, x, y, fit, (x_test, y_test))


def alarms_never_raised(seed: int, class_weight: dict[int, float] | None = None) -> Program:
    """96 % of the readings are quiet, and so is the net, in all of them."""
    x, y, x_test, y_test = data.meters(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    model = keras.Sequential(
        [
            layers.Dense(8, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 25, "batch_size": 32, "class_weight": class_weight}
    return Program(model, x, y[:, 1], fit, (x_test, y_test[:, 1]), "balanced_accuracy")


FAULTS = (
    Fault(xor_by_a_softmax_of_one, frozenset({"wrong_output_activation"}), "xor", "mlp",
          "users: softmax of one unit", {"activation": "sigmoid"}, frozenset({"wrong_loss"}),
          source=KERAS + "126"),
    Fault(digits_by_one_sigmoid, frozenset({"wrong_loss"}), "digits", "mlp",
          "users: binary head for ten classes", {"head": "ten softmax units"},
          frozenset({"label_encoding", "wrong_output_activation"}),
          source="https://datascience.stackexchange.com/questions/38604"),
    Fault(digits_reconstructed_above_one, frozenset({"wrong_output_activation"}), "digits",
          "autoencoder", "users: sigmoid below the targets", {"scaling": "1/16"},
          frozenset({"target_scale", "unscaled_input"}), source=SO + "44601367"),
    Fault(temperatures_never_below_zero, frozenset({"wrong_output_activation"}), "temperatures",
          "lstm", "users: ReLU at the end of a regression", {"activation": None},
          frozenset({"dying_relu"}), source=SO + "51432661"),
    Fault(bits_without_a_sigmoid, frozenset({"logits_mismatch"}), "bits", "lstm",
          "users: linear head, loss of probabilities", {"activation": "sigmoid"},
          frozenset({"wrong_output_activation"}), source=KERAS + "14490"),
    Fault(masks_of_255, frozenset({"label_encoding"}), "cells", "segmentation",
          "users: masks of 0 and 255", {"labels": "0/1"}, frozenset({"wrong_loss"}),
          source="https://github.com/hlamba28/UNET-TGS/issues/8"),
    Fault(masks_of_least_overlap, frozenset({"wrong_loss"}), "cells", "segmentation",
          "users: a score as the loss", {"loss": "1 - dice"},
          source="https://github.com/akirasosa/mobile-semantic-segmentation/issues/24"),
    Fault(fourth_powers_as_they_are, frozenset({"unscaled_input", "target_scale"}), "powers",
          "mlp", "users: no scaling", {"scaling": "1/100", "target_scaling": "standardize"},
          source=SO + "52800582"),
    Fault(cars_in_euros, frozenset({"target_scale"}), "cars", "mlp",
          "users: no scaling of the target", {"target_scaling": "standardize"},
          frozenset({"lr_too_high", "exploding_gradient"}),
          source="https://github.com/rstudio-conf-2020/dl-keras-tf/issues/9"),
    Fault(digits_over_an_empty_corner, frozenset({"nan_input"}), "digits", "mlp",
          "users: divided by a standard deviation of 0", {"epsilon": 1e-3},
          source=KERAS + "2134"),
    Fault(digits_shuffled_by_the_sequence, frozenset({"corrupt_labels"}), "digits", "mlp",
          "users: labels in another order than images", {"shuffle": "both"},
          source=KERAS + "14416"),
    Fault(glyphs_read_kind_by_kind, frozenset({"unshuffled_data"}), "glyphs", "cnn",
          "users: validation_split on sorted rows", {"shuffle": True},
          frozenset({"train_val_mismatch"}), source=KERAS + "8346"),
    Fault(alarms_never_raised, frozenset({"class_imbalance"}), "meters", "mlp",
          "users: only the frequent class", {"class_weight": {0: 0.52, 1: 12.5}},
          source="https://datascience.stackexchange.com/questions/19283"),
)  # fmt: skip
