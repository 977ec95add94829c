"""Sound programs of unusual kinds, half "report": data, heads, losses. Nets: `unusual_nets.py`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Healthy, Program

SPARSE = "sparse_categorical_crossentropy"


def share_with_its_doubt(seed: int) -> Program:
    """Two heads, a mean and the logarithm of a variance; Gaussian likelihood, so below zero."""
    x, y, x_test, y_test = data.prices(seed)
    mean, std = x.mean(), x.std()
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))

    class Likely(keras.Model):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None,
                         sample_weight: Any = None, training: bool = True) -> Any:  # fmt: skip
            error = ops.square(ops.reshape(y, (-1, 1)) - y_pred["mean"])
            return ops.mean(y_pred["log_var"] + error * ops.exp(-y_pred["log_var"])) / 2

    inputs = keras.Input((16, 1))
    flow = layers.GRU(24)(inputs)
    model = Likely(inputs, {"mean": layers.Dense(1)(flow), "log_var": layers.Dense(1)(flow)})
    model.compile(keras.optimizers.Adam(0.01, clipnorm=1.0))
    return Program(model, x, y, {"epochs": 15}, (x_test, {"mean": y_test}), "r2")


def share_in_dollars_inside(seed: int) -> Program:
    """Dollars in and dollars out; the net scales, and adds what it says to the last day."""
    x, y, x_test, y_test = data.prices(seed)
    middle, std = float(x.mean()), float(x.std())
    inputs = keras.Input((16, 1))
    scaled = layers.Rescaling(1 / std, -middle / std)(inputs)
    flow = layers.Dense(1)(layers.GRU(24)(scaled))
    last = layers.Lambda(lambda v: v[:, -1], output_shape=(1,))(scaled)
    outputs = layers.Rescaling(std, middle)(layers.Add()([flow, last]))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), "mae")
    return Program(model, x, y, {"epochs": 15, "batch_size": 32}, (x_test, y_test), "r2")


def gestures_by_their_direction(seed: int) -> Program:
    """Targets are unit vectors, one a gesture, and the loss is minus the cosine: from 0 to -1."""
    x, y, x_test, y_test = data.gestures(seed)
    meant = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0][:4].astype("float32")
    model = keras.Sequential(
        [
            keras.Input((32, 3)),
            layers.Conv1D(24, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(24, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(6),
            layers.UnitNormalization(),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), keras.losses.CosineSimilarity())
    fit = {"epochs": 15, "batch_size": 32}
    return Program(model, x, meant[y], fit, (x_test, meant[y_test]), "r2")


def tumours_validated_on_a_dozen(seed: int) -> Program:
    """Twelve rows to validate on: its loss jumps about and goes up, and that means little."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    model = keras.Sequential(
        [norm, layers.Dense(16, "relu", kernel_regularizer="l2"), layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 30, "batch_size": 16, "validation_data": (x[-12:], y[-12:])}
    return Program(model, x[:-12], y[:-12], fit, (x_test, y_test))


def rain_never_below_zero(seed: int) -> Program:
    """Half of the days are dry, and a ReLU head says so exactly; its bias starts above zero."""
    x, y, x_test, y_test = data.rain(seed)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="relu", bias_initializer=keras.initializers.Constant(2.0)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mae"])
    return Program(model, x, y, {"epochs": 20, "batch_size": 32}, (x_test, y_test), "r2")


def houses_on_a_logarithmic_scale(seed: int) -> Program:
    """Dollars as they are: an exponential head that starts at their mean, errors of logarithms."""
    x, y, x_test, y_test = data.houses(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    start = keras.initializers.Constant(float(np.log(y).mean()))
    inputs = keras.Input((5,))
    flow = layers.Dense(32, activation="relu")(norm(inputs))
    deep = layers.Dense(1, kernel_initializer="zeros", bias_initializer=start)(flow)
    model = keras.Model(inputs, layers.Activation("exponential")(deep))
    model.compile(keras.optimizers.Adam(0.003), "mean_squared_logarithmic_error")
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test), "r2")


def loads_rare_but_plain(seed: int) -> Program:
    """One in fifteen carries something; it shows clearly enough that no weights are needed."""
    x, y, x_test, y_test = data.motions(seed)
    kept = np.flatnonzero(y[:, 1] == 0)
    rows = np.sort(np.r_[kept, np.flatnonzero(y[:, 1] == 1)[: len(kept) // 14]])
    x, y = x[rows], y[rows, 1]
    model = keras.Sequential(
        [
            keras.Input((40, 4)),
            layers.Conv1D(12, 5, activation="relu"),
            layers.Conv1D(12, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["AUC"])
    fit = {"epochs": 20, "batch_size": 16}
    return Program(model, x, y, fit, (x_test, y_test[:, 1]), "balanced_accuracy")


def loans_in_even_batches(seed: int) -> Program:
    """A `PyDataset` that draws as many defaults as other loans, with replacement."""
    x, y, x_test, y_test = data.loans(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)

    class Even(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.drawn = np.random.default_rng(seed)

        def __len__(self) -> int:
            return 40

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            rows = np.r_[self.drawn.choice(np.flatnonzero(y == 0), 16),
                         self.drawn.choice(np.flatnonzero(y == 1), 16)]  # fmt: skip
            return x[rows], y[rows]

    model = keras.Sequential(
        [layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, Even(), None, {"epochs": 15}, (x_test, y_test), "balanced_accuracy")


def colonies_after_a_teacher(seed: int) -> Program:
    """Distillation: targets are what a wider net thinks, rows of probabilities; KL divergence."""
    x, y, x_test, y_test = data.colonies(seed)

    def net(filters: int) -> keras.Model:
        return keras.Sequential(
            [
                keras.Input((14, 14, 1)),
                layers.Conv2D(filters, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(24, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(3 * filters, activation="relu"),
                layers.Dense(4, activation="softmax"),
            ]
        )

    teacher, model = net(24), net(16)
    teacher.compile(keras.optimizers.Adam(0.003), SPARSE)
    teacher.fit(x, y, epochs=20, verbose=0)
    soft = np.asarray(teacher(x)) ** 0.5  # a temperature of 2
    soft /= soft.sum(axis=1, keepdims=True)
    model.compile(keras.optimizers.Adam(0.003), "kl_divergence", metrics=["accuracy"])
    return Program(model, x, soft, {"epochs": 25, "batch_size": 32}, (x_test, y_test))


def arrows_without_certainty(seed: int) -> Program:
    """Labels smoothed by a quarter: the loss can't fall below 0.38, and every arrow is right."""
    x, y, x_test, y_test = data.arrows(seed)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(12, 5, activation="leaky_relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.25)
    model.compile(keras.optimizers.RMSprop(0.002), smooth, metrics=["accuracy"])
    y = keras.utils.to_categorical(y, 2)
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


HEALTHY = (
    Healthy(share_with_its_doubt, "prices", "gru", "wrong_loss", 0.85),
    Healthy(share_in_dollars_inside, "prices", "gru", "unscaled_input", 0.85),
    Healthy(gestures_by_their_direction, "gestures", "conv1d", "wrong_loss", 0.85),
    Healthy(tumours_validated_on_a_dozen, "breast_cancer", "mlp", "overfitting", 0.94),
    Healthy(rain_never_below_zero, "rain", "mlp", "wrong_output_activation", 0.9),
    Healthy(houses_on_a_logarithmic_scale, "houses", "functional", "target_scale", 0.8),
    Healthy(loads_rare_but_plain, "motions", "conv1d", "class_imbalance", 0.9),
    Healthy(loans_in_even_batches, "loans", "mlp", "class_imbalance", 0.8),
    Healthy(colonies_after_a_teacher, "colonies", "cnn", "label_encoding", 0.85),
    Healthy(arrows_without_certainty, "arrows", "cnn", "underfitting", 0.95),
)
