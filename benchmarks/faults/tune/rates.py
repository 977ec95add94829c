"""Faults of the training, half "tune": rate, schedule, budget, batch, clipping."""

from __future__ import annotations

import keras
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"
INK = 16


def digits_at_half_a_step(seed: int, learning_rate: float = 0.5) -> Program:
    """Adam with a rate that somebody used with SGD."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss=SPARSE,
        metrics=["accuracy"],
    )
    return Program(model, x / INK, y, {"epochs": 12, "batch_size": 32}, (x_test / INK, y_test))


def waves_at_a_leap(seed: int, learning_rate: float = 0.3) -> Program:
    """RMSprop at 0.3 on an LSTM; the loss jumps and never settles."""
    x, y, x_test, y_test = data.sines(seed)
    model = keras.Sequential(
        [keras.Input((30, 1)), layers.LSTM(20), layers.Dense(3, activation="softmax")]
    )
    model.compile(
        keras.optimizers.RMSprop(learning_rate),
        SPARSE,
        metrics=["accuracy"],
    )
    return Program(model, x, y, {"epochs": 12}, (x_test, y_test))


def digits_at_a_crawl(seed: int, learning_rate: float = 1e-6) -> Program:
    """1e-6, to be on the safe side."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(12, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        SPARSE,
        metrics=["accuracy"],
    )
    fit = {"epochs": 10, "batch_size": 32}
    return Program(model, x[..., None] / INK, y, fit, (x_test[..., None] / INK, y_test))


def moons_on_plain_sgd(seed: int, learning_rate: float = 0.001) -> Program:
    """Adam was swapped for SGD, and the rate stayed."""
    x, y, x_test, y_test = data.moons(seed)
    model = keras.Sequential(
        [
            layers.Dense(24, activation="relu"),
            layers.Dense(24, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(learning_rate), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return Program(model, x, y, {"epochs": 40}, (x_test, y_test))


def digits_that_decay_at_once(seed: int, decay_steps: int = 10) -> Program:
    """A schedule copied from epochs to steps: the rate is gone before the second epoch."""
    x, y, x_test, y_test = data.digits(seed)
    schedule = keras.optimizers.schedules.ExponentialDecay(
        1e-3, decay_steps=decay_steps, decay_rate=0.5
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(schedule), SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 15}, (x_test / INK, y_test))


def digits_for_one_epoch(seed: int, epochs: int = 1) -> Program:
    """`fit` without `epochs`, in batches of 128: ten steps."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    fit = {"epochs": epochs, "batch_size": 128}
    return Program(model, x / INK, y, fit, (x_test / INK, y_test))


def wine_in_one_batch(seed: int, batch_size: int = 1000) -> Program:
    """`batch_size=1000` for 125 wines: an epoch is one step."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.02), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": batch_size}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def digits_clipped_to_nothing(seed: int, clipnorm: float = 1e-4) -> Program:
    """`clipnorm=1e-4` against explosions that this net never had."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=clipnorm),
        SPARSE,
        metrics=["accuracy"],
    )
    return Program(model, x / INK, y, {"epochs": 10}, (x_test / INK, y_test))


FAULTS = (
    Fault(digits_at_half_a_step, frozenset({"lr_too_high"}), "digits", "mlp",
          "HLR", {"learning_rate": 1e-3}, frozenset({"dying_relu"})),
    Fault(waves_at_a_leap, frozenset({"lr_too_high"}), "sines", "lstm",
          "HLR", {"learning_rate": 0.01}),
    Fault(digits_at_a_crawl, frozenset({"lr_too_low"}), "digits", "cnn",
          "HLR", {"learning_rate": 1e-3}),
    Fault(moons_on_plain_sgd, frozenset({"lr_too_low"}), "moons", "mlp",
          "OCH", {"learning_rate": 0.1}, frozenset({"undertraining"})),
    Fault(digits_that_decay_at_once, frozenset({"lr_too_low"}), "digits", "mlp",
          "Karpathy: decay rate", {"decay_steps": 1000}),
    Fault(digits_for_one_epoch, frozenset({"undertraining"}), "digits", "mlp",
          "HNE", {"epochs": 25}),
    Fault(wine_in_one_batch, frozenset({"batch_size"}), "wine", "mlp",
          "HDB", {"batch_size": 8}, frozenset({"undertraining", "lr_too_low"})),
    Fault(digits_clipped_to_nothing, frozenset({"excess_clipping"}), "digits", "mlp",
          "OCG", {"clipnorm": 1.0}),
)  # fmt: skip
