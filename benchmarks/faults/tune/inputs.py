"""Faults of what goes in, half "tune": scale, missing values, splits, leaks, order."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program


def wine_straight_from_the_table(seed: int, scaling: str = "none") -> Program:
    """Thirteen columns as they come: proline in the thousands, hue around 1."""
    x, y, x_test, y_test = data.wine(seed)
    if scaling == "standardize":
        scaler = StandardScaler().fit(x)
        x, x_test = scaler.transform(x), scaler.transform(x_test)
    model = keras.Sequential(
        [
            keras.Input((13,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 16}, (x_test, y_test))


def digits_as_8_bit_pixels(seed: int, scaling: str = "none") -> Program:
    """Pixels from 0 to 255 into a small convolutional net with plain SGD."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = x[..., None] * (255 / 16), x_test[..., None] * (255 / 16)
    if scaling != "none":
        x, x_test = x / 255, x_test / 255
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Program(model, x, y, {"epochs": 8, "validation_split": 0.1}, (x_test, y_test))


def impedance_in_ohms(seed: int, target_scaling: str = "none") -> Program:
    """Inputs scaled, the target left in the hundreds; the loss starts at 300,000."""
    x, y, x_test, y_test = data.friedman2(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    if target_scaling == "standardize":
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    model = keras.Sequential(
        [layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return Program(model, x, y, {"epochs": 25, "validation_split": 0.2}, (x_test, y_test), "r2")


def wine_with_gaps(seed: int, missing: str = "keep") -> Program:
    """A sensor failed now and then, and the table holds NaN there; the loss is NaN at once."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    x[np.random.default_rng(seed).random(x.shape) < 0.02] = np.nan
    if missing == "impute":
        x = SimpleImputer().fit_transform(x)
    model = keras.Sequential(
        [layers.Dense(24, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.005),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Program(model, x, y, {"epochs": 25, "batch_size": 16}, (x_test, y_test))


def digits_validated_unscaled(seed: int, preprocess: str = "train only") -> Program:
    """`x_train` is centred and scaled, and the line for `x_val` was lost; val far below train."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_val, y, y_val = x[:1000], x[1000:], y[:1000], y[1000:]
    mean, std = x.mean(), x.std()
    x = (x - mean) / std
    if preprocess == "all":
        x_val, x_test = (x_val - mean) / std, (x_test - mean) / std
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="tanh"),
            layers.Dense(64, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 15, "validation_data": (x_val, y_val)}
    return Program(model, x, y, fit, (x_test, y_test))


def patients_scaled_apart(seed: int, preprocess: str = "each by its range") -> Program:
    """Train standardized, val squeezed into 0 to 1 by a scaler of its own."""
    x, y, x_test, y_test = data.diabetes(seed)
    y, y_test = (y - 150) / 77, (y_test - 150) / 77
    scaler = StandardScaler().fit(x)
    low, high = x_test.min(axis=0), x_test.max(axis=0)
    x = scaler.transform(x)
    x_test = scaler.transform(x_test) if preprocess == "all" else (x_test - low) / (high - low)
    cut = len(x_test) // 2
    model = keras.Sequential(
        [layers.Dense(16, activation="relu", kernel_regularizer="l2"), layers.Dense(1)]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    fit = {"epochs": 30, "validation_data": (x_test[:cut], y_test[:cut])}
    return Program(model, x, y, fit, (x_test[cut:], y_test[cut:]), "r2")


def fraud_oversampled_before_the_split(seed: int, split: str = "after oversampling") -> Program:
    """The rare class copied 14 times, then split at random: copies stand on both sides."""
    x, y, x_test, y_test = data.fraud(seed)
    drawn = np.random.default_rng(seed)
    cut = int(0.75 * len(x))

    def oversampled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = drawn.permutation(np.concatenate([np.arange(len(x)), *[np.flatnonzero(y)] * 14]))
        return x[rows], y[rows]

    if split == "before oversampling":
        x_val, y_val = x[cut:], y[cut:]
        x, y = oversampled(x[:cut], y[:cut])
    else:
        x, y = oversampled(x, y)
        cut = int(0.75 * len(x))
        x, x_val, y, y_val = x[:cut], x[cut:], y[:cut], y[cut:]
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 15, "validation_data": (x_val, y_val)}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def copies_of_training_rows(program: Program) -> bool:
    """Is more than 1 % of the validation rows among those of training?"""
    known = {row.tobytes() for row in program.x}
    rows = program.fit["validation_data"][0]
    return sum(row.tobytes() in known for row in rows) > 0.01 * len(rows)


def patients_with_their_outcome(seed: int, columns: str = "all") -> Program:
    """A column that was written after the outcome was known; for new patients it is empty."""
    x, y, x_test, y_test = data.diabetes(seed)
    mean, std = y.mean(), y.std()
    y, y_test = (y - mean) / std, (y_test - mean) / std
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    if columns == "all":
        noise = np.random.default_rng(seed).normal(0, 0.02, len(y))
        x = np.c_[x, 0.7 * y + noise]
        x_test = np.c_[x_test, np.zeros(len(x_test))]
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    fit = {"epochs": 40, "batch_size": 32, "validation_split": 0.2}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def forecast_that_sees_tomorrow(seed: int, offset: int = 0) -> Program:
    """Windows off by one: the last step of the window is the value to forecast."""
    x, y, x_test, y_test = data.series(seed)
    if offset == 0:
        x = np.concatenate([x[:, 1:], y[:, None, None]], axis=1)
        known = x_test[:, -1:]  # in use, tomorrow is not there yet: the last value stands in
        x_test = np.concatenate([x_test[:, 1:], known], axis=1)
    model = keras.Sequential([keras.Input((20, 1)), layers.LSTM(16), layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return Program(model, x, y, {"epochs": 12, "batch_size": 64}, (x_test, y_test), "r2")


def digits_by_class_unshuffled(seed: int, shuffle: bool = False) -> Program:
    """Read folder by folder, 0 to 9, and `shuffle=False` because order should be kept."""
    x, y, x_test, y_test = data.digits(seed)
    order = np.argsort(y, kind="stable")
    x, y = x[order] / 16, y[order]
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 12, "batch_size": 32, "shuffle": shuffle}
    return Program(model, x, y, fit, (x_test / 16, y_test))


def wine_split_off_the_end(seed: int, shuffle: bool = False) -> Program:
    """Sorted by grower; `validation_split=0.3` takes the third grower away from training."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    if not shuffle:
        order = np.argsort(y, kind="stable")
        x, y = x[order], y[order]
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 40, "batch_size": 8, "validation_split": 0.3}
    return Program(model, x, y, fit, (x_test, y_test))


def fraud_never_predicted(seed: int, class_weight: dict[int, float] | None = None) -> Program:
    """97 % accuracy from the first epoch on, and not one fraud found."""
    x, y, x_test, y_test = data.fraud(seed)
    model = keras.Sequential(
        [
            layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    fit: dict[str, Any] = {"epochs": 25, "batch_size": 32, "class_weight": class_weight}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


FAULTS = (
    Fault(wine_straight_from_the_table, frozenset({"unscaled_input"}), "wine", "mlp",
          "users: no scaling", {"scaling": "standardize"}),
    Fault(digits_as_8_bit_pixels, frozenset({"unscaled_input"}), "digits", "cnn",
          "users: no scaling", {"scaling": "1/255"}),
    Fault(impedance_in_ohms, frozenset({"target_scale"}), "friedman2", "mlp",
          "users: no scaling of the target", {"target_scaling": "standardize"}),
    Fault(wine_with_gaps, frozenset({"nan_input"}), "wine", "mlp",
          "users: NaN in the table", {"missing": "impute"}),
    Fault(digits_validated_unscaled, frozenset({"train_val_mismatch"}), "digits", "mlp",
          "users: validation not preprocessed", {"preprocess": "all"}),
    Fault(patients_scaled_apart, frozenset({"train_val_mismatch"}), "diabetes", "mlp",
          "Karpathy: not the original mean", {"preprocess": "all"}),
    Fault(fraud_oversampled_before_the_split, frozenset({"train_val_overlap"}), "fraud", "mlp",
          "users: oversampled before the split", {"split": "before oversampling"},
          present=copies_of_training_rows),
    Fault(patients_with_their_outcome, frozenset({"label_leakage"}), "diabetes", "mlp",
          "users: target among the features", {"columns": "without target"}),
    Fault(forecast_that_sees_tomorrow, frozenset({"label_leakage"}), "series", "lstm",
          "Karpathy: off by one, the target is an input", {"offset": 1}),
    Fault(digits_by_class_unshuffled, frozenset({"unshuffled_data"}), "digits", "mlp",
          "users: shuffle=False on sorted rows", {"shuffle": True}),
    Fault(wine_split_off_the_end, frozenset({"unshuffled_data"}), "wine", "mlp",
          "users: validation_split on sorted rows", {"shuffle": True},
          frozenset({"train_val_mismatch"})),
    Fault(fraud_never_predicted, frozenset({"class_imbalance"}), "fraud", "mlp",
          "TUD", {"class_weight": {0: 0.52, 1: 15.0}}),
)  # fmt: skip
