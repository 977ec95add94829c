"""Faults of the training, half "report": rate, schedule, budget, batch, clipping."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"


def photographs_at_a_tenth(seed: int, learning_rate: float = 0.1) -> Program:
    """Adam at 0.1; both losses settle at 0.69."""
    x, y, x_test, y_test = data.patches(seed)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate=learning_rate)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 8}, (x_test, y_test))


def outcomes_beyond_the_edge(seed: int, learning_rate: float = 0.3) -> Program:
    """SGD with momentum on a regression, ten times above what it bears."""
    x, y, x_test, y_test = data.friedman1(seed)
    x, x_test = (x - 0.5) / 0.29, (x_test - 0.5) / 0.29
    y, y_test = (y - 14.4) / 5, (y_test - 14.4) / 5
    inputs = keras.Input((10,))
    h = layers.Dense(48, activation="tanh")(inputs)
    h = layers.Dense(48, activation="tanh")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.9), "mse", metrics=["mae"])
    return Program(model, x, y, {"epochs": 25}, (x_test, y_test), "r2")


def gestures_at_a_crawl(seed: int, learning_rate: float = 5e-6) -> Program:
    """A fine-tuning rate on a net that starts from nothing."""
    x, y, x_test, y_test = data.gestures(seed)
    model = keras.Sequential(
        [keras.Input((32, 3)), layers.GRU(24), layers.Dense(4, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(learning_rate), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10}, (x_test, y_test))


def tumours_on_adadelta(seed: int, learning_rate: float = 0.001) -> Program:
    """`optimizer="adadelta"`: its paper has a rate of 1, Keras's default is a thousandth."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(
        keras.optimizers.Adadelta(learning_rate), "binary_crossentropy", metrics=["accuracy"]
    )
    fit = {"epochs": 15, "validation_split": 0.1}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def rings_that_decay_at_once(seed: int, decay_rate: float = 0.8) -> Program:
    """`lr * 0.8 ** step` where the paper has it by epoch."""
    x, y, x_test, y_test = data.rings(seed)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.005, 1, decay_rate)
    model = keras.Sequential(
        [layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(keras.optimizers.Adam(schedule), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def arrows_for_two_epochs(seed: int, epochs: int = 2) -> Program:
    """Two epochs of batches of 256, to see whether it works."""
    x, y, x_test, y_test = data.arrows(seed)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": epochs, "batch_size": 256}
    return Program(model, x, y, fit, (x_test, y_test))


def houses_stopped_at_once(seed: int, patience: int = 0) -> Program:
    """`EarlyStopping` without `patience`, on a validation loss that wavers."""
    x, y, x_test, y_test = data.houses(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    stop = keras.callbacks.EarlyStopping(min_delta=0.05, patience=patience)
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(3e-4), "mse")
    fit: dict[str, Any] = {"epochs": 40, "validation_split": 0.2, "callbacks": [stop]}
    return Program(
        model, scaler.transform(x), (y - mean) / std, fit,
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def sales_in_one_batch(seed: int, batch_size: int = 2048) -> Program:
    """All rows in one batch, so 20 epochs are 20 steps."""
    x, y, x_test, y_test = data.demand(seed)
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, activation="exponential")])
    model.compile(keras.optimizers.Adam(0.003), "poisson")
    fit = {"epochs": 20, "batch_size": batch_size}
    return Program(model, x, y.astype("float32"), fit, (x_test, y_test), "r2")


def rings_clipped_to_nothing(seed: int, clipvalue: float = 1e-5) -> Program:
    """Gradients cut to a hundred-thousandth, elementwise."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential(
        [layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(
        keras.optimizers.SGD(0.2, momentum=0.9, clipvalue=clipvalue), SPARSE, metrics=["accuracy"]
    )
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


FAULTS = (
    Fault(photographs_at_a_tenth, frozenset({"lr_too_high"}), "patches", "cnn",
          "HLR", {"learning_rate": 1e-3}, frozenset({"dying_relu"})),
    Fault(outcomes_beyond_the_edge, frozenset({"lr_too_high"}), "friedman1", "functional",
          "HLR", {"learning_rate": 0.01}),
    Fault(gestures_at_a_crawl, frozenset({"lr_too_low"}), "gestures", "gru",
          "HLR", {"learning_rate": 0.01}),
    Fault(tumours_on_adadelta, frozenset({"lr_too_low"}), "breast_cancer", "mlp",
          "OCH", {"learning_rate": 1.0}, frozenset({"undertraining"})),
    Fault(rings_that_decay_at_once, frozenset({"lr_too_low"}), "rings", "mlp",
          "Karpathy: decay rate", {"decay_rate": 0.9995}),
    Fault(arrows_for_two_epochs, frozenset({"undertraining"}), "arrows", "cnn",
          "HNE", {"epochs": 40}),
    Fault(houses_stopped_at_once, frozenset({"undertraining"}), "houses", "mlp",
          "RCP", {"patience": 10}),
    Fault(sales_in_one_batch, frozenset({"batch_size"}), "demand", "mlp",
          "HDB", {"batch_size": 32}, frozenset({"undertraining", "lr_too_low"})),
    Fault(rings_clipped_to_nothing, frozenset({"excess_clipping"}), "rings", "mlp",
          "OCG", {"clipvalue": 1.0}),
)  # fmt: skip
