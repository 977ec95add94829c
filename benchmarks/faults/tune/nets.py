"""Faults of the net, half "tune": activations, initialization, flow, norms, dropout, capacity."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"
INK = 16
"""Greatest value of a pixel of digits."""


def moons_by_a_straight_line(seed: int, activation: str | None = None) -> Program:
    """Three Dense layers that are one: nobody passed an activation."""
    x, y, x_test, y_test = data.moons(seed)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(32, activation=activation),
            layers.Dense(32, activation=activation),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def impedance_without_activations(seed: int, activation: str = "linear") -> Program:
    """`activation="linear"` everywhere, because it is a regression."""
    x, y, x_test, y_test = data.friedman2(seed)
    scaler = StandardScaler().fit(x)
    mean, std = y.mean(), y.std()
    inputs = keras.Input((4,))
    hidden = layers.Dense(48, activation=activation)(inputs)
    hidden = layers.Dropout(0.02)(hidden)
    hidden = layers.Dense(24, activation=activation)(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 20},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def digits_from_zeros(seed: int, kernel_initializer: str = "zeros") -> Program:
    """Every kernel starts at zero; accuracy stays at chance."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer=kernel_initializer),
            layers.Dense(32, activation="relu", kernel_initializer=kernel_initializer),
            layers.Dense(10, activation="softmax", kernel_initializer=kernel_initializer),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 10}, (x_test / INK, y_test))


def digits_from_wide_normals(seed: int, stddev: float | None = 1.0) -> Program:
    """`RandomNormal(stddev=1)` in a tanh net: every unit is saturated before it starts."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = (x - 8) / 6, (x_test - 8) / 6

    def start() -> Any:
        if stddev is None:
            return "glorot_uniform"
        return keras.initializers.RandomNormal(stddev=stddev)

    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(100, activation="tanh", kernel_initializer=start()),
            layers.Dense(100, activation="tanh", kernel_initializer=start()),
            layers.Dense(100, activation="tanh", kernel_initializer=start()),
            layers.Dense(10, activation="softmax", kernel_initializer=start()),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10}, (x_test, y_test))


def digits_with_dead_units(seed: int, bias: float = -4.0) -> Program:
    """A bias that keeps the units silent on every input."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Rescaling(1 / INK),
            layers.Flatten(),
            layers.Dense(64, activation="relu", bias_initializer=keras.initializers.Constant(bias)),
            layers.Dense(32, activation="relu", bias_initializer=keras.initializers.Constant(bias)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12}, (x_test, y_test))


def impedance_killed_by_the_first_steps(seed: int, learning_rate: float = 0.2) -> Program:
    """After a few steps of a large rate every ReLU is off, and the net answers with a constant."""
    x, y, x_test, y_test = data.friedman2(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), loss="mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 20},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def digits_through_ten_sigmoids(seed: int, activation: str = "sigmoid") -> Program:
    """Ten sigmoid layers; the first ones never hear of the loss."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten()])
    for _ in range(10):
        model.add(layers.Dense(40, activation=activation))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss=SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 15}, (x_test / INK, y_test))


def waves_through_a_growing_loop(seed: int, gain: float = 2.5) -> Program:
    """A ReLU recurrence started at 2.5 times the identity, over 30 steps."""
    x, y, x_test, y_test = data.sines(seed)
    model = keras.Sequential(
        [
            keras.Input((30, 1)),
            layers.SimpleRNN(
                24,
                activation="relu",
                recurrent_initializer=keras.initializers.Identity(gain),
            ),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15, "batch_size": 32}, (x_test, y_test))


def digits_all_frozen(seed: int, trainable: bool = False) -> Program:
    """`trainable = False` for a warm-up that never ended, on layers that were never trained."""
    x, y, x_test, y_test = data.digits(seed)
    body = keras.Sequential(
        [
            layers.Dense(24, activation="relu"),
            layers.Dense(12, activation="relu"),
            layers.Dense(8, activation="relu"),
        ],
        name="encoder",
    )
    body.trainable = trainable
    model = keras.Sequential(
        [keras.Input((8, 8)), layers.Flatten(), body, layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 15}, (x_test / INK, y_test))


def digits_two_by_two(seed: int, batch_size: int = 2) -> Program:
    """Batch norm after every layer, and two images a batch."""
    x, y, x_test, y_test = data.digits(seed)
    x, y = x[:500], y[:500]
    model = keras.Sequential([keras.Input((8, 8, 1))])
    model.add(layers.Conv2D(12, 3, use_bias=False))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.Activation("relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(32, use_bias=False))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 8, "batch_size": batch_size}
    return Program(model, x[..., None] / INK, y, fit, (x_test[..., None] / INK, y_test))


def impedance_dropout_before_norm(seed: int, dropout_position: str = "before norm") -> Program:
    """Dropout in front of batch norm: what the norm has learnt of spread is wrong without it."""
    x, y, x_test, y_test = data.friedman2(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(64, activation="relu")])
    if dropout_position == "before norm":
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(64))
    model.add(layers.BatchNormalization())
    model.add(layers.Activation("relu"))
    if dropout_position == "after norm":
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 25},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def digits_dropped(seed: int, dropout: float = 0.9) -> Program:
    """Keep 90 %, says the paper; drop 90 %, says the code."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(32, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 20}, (x_test / INK, y_test))


def digits_weighed_down(seed: int, l2: float = 1.0) -> Program:
    """`l2(1.)` where the course says 1e-4."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(12, 3, activation="relu", kernel_regularizer=keras.regularizers.l2(l2)),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.l2(l2)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", SPARSE, metrics=["accuracy"])
    fit = {"epochs": 10}
    return Program(model, x[..., None] / INK, y, fit, (x_test[..., None] / INK, y_test))


def patients_learnt_by_heart(seed: int, l2: float = 0.0, epochs: int = 150) -> Program:
    """300 patients, 130,000 weights, 150 epochs; train error near 0, val error climbing."""
    x, y, x_test, y_test = data.diabetes(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    x_test, y_test = scaler.transform(x_test), (y_test - mean) / std
    model = keras.Sequential([keras.Input((10,))])
    for _ in range(3):
        model.add(
            layers.Dense(192, activation="relu", kernel_regularizer=keras.regularizers.L2(l2))
        )
    model.add(layers.Dense(1))
    model.compile(optimizer="adam", loss="mse")
    fit = {"epochs": epochs, "batch_size": 32, "validation_data": (x_test[:60], y_test[:60])}
    return Program(
        model, scaler.transform(x), (y - mean) / std, fit, (x_test[60:], y_test[60:]), "r2"
    )


def digits_through_a_needle(seed: int, widths: tuple[int, ...] = (2, 2)) -> Program:
    """Two units must tell ten digits apart; train and val stop at the same poor score."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten()])
    for width in widths:
        model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 30, "validation_split": 0.2}
    return Program(model, x / INK, y, fit, (x_test / INK, y_test))


def series_by_one_number(seed: int, widths: tuple[int, ...] = (1, 1)) -> Program:
    """One recurrent unit and one ReLU must remember two rhythms."""
    x, y, x_test, y_test = data.series(seed)
    model = keras.Sequential(
        [
            keras.Input((20, 1)),
            layers.SimpleRNN(widths[0]),
            layers.Dense(widths[1], activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return Program(model, x, y, {"epochs": 25, "batch_size": 64}, (x_test, y_test), "r2")


FAULTS = (
    Fault(moons_by_a_straight_line, frozenset({"missing_activation"}), "moons", "mlp",
          "ARM", {"activation": "relu"}),
    Fault(impedance_without_activations, frozenset({"missing_activation"}), "friedman2", "mlp",
          "ARM", {"activation": "relu"}),
    Fault(digits_from_zeros, frozenset({"bad_init"}), "digits", "mlp",
          "WCI", {"kernel_initializer": "he_normal"}),
    Fault(digits_from_wide_normals, frozenset({"bad_init"}), "digits", "deep mlp",
          "WCI", {"stddev": None}),
    Fault(digits_with_dead_units, frozenset({"dying_relu"}), "digits", "mlp",
          "WCI", {"bias": 0.0}, frozenset({"bad_init"})),
    Fault(impedance_killed_by_the_first_steps, frozenset({"lr_too_high"}), "friedman2", "mlp",
          "HLR", {"learning_rate": 0.01}, frozenset({"dying_relu", "exploding_gradient"})),
    Fault(digits_through_ten_sigmoids, frozenset({"vanishing_gradient"}), "digits", "deep mlp",
          "ACH", {"activation": "relu"}),
    Fault(waves_through_a_growing_loop, frozenset({"exploding_gradient"}), "sines", "simple rnn",
          "WCI", {"gain": 1.0}, frozenset({"bad_init"})),
    Fault(digits_all_frozen, frozenset({"frozen_layers"}), "digits", "mlp",
          "users: trainable=False", {"trainable": True}),
    Fault(digits_two_by_two, frozenset({"bn_small_batch"}), "digits", "cnn",
          "HBS", {"batch_size": 32}, frozenset({"batch_size"})),
    Fault(impedance_dropout_before_norm, frozenset({"dropout_before_bn"}), "friedman2", "mlp",
          "RCD", {"dropout_position": "after norm"}),
    Fault(digits_dropped, frozenset({"excess_dropout"}), "digits", "mlp",
          "RCD", {"dropout": 0.1}),
    Fault(digits_weighed_down, frozenset({"excess_regularization"}), "digits", "cnn",
          "RAW", {"l2": 1e-4}),
    Fault(patients_learnt_by_heart, frozenset({"overfitting"}), "diabetes", "mlp",
          "RRW", {"l2": 0.02, "epochs": 40}),
    Fault(digits_through_a_needle, frozenset({"underfitting"}), "digits", "mlp",
          "Karpathy: model size", {"widths": (48, 48)}),
    Fault(series_by_one_number, frozenset({"underfitting"}), "series", "simple rnn",
          "Karpathy: model size", {"widths": (24, 24)}),
)  # fmt: skip
