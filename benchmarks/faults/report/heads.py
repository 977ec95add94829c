"""Faults of labels, loss and head, half "report"."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"


def arrows_flipped_without_labels(seed: int, labels: str = "kept") -> Program:
    """Images mirrored for more data, and left is still called left."""
    x, y, x_test, y_test = data.arrows(seed)
    flipped = y if labels == "kept" else 1 - y
    x, y = np.concatenate([x, x[:, :, ::-1]]), np.concatenate([y, flipped])
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 8, "batch_size": 32}, (x_test, y_test))


def rings_joined_wrongly(seed: int, labels: str = "off by a merge") -> Program:
    """Labels merged on an index that had been reset: most belong to some other row."""
    x, y, x_test, y_test = data.rings(seed)
    if labels != "as read":
        y = np.roll(y, 7)
    model = keras.Sequential(
        [layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def species_from_one_to_three(seed: int, labels: str = "1..K") -> Program:
    """Species numbered 1, 2, 3 by the spreadsheet."""
    x, y, x_test, y_test = data.iris(seed)
    scaler = StandardScaler().fit(x)
    if labels == "1..K":
        y, y_test = y + 1, y_test + 1
    inputs = keras.Input((4,))
    out = layers.Dense(3, activation="softmax")(layers.Dense(16, activation="tanh")(inputs))
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.Adam(0.02), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 25, "batch_size": 16}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def photographs_as_one_and_two(seed: int, labels: str = "1/2") -> Program:
    """Classes 1 and 2 against one sigmoid."""
    x, y, x_test, y_test = data.patches(seed)
    if labels == "1/2":
        y, y_test = y + 1, y_test + 1
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(12, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10}, (x_test, y_test))


def rings_by_squared_error(seed: int, loss: str = "mse") -> Program:
    """Class numbers against three probabilities: NumPy's rules stretch the one to the other."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential(
        [layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(3, "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.005), loss=loss, metrics=["accuracy"])
    return Program(model, x, y.reshape(-1, 1), {"epochs": 15}, (x_test, y_test))


def sales_by_cross_entropy(seed: int, loss: str = "binary_crossentropy") -> Program:
    """Counts up to 30 under the loss of a yes or no."""
    x, y, x_test, y_test = data.demand(seed)
    y, y_test = y.astype("float32"), y_test.astype("float32")
    out = "sigmoid" if loss == "binary_crossentropy" else "exponential"
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, activation=out)])
    model.compile(keras.optimizers.Adam(0.005), loss=loss)
    return Program(model, x, y, {"epochs": 15}, (x_test, y_test), "r2")


def outcomes_with_a_clipped_loss(seed: int, clip: str = "loss") -> Program:
    """`tf.minimum(loss, 1.)` to tame outliers: whatever is far off teaches nothing."""
    x, y, x_test, y_test = data.friedman1(seed)
    inputs = keras.Input((10,))
    h = layers.Dense(48, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(1)(layers.Dense(24, activation="relu")(h)))

    def tamed(y_true: Any, y_pred: Any) -> Any:
        return ops.minimum(ops.square(y_true - y_pred), 1.0)

    if clip == "loss":
        model.compile(optimizer=keras.optimizers.Adam(0.005), loss=tamed)
    else:
        model.compile(optimizer=keras.optimizers.Adam(0.005, clipvalue=1.0), loss="mse")
    return Program(model, x - 0.5, y[:, None], {"epochs": 25}, (x_test - 0.5, y_test), "r2")


def tumours_by_softmax_of_one(seed: int, activation: str = "softmax") -> Program:
    """One softmax unit says 1.0 of every tumour; val accuracy 0.6274 in every epoch."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    inputs = keras.Input((30,))
    h = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Activation(activation)(layers.Dense(1)(h)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": 16, "validation_split": 0.2}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def houses_behind_tanh(seed: int, activation: str = "tanh") -> Program:
    """Standardized prices up to 5, answers up to 1."""
    x, y, x_test, y_test = data.houses(seed)
    scaler, low, spread = StandardScaler().fit(x), y.min(), y.std()
    y, y_test = (y - low) / spread, (y_test - low) / spread
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, activation=activation)])
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    fit = {"epochs": 25, "batch_size": 32}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test), "r2")


def gestures_behind_relu(seed: int, activation: str = "relu") -> Program:
    """`model.add(Dense(4, activation="relu"))` as the last line."""
    x, y, x_test, y_test = data.gestures(seed)
    model = keras.Sequential()
    model.add(keras.Input((32, 3)))
    model.add(layers.Conv1D(16, 5, activation="relu"))
    model.add(layers.MaxPooling1D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(4, activation=activation))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    target = keras.utils.to_categorical(y, 4)
    return Program(model, x, target, {"epochs": 12}, (x_test, y_test))


def tickets_for_one_desk(seed: int, activation: str = "softmax") -> Program:
    """Any desks may be concerned; the softmax makes them compete."""
    x, y, x_test, y_test = data.tickets(seed)
    x, x_test = x.astype("int32"), x_test.astype("int32")
    inputs = keras.Input((20,), dtype="int32")
    h = layers.GlobalAveragePooling1D()(layers.Embedding(200, 24)(inputs))
    out = layers.Dense(4, activation=activation)(layers.Dense(24, activation="relu")(h))
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["binary_accuracy"])
    fit = {"epochs": 20, "batch_size": 32}
    return Program(model, x, y, fit, (x_test, y_test), "f1")


def rings_in_raw_scores(seed: int, from_logits: bool = False) -> Program:
    """`Dense(3)` and `loss="sparse_categorical_crossentropy"`: scores are read as probabilities."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if from_logits else SPARSE
    model.compile(keras.optimizers.Adam(0.005), loss=loss, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20}, (x_test, y_test))


def arrows_in_raw_scores(seed: int, from_logits: bool = False) -> Program:
    """One linear unit under `binary_crossentropy`."""
    x, y, x_test, y_test = data.arrows(seed)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss=loss, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10}, (x_test, y_test))


FAULTS = (
    Fault(arrows_flipped_without_labels, frozenset({"corrupt_labels"}), "arrows", "cnn",
          "Karpathy: images flipped, labels not", {"labels": "flipped"}),
    Fault(rings_joined_wrongly, frozenset({"corrupt_labels"}), "rings", "mlp",
          "TCL", {"labels": "as read"}),
    Fault(species_from_one_to_three, frozenset({"label_encoding"}), "iris", "functional",
          "users: labels 1..K", {"labels": "0..K-1"}),
    Fault(photographs_as_one_and_two, frozenset({"label_encoding"}), "patches", "cnn",
          "users: labels 1 and 2", {"labels": "0/1"}),
    Fault(rings_by_squared_error, frozenset({"wrong_loss"}), "rings", "mlp",
          "LCH", {"loss": SPARSE}),
    Fault(sales_by_cross_entropy, frozenset({"wrong_loss"}), "demand", "mlp",
          "LCH", {"loss": "poisson"}, frozenset({"wrong_output_activation", "label_encoding"})),
    Fault(outcomes_with_a_clipped_loss, frozenset({"wrong_loss"}), "friedman1", "functional",
          "Karpathy: the loss is clipped, not the gradient", {"clip": "gradient"}),
    Fault(tumours_by_softmax_of_one, frozenset({"wrong_output_activation"}), "breast_cancer",
          "functional", "ACH", {"activation": "sigmoid"}),
    Fault(houses_behind_tanh, frozenset({"wrong_output_activation"}), "houses", "mlp",
          "ACH", {"activation": "linear"}, frozenset({"target_scale"})),
    Fault(gestures_behind_relu, frozenset({"wrong_output_activation"}), "gestures", "conv1d",
          "ACH", {"activation": "softmax"}),
    Fault(tickets_for_one_desk, frozenset({"wrong_output_activation"}), "tickets", "functional",
          "users: softmax on multi-label", {"activation": "sigmoid"}, frozenset({"wrong_loss"})),
    Fault(rings_in_raw_scores, frozenset({"logits_mismatch"}), "rings", "mlp",
          "users: linear head, from_logits forgotten", {"from_logits": True},
          frozenset({"wrong_output_activation"})),
    Fault(arrows_in_raw_scores, frozenset({"logits_mismatch"}), "arrows", "cnn",
          "users: linear head, from_logits forgotten", {"from_logits": True},
          frozenset({"wrong_output_activation"})),
)  # fmt: skip
