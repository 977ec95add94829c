"""Faults of the net, half "report": activations, initialization, flow, norms, dropout, capacity."""

from __future__ import annotations

import keras
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"


def rings_by_straight_lines(seed: int, activation: str | None = None) -> Program:
    """Four layers and no bend between them."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential()
    model.add(keras.Input(shape=(2,)))
    for units in (64, 32, 16):
        model.add(layers.Dense(units, activation=activation))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(loss=SPARSE, optimizer=keras.optimizers.Adam(0.005), metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20, "batch_size": 32}, (x_test, y_test))


def arrows_from_ones(seed: int, kernel_initializer: str = "ones") -> Program:
    """Every weight starts at 1, so all filters are the same filter."""
    x, y, x_test, y_test = data.arrows(seed)
    start = {"kernel_initializer": kernel_initializer}
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu", **start),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu", **start),
            layers.Dense(1, activation="sigmoid", **start),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10}, (x_test, y_test))


def outcomes_from_tiny_weights(seed: int, stddev: float = 1e-4) -> Program:
    """`RandomNormal(stddev=0.0001)` in five layers: the signal is gone after the first."""
    x, y, x_test, y_test = data.friedman1(seed)
    y, y_test = (y - 14.4) / 5, (y_test - 14.4) / 5
    model = keras.Sequential([keras.Input((10,))])
    for _ in range(5):
        start = keras.initializers.RandomNormal(stddev=stddev)
        model.add(layers.Dense(32, activation="relu", kernel_initializer=start))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test), "r2")


def photographs_with_silent_units(seed: int, bias: float = -6.0) -> Program:
    """A constant bias against false positives; no filter ever answers."""
    x, y, x_test, y_test = data.patches(seed)
    start = keras.initializers.Constant(bias)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(12, 3, activation="relu", bias_initializer=start),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(24, activation="relu", bias_initializer=start),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 8}, (x_test, y_test))


def rings_through_twelve_sigmoids(seed: int, activation: str = "sigmoid") -> Program:
    """Twelve narrow squashing layers under SGD; the first hears a millionth of the last."""
    x, y, x_test, y_test = data.rings(seed)
    h = inputs = keras.Input((2,))
    for _ in range(12):
        h = layers.Dense(20, activation=activation, kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 30}, (x_test, y_test))


def houses_that_explode(seed: int, stddev: float = 0.7) -> Program:
    """Six layers that each multiply by four; SGD; `loss: nan` in the first epoch."""
    x, y, x_test, y_test = data.houses(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential([keras.Input((5,))])
    for _ in range(6):
        start = keras.initializers.RandomNormal(stddev=stddev)
        model.add(layers.Dense(64, activation="relu", kernel_initializer=start))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 20},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def gestures_on_a_random_body(seed: int, trainable: bool = False) -> Program:
    """Feature layers frozen for transfer, but the weights were never loaded."""
    x, y, x_test, y_test = data.gestures(seed)
    body = keras.Sequential(
        [
            keras.Input((32, 3)),
            layers.Conv1D(8, 5, strides=2, activation="relu"),
            layers.Conv1D(8, 5, strides=2, activation="relu"),
            layers.GlobalAveragePooling1D(),
        ]
    )
    for layer in body.layers:
        layer.trainable = trainable
    model = keras.Sequential([body, layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def photographs_two_by_two(seed: int, batch_size: int = 2) -> Program:
    """Batch norm in every layer with two patches a batch, because memory was short."""
    x, y, x_test, y_test = data.patches(seed)
    x, y = x[:500], y[:500]
    h = inputs = keras.Input((12, 12, 3))
    h = layers.Rescaling(1 / 127.5, -1)(h)
    h = layers.Conv2D(12, 3)(h)
    h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(h))
    h = layers.Flatten()(layers.MaxPooling2D(2)(h))
    h = layers.Dense(16)(h)
    h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(h))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 8, "batch_size": batch_size}
    return Program(model, x, y, fit, (x_test, y_test))


def outcomes_dropout_before_norm(seed: int, dropout_position: str = "before norm") -> Program:
    """Dense, ReLU, Dropout, BatchNormalization, twice, as some posts have it, and a real target."""
    x, y, x_test, y_test = data.friedman1(seed)
    y, y_test = (y - 14.4) / 5, (y_test - 14.4) / 5
    h = inputs = keras.Input((10,))
    for _ in range(2):
        h = layers.Dense(48, activation="relu")(h)
        if dropout_position == "before norm":
            h = layers.Dropout(0.5)(h)
        h = layers.BatchNormalization()(h)
    if dropout_position != "before norm":
        h = layers.Dropout(0.5)(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return Program(model, x, y, {"epochs": 25}, (x_test, y_test), "r2")


def photographs_dropped(seed: int, dropout: float = 0.95) -> Program:
    """`Dropout(0.95)`, twice."""
    x, y, x_test, y_test = data.patches(seed)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(24, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 8}, (x_test, y_test))


def houses_weighed_down(seed: int, l2: float = 5.0) -> Program:
    """A penalty that outweighs the error ten to one."""
    x, y, x_test, y_test = data.houses(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    weigh = keras.regularizers.L1L2(l1=l2 / 10, l2=l2)
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu", kernel_regularizer=weigh),
            layers.Dense(32, activation="relu", kernel_regularizer=weigh),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 20},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def outcomes_learnt_by_heart(seed: int, epochs: int = 120, widths: int = 256) -> Program:
    """120 rows and 70,000 weights until the training loss is zero."""
    x, y, x_test, y_test = data.friedman1(seed)
    y, y_test = (y - 14.4) / 5, (y_test - 14.4) / 5
    rows = 120
    # what cannot be foretold: the target's noise is as large as what is learnt
    keras.utils.set_random_seed(seed)
    noise = keras.random.normal((rows,), stddev=0.8, seed=seed).numpy()
    x_val, y_val = x[rows : rows + 60], y[rows : rows + 60]
    x, y = x[:rows], y[:rows] + noise
    model = keras.Sequential(
        [layers.Dense(widths, "relu"), layers.Dense(widths, "relu"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    fit = {"epochs": epochs, "batch_size": 16, "validation_data": (x_val, y_val)}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def rings_by_two_units(seed: int, widths: int = 2) -> Program:
    """Two hidden units draw two lines around three rings."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential(
        [layers.Dense(widths, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.02), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 40, "validation_split": 0.2}
    return Program(model, x, y, fit, (x_test, y_test))


FAULTS = (
    Fault(rings_by_straight_lines, frozenset({"missing_activation"}), "rings", "mlp",
          "ARM", {"activation": "relu"}),
    Fault(arrows_from_ones, frozenset({"bad_init"}), "arrows", "cnn",
          "WCI", {"kernel_initializer": "glorot_uniform"}),
    Fault(outcomes_from_tiny_weights, frozenset({"bad_init"}), "friedman1", "deep mlp",
          "WCI", {"stddev": 0.25}, frozenset({"vanishing_gradient"})),
    Fault(photographs_with_silent_units, frozenset({"dying_relu"}), "patches", "cnn",
          "WCI", {"bias": 0.0}, frozenset({"bad_init"})),
    Fault(rings_through_twelve_sigmoids, frozenset({"vanishing_gradient"}), "rings", "deep mlp",
          "ACH", {"activation": "relu"}),
    Fault(houses_that_explode, frozenset({"exploding_gradient"}), "houses", "deep mlp",
          "WCI", {"stddev": 0.17}, frozenset({"bad_init"})),
    Fault(gestures_on_a_random_body, frozenset({"frozen_layers"}), "gestures", "conv1d",
          "users: trainable=False", {"trainable": True}),
    Fault(photographs_two_by_two, frozenset({"bn_small_batch"}), "patches", "cnn",
          "HBS", {"batch_size": 32}, frozenset({"batch_size"})),
    Fault(outcomes_dropout_before_norm, frozenset({"dropout_before_bn"}), "friedman1",
          "functional", "RCD", {"dropout_position": "last"}),
    Fault(photographs_dropped, frozenset({"excess_dropout"}), "patches", "cnn",
          "RCD", {"dropout": 0.2}),
    Fault(houses_weighed_down, frozenset({"excess_regularization"}), "houses", "mlp",
          "RAW", {"l2": 1e-4}),
    Fault(outcomes_learnt_by_heart, frozenset({"overfitting"}), "friedman1", "mlp",
          "RRW", {"epochs": 25, "widths": 16}),
    Fault(rings_by_two_units, frozenset({"underfitting"}), "rings", "mlp",
          "Karpathy: model size", {"widths": 32}),
)  # fmt: skip
