"""Faults of labels, loss and head, half "tune"."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"


def digits_shuffled_apart(seed: int, labels: str = "shuffled apart") -> Program:
    """`np.random.shuffle(X); np.random.shuffle(y)`, each on its own; 10 % and no more."""
    x, y, x_test, y_test = data.digits(seed)
    if labels == "shuffled apart":
        np.random.default_rng(seed).shuffle(y)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Rescaling(1 / 16),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12, "validation_split": 0.2}, (x_test, y_test))


def waves_labelled_carelessly(seed: int, labels: str = "confused") -> Program:
    """Whoever labelled could not tell the two faster waves apart, and tossed a coin."""
    x, y, x_test, y_test = data.sines(seed)
    if labels == "confused":
        tossed = np.random.default_rng(seed).integers(1, 3, len(y))
        y = np.where(y > 0, tossed, y)
    model = keras.Sequential(
        [keras.Input((30, 1)), layers.LSTM(24), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


def wine_counted_from_one(seed: int, labels: str = "1..K") -> Program:
    """The file calls its growers 1, 2 and 3, and the head has three units."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    if labels == "1..K":
        y, y_test = y + 1, y_test + 1
    model = keras.Sequential([layers.Dense(20, activation="relu"), layers.Dense(3, "softmax")])
    model.compile(
        optimizer=keras.optimizers.RMSprop(0.003),
        loss=SPARSE,
        metrics=["accuracy"],
    )
    fit = {"epochs": 25, "batch_size": 16}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def moons_minus_and_plus(seed: int, labels: str = "-1/1") -> Program:
    """Labels -1 and 1 from another library, cross-entropy on a sigmoid; the loss is negative."""
    x, y, x_test, y_test = data.moons(seed)
    if labels == "-1/1":
        y, y_test = 2 * y - 1, 2 * y_test - 1
    model = keras.Sequential(
        [
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def digits_by_absolute_error(seed: int, loss: str = "mean_absolute_error") -> Program:
    """One-hot digits, a softmax, and the loss of the last regression project."""
    x, y, x_test, y_test = data.digits(seed)
    y = keras.utils.to_categorical(y, 10)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    fit = {"epochs": 8, "batch_size": 64}
    return Program(model, x[..., None] / 16, y, fit, (x_test[..., None] / 16, y_test))


def patients_by_cross_entropy(seed: int, loss: str = "binary_crossentropy") -> Program:
    """A regression with the loss of a classifier; it goes below zero and never stops."""
    x, y, x_test, y_test = data.diabetes(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential([layers.Dense(12, activation="relu"), layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss=loss, metrics=["mae"])
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 30, "batch_size": 32},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def moons_softmax_of_one(seed: int, activation: str = "softmax") -> Program:
    """`Dense(1, activation="softmax")`: the loss falls and accuracy stays at one half."""
    x, y, x_test, y_test = data.moons(seed)
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation=activation),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 25, "validation_split": 0.2}, (x_test, y_test))


def patients_through_a_sigmoid(seed: int, activation: str = "sigmoid") -> Program:
    """A standardized target, half of it below zero, and a head that can't go there."""
    x, y, x_test, y_test = data.diabetes(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential(
        [layers.Dense(16, activation="relu"), layers.Dense(1, activation=activation)]
    )
    model.compile(optimizer="adam", loss="mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 50, "batch_size": 32},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def digits_behind_relu(seed: int, activation: str = "relu") -> Program:
    """The head was copied from the layer above it, ReLU included."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation=activation),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 15}, (x_test / 16, y_test))


def digits_logits_as_probabilities(seed: int, from_logits: bool = False) -> Program:
    """A linear head, and the loss left at its default."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy"],
    )
    fit = {"epochs": 10, "batch_size": 32}
    return Program(model, x[..., None] / 16, y, fit, (x_test[..., None] / 16, y_test))


def tags_that_must_sum_to_one(seed: int, activation: str = "softmax") -> Program:
    """Several tags may hold at once, but the softmax hands out one."""
    x, y, x_test, y_test = data.tags(seed)
    scaler = StandardScaler().fit(x)
    loss = "categorical_crossentropy" if activation == "softmax" else "binary_crossentropy"
    model = keras.Sequential(
        [layers.Dense(48, activation="relu"), layers.Dense(5, activation=activation)]
    )
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    fit = {"epochs": 25, "validation_split": 0.1}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test), "f1")


FAULTS = (
    Fault(digits_shuffled_apart, frozenset({"corrupt_labels"}), "digits", "mlp",
          "TCL", {"labels": "as read"}),
    Fault(waves_labelled_carelessly, frozenset({"corrupt_labels"}), "sines", "lstm",
          "TCO", {"labels": "as read"}),
    Fault(wine_counted_from_one, frozenset({"label_encoding"}), "wine", "mlp",
          "users: labels 1..K", {"labels": "0..K-1"}),
    Fault(moons_minus_and_plus, frozenset({"label_encoding"}), "moons", "mlp",
          "users: labels -1 and 1", {"labels": "0/1"}, frozenset({"wrong_loss"})),
    Fault(digits_by_absolute_error, frozenset({"wrong_loss"}), "digits", "cnn",
          "LCH", {"loss": "categorical_crossentropy"}),
    Fault(patients_by_cross_entropy, frozenset({"wrong_loss"}), "diabetes", "mlp",
          "LCH", {"loss": "mse"}),
    Fault(moons_softmax_of_one, frozenset({"wrong_output_activation"}), "moons", "mlp",
          "ACH", {"activation": "sigmoid"}),
    Fault(patients_through_a_sigmoid, frozenset({"wrong_output_activation"}), "diabetes", "mlp",
          "ACH", {"activation": "linear"}),
    Fault(digits_behind_relu, frozenset({"wrong_output_activation"}), "digits", "mlp",
          "ACH", {"activation": "softmax"}),
    Fault(digits_logits_as_probabilities, frozenset({"logits_mismatch"}), "digits", "cnn",
          "users: linear head, from_logits forgotten", {"from_logits": True},
          frozenset({"wrong_output_activation"})),
    Fault(tags_that_must_sum_to_one, frozenset({"wrong_output_activation"}), "tags", "mlp",
          "users: softmax on multi-label", {"activation": "sigmoid"}, frozenset({"wrong_loss"})),
)  # fmt: skip
