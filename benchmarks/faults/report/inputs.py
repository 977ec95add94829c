"""Faults of what goes in, half "report"."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"


def tumours_in_their_units(seed: int, scaling: str = "none") -> Program:
    """Areas in the thousands beside fractal dimensions of 0.06, with SGD; `loss: nan`."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    if scaling == "robust":
        scaler = StandardScaler()
        x, x_test = scaler.fit_transform(x), scaler.transform(x_test)
    inputs = keras.Input(shape=(30,), name="measurements")
    h = layers.Dense(24, activation="relu")(inputs)
    h = layers.Dense(12, activation="relu")(h)
    out = layers.Dense(1, activation="sigmoid", name="malignant")(h)
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 30, "batch_size": 32, "validation_split": 0.15}
    return Program(model, x, y, fit, (x_test, y_test))


def houses_in_dollars(seed: int, target_scaling: str = "none") -> Program:
    """Prices of a quarter of a million; the loss starts at 7e10 and hardly moves."""
    x, y, x_test, y_test = data.houses(seed)
    if target_scaling == "standardize":
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    norm = layers.Normalization(axis=-1)
    norm.adapt(x)
    model = keras.Sequential(
        [norm, layers.Dense(64, activation="relu"), layers.Dense(64, "relu"), layers.Dense(1)]
    )
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.001))
    fit = {"validation_split": 0.2, "epochs": 30}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def gestures_with_lost_packets(seed: int, missing: str = "keep") -> Program:
    """The radio drops a sample here and there, which the logger writes as NaN."""
    x, y, x_test, y_test = data.gestures(seed)
    x = x.copy()
    lost = np.random.default_rng(seed).random(x.shape[:2]) < 0.004
    x[lost] = np.nan
    if missing == "zero":
        x = np.nan_to_num(x)
    model = keras.Sequential(
        [
            keras.Input((32, 3)),
            layers.Conv1D(16, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def tumours_scaled_on_one_side(seed: int, preprocess: str = "train only") -> Program:
    """`X_train = scaler.fit_transform(X_train)`, and `X_val` as it was read."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    x = scaler.transform(x)
    if preprocess == "all":
        x_test = scaler.transform(x_test)
    half = len(x_test) // 2
    model = keras.Sequential()
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(8, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    fit = {"epochs": 25, "validation_data": (x_test[:half], y_test[:half])}
    return Program(model, x, y, fit, (x_test[half:], y_test[half:]))


def photographs_with_another_mean(seed: int, preprocess: str = "0 to 1") -> Program:
    """A body trained on inputs from -1 to 1 goes on with inputs from 0 to 255."""
    x, y, x_test, y_test = data.patches(seed)
    inputs = keras.Input((12, 12, 3))
    h = layers.Conv2D(16, 3, activation="relu")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    features = layers.Dense(24, activation="tanh")(h)
    body = keras.Model(inputs, features, name="backbone")
    before = keras.Sequential([body, layers.Dense(1, activation="sigmoid")])
    before.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    before.fit(x[:400] / 127.5 - 1, y[:400], epochs=8, verbose=0)
    x, y = x[400:], y[400:]
    if preprocess == "as the backbone":
        x, x_test = x / 127.5 - 1, x_test / 127.5 - 1
    body.trainable = False
    model = keras.Sequential([body, layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12}, (x_test, y_test))


def tumours_split_with_replacement(seed: int, split: str = "with replacement") -> Program:
    """Rows drawn with replacement to have more of them, and only then divided."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    drawn = np.random.default_rng(seed)
    if split == "with replacement":
        rows = drawn.integers(0, len(x), 800)
        x, y = x[rows], y[rows]
        x, x_val, y, y_val = x[:600], x[600:], y[:600], y[600:]
    else:
        x, x_val, y, y_val = x[:300], x[300:], y[:300], y[300:]
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 20, "validation_data": (x_val, y_val)}
    return Program(model, x, y, fit, (x_test, y_test))


def arrows_seen_before(seed: int, split: str = "after augmentation") -> Program:
    """Images doubled by copies before the split; half of the validation images are known."""
    x, y, x_test, y_test = data.arrows(seed)
    if split == "after augmentation":
        x, y = np.concatenate([x, x]), np.concatenate([y, y])
        order = np.random.default_rng(seed).permutation(len(x))
        x, y = x[order], y[order]
    cut = int(0.8 * len(x))
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 8, "validation_data": (x[cut:], y[cut:])}
    return Program(model, x[:cut], y[:cut], fit, (x_test, y_test))


def is_seen_before(program: Program) -> bool:
    """Is more than 1 % of the validation rows among those of training?"""
    known = {row.tobytes() for row in program.x}
    rows = program.fit["validation_data"][0]
    return sum(row.tobytes() in known for row in rows) > 0.01 * len(rows)


def customers_who_called_to_leave(seed: int, columns: str = "all") -> Program:
    """`months_since_cancellation` is known of those who left; of those who will, it is 0."""
    x, y, x_test, y_test = data.churn(seed)
    if columns == "all":
        since = y * np.random.default_rng(seed).uniform(1, 3, len(y))
        x, x_test = np.c_[x, since], np.c_[x_test, np.zeros(len(x_test))]
    model = keras.Sequential([layers.Dense(24, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["AUC"])
    fit: dict[str, Any] = {"epochs": 15, "class_weight": {0: 0.53, 1: 9.0}}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def species_sorted_and_split(seed: int, shuffle: bool = False) -> Program:
    """The file is sorted by species; the last fifth, all virginica, goes to validation."""
    x, y, x_test, y_test = data.iris(seed)
    if not shuffle:
        order = np.argsort(y, kind="stable")
        x, y = x[order], y[order]
    scaler = MinMaxScaler().fit(x)
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(0.02), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 50, "batch_size": 8, "validation_split": 0.32}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def customers_all_loyal(seed: int, class_weight: dict[int, float] | None = None) -> Program:
    """95 % accuracy, and the report says `recall 0.00` for those who leave."""
    x, y, x_test, y_test = data.churn(seed)
    model = keras.Sequential()
    model.add(keras.Input((10,)))
    model.add(layers.Dense(12, activation="relu"))
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(loss=SPARSE, optimizer="adam", metrics=["accuracy"])
    fit: dict[str, Any] = {"epochs": 20, "batch_size": 32, "class_weight": class_weight}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


FAULTS = (
    Fault(tumours_in_their_units, frozenset({"unscaled_input"}), "breast_cancer", "functional",
          "users: no scaling", {"scaling": "robust"}),
    Fault(houses_in_dollars, frozenset({"target_scale"}), "houses", "mlp",
          "users: no scaling of the target", {"target_scaling": "standardize"}),
    Fault(gestures_with_lost_packets, frozenset({"nan_input"}), "gestures", "conv1d",
          "users: NaN in the table", {"missing": "zero"}),
    Fault(tumours_scaled_on_one_side, frozenset({"train_val_mismatch"}), "breast_cancer", "mlp",
          "users: validation not preprocessed", {"preprocess": "all"}),
    Fault(photographs_with_another_mean, frozenset({"unscaled_input"}), "patches", "cnn",
          "Karpathy: not the original mean", {"preprocess": "as the backbone"},
          frozenset({"train_val_mismatch"})),
    Fault(tumours_split_with_replacement, frozenset({"train_val_overlap"}), "breast_cancer", "mlp",
          "users: resampled before the split", {"split": "first"}, present=is_seen_before),
    Fault(arrows_seen_before, frozenset({"train_val_overlap"}), "arrows", "cnn",
          "users: augmented before the split", {"split": "first"}, present=is_seen_before),
    Fault(customers_who_called_to_leave, frozenset({"label_leakage"}), "churn", "mlp",
          "users: known only afterwards", {"columns": "known before"}),
    Fault(species_sorted_and_split, frozenset({"unshuffled_data"}), "iris", "mlp",
          "users: validation_split on sorted rows", {"shuffle": True},
          frozenset({"train_val_mismatch"})),
    Fault(customers_all_loyal, frozenset({"class_imbalance"}), "churn", "mlp",
          "TUD", {"class_weight": {0: 0.53, 1: 9.0}}),
)  # fmt: skip
