"""Faults that people ask about in public, half "report": nets and training. See `asked.py`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from .. import data
from ..program import Fault, Program
from .asked import KERAS, SO, SPARSE


def spirals_by_a_straight_cut(seed: int, activation: str | None = None) -> Program:
    """Four Dense layers, and the default of `activation` is none at all."""
    x, y, x_test, y_test = data.spirals(seed)
    inputs = keras.Input((2,))
    flow = inputs
    for width in (64, 64, 32):
        flow = layers.Dense(width, activation=activation)(flow)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(flow))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test))


def shells_by_a_tenth(seed: int, learning_rate: float = 0.1) -> Program:
    """`RMSprop(learning_rate=0.1)`: after some steps most ReLUs are dead, and the rest guesses."""
    x, y, x_test, y_test = data.quantiles(seed)
    model = keras.Sequential([keras.Input((5,))])
    for _ in range(3):
        model.add(layers.Dense(96, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    rmsprop = keras.optimizers.RMSprop(learning_rate=learning_rate)
    model.compile(optimizer=rmsprop, loss=SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 30, "batch_size": 32}, (x_test, y_test))


def spirals_by_the_head_alone(seed: int, trained: str = "head") -> Program:
    """A `train_step` of one's own that asks for the gradients of the last layer only."""
    x, y, x_test, y_test = data.spirals(seed)

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = keras.Sequential(
                [layers.Dense(24, activation="relu"), layers.Dense(24, activation="relu")]
            )
            self.head = layers.Dense(1, activation="sigmoid")

        def call(self, inputs: Any) -> Any:
            return self.head(self.body(inputs))

        def train_step(self, batch: Any) -> dict[str, Any]:
            inputs, labels = batch
            with tf.GradientTape() as tape:
                loss = self.compute_loss(inputs, labels, self(inputs, training=True))
            of = self.head if trained == "head" else self
            gradients = tape.gradient(loss, of.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, of.trainable_variables, strict=True))
            return {"loss": loss}

    model = Net()
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy")
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test))


def walks_slowed_at_each_success(seed: int, mode: str = "min") -> Program:
    """`ReduceLROnPlateau` of an accuracy with the mode of a loss: each gain counts as none."""
    x, y, x_test, y_test = data.motions(seed)
    model = keras.Sequential(
        [
            keras.Input((40, 4)),
            layers.Conv1D(12, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(12, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.001), SPARSE, metrics=["accuracy"])
    slower = keras.callbacks.ReduceLROnPlateau("val_accuracy", 0.1, patience=2, mode=mode)
    fit = {"epochs": 25, "batch_size": 32, "validation_split": 0.2, "callbacks": [slower]}
    return Program(model, x, y[:, 0], fit, (x_test, y_test[:, 0]))


def gestures_stopped_while_they_improve(seed: int, mode: str = "max") -> Program:
    """`EarlyStopping("val_loss", mode="max")`: each epoch that learns counts as a failure."""
    x, y, x_test, y_test = data.gestures(seed)
    model = keras.Sequential(
        [
            keras.Input((32, 3)),
            layers.Conv1D(16, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(24, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-4), SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, mode=mode)
    fit = {"epochs": 80, "batch_size": 32, "validation_split": 0.2, "callbacks": [stop]}
    return Program(model, x, y, fit, (x_test, y_test))


def order_with_a_tenth_kept(seed: int, dropout: float = 0.9) -> Program:
    """0.9 was the share to keep in TensorFlow 1; in Keras it is the share to drop."""
    x, y, x_test, y_test = data.grammar(seed)
    tokens = keras.Input((14,), dtype="int32")
    places = layers.Embedding(14, 16)(ops.arange(14))
    flow = layers.Embedding(60, 16)(tokens) + places
    for _ in range(2):
        seen = layers.MultiHeadAttention(2, 8, dropout=dropout)(flow, flow)
        flow = layers.LayerNormalization()(flow + layers.Dropout(dropout)(seen))
        wide = layers.Dense(16)(layers.Dense(32, activation="relu")(flow))
        flow = layers.LayerNormalization()(flow + layers.Dropout(dropout)(wide))
    pooled = layers.Dropout(dropout)(layers.GlobalAveragePooling1D()(flow))
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(pooled))
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 25, "batch_size": 32}
    return Program(model, x.astype("int32"), y, fit, (x_test.astype("int32"), y_test))


def patches_through_sigmoids(seed: int, activation: str = "sigmoid") -> Program:
    """A deep convolutional net with a sigmoid behind each layer; nothing arrives in front."""
    x, y, x_test, y_test = data.patches(seed)
    x, x_test = x / 127.5 - 1, x_test / 127.5 - 1
    model = keras.Sequential([keras.Input((12, 12, 3))])
    for _ in range(7):
        model.add(layers.Conv2D(12, 3, padding="same", activation=activation))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.002), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 8, "batch_size": 32}, (x_test, y_test))


def spirals_through_two_units(seed: int, width: int = 2) -> Program:
    """Two inputs, so two hidden units; that many can't go round a spiral."""
    x, y, x_test, y_test = data.spirals(seed)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(width, activation="tanh"),
            layers.Dense(width, activation="tanh"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 50, "batch_size": 32}, (x_test, y_test))


def walks_under_half_a_penalty(seed: int, l2: float = 0.5) -> Program:
    """`W_regularizer=l2(0.5)` on each layer: weights go to zero, and answers to one."""
    x, y, x_test, y_test = data.motions(seed)
    heavy = keras.regularizers.L2(l2)
    model = keras.Sequential(
        [
            keras.Input((40, 4)),
            layers.Conv1D(16, 7, activation="relu", kernel_regularizer=heavy),
            layers.Conv1D(16, 7, activation="relu", kernel_regularizer=heavy),
            layers.GlobalMaxPooling1D(),
            layers.Dense(16, activation="relu", kernel_regularizer=heavy),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 15, "batch_size": 32}
    return Program(model, x, y[:, 0], fit, (x_test, y_test[:, 0]))


def rain_once_an_epoch(seed: int, batch_size: int = 2048) -> Program:
    """A batch larger than the data: thirty epochs are thirty steps."""
    x, y, x_test, y_test = data.rain(seed)
    std = y.std()
    model = keras.Sequential(
        [layers.Dense(24, activation="relu"), layers.Dense(24, activation="relu"), layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    fit = {"epochs": 30, "batch_size": batch_size}
    return Program(model, x, y / std, fit, (x_test, y_test / std), "r2")


def friedman_from_unit_normals(seed: int, kernel_initializer: str = "unit normal") -> Program:
    """`random_normal` with a deviation of 1, as in old tutorials, four layers deep."""
    x, y, x_test, y_test = data.friedman1(seed)
    x, x_test, mean, std = x - 0.5, x_test - 0.5, y.mean(), y.std()
    drawn: Any = kernel_initializer
    model = keras.Sequential([keras.Input((10,))])
    for k in range(4):
        if kernel_initializer == "unit normal":
            drawn = keras.initializers.RandomNormal(stddev=1.0, seed=seed + k)
        model.add(layers.Dense(64, activation="relu", kernel_initializer=drawn))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.001), "mse")
    fit = {"epochs": 20, "batch_size": 32}
    return Program(model, x, (y - mean) / std, fit, (x_test, (y_test - mean) / std), "r2")


def demand_learnt_by_heart(seed: int, l2: float = 0.0, epochs: int = 150) -> Program:
    """A wide net, 130 hours, and as many epochs as the loss falls for; that of val climbs."""
    x, y, x_test, y_test = data.demand(seed)
    y, y_test = np.log1p(y), np.log1p(y_test)
    mean, std = y.mean(), y.std()
    y, y_test = (y - mean) / std, (y_test - mean) / std
    weigh = keras.regularizers.L2(l2)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(128, activation="relu", kernel_regularizer=weigh),
            layers.Dense(128, activation="relu", kernel_regularizer=weigh),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "mse")
    val = (x[130:400], y[130:400])
    fit = {"epochs": epochs, "batch_size": 16, "validation_data": val}
    return Program(model, x[:130], y[:130], fit, (x_test, y_test), "r2")


FAULTS = (
    Fault(spirals_by_a_straight_cut, frozenset({"missing_activation"}), "spirals", "functional",
          "users: no activation", {"activation": "relu"}, source=KERAS + "1597"),
    Fault(shells_by_a_tenth, frozenset({"lr_too_high"}), "quantiles", "mlp",
          "users: rate too high", {"learning_rate": 0.003}, frozenset({"dying_relu"}),
          source="https://datascience.stackexchange.com/questions/18810"),
    Fault(spirals_by_the_head_alone, frozenset({"frozen_layers"}), "spirals", "subclassed",
          "users: train_step of its own", {"trained": "all"},
          source="https://github.com/tensorflow/tensorflow/issues/45582"),
    Fault(walks_slowed_at_each_success, frozenset({"lr_too_low"}), "motions", "conv1d",
          "users: rate lowered too soon", {"mode": "max"}, frozenset({"undertraining"}),
          source=KERAS + "10924"),
    Fault(gestures_stopped_while_they_improve, frozenset({"undertraining"}), "gestures", "conv1d",
          "users: early stopping, wrong side", {"mode": "min"},
          source="https://github.com/keras-team/keras/pull/14750"),
    Fault(order_with_a_tenth_kept, frozenset({"excess_dropout"}), "grammar", "transformer",
          "users: share to keep as share to drop", {"dropout": 0.1}, source=SO + "48355700"),
    Fault(patches_through_sigmoids, frozenset({"vanishing_gradient"}), "patches", "cnn",
          "users: sigmoids in the hidden layers", {"activation": "relu"},
          source="https://blockgeni.com/tutorial-on-visualizing-the-vanishing-gradient-problem/"),
    Fault(spirals_through_two_units, frozenset({"underfitting"}), "spirals", "mlp",
          "users: as many units as features", {"width": 48}, source=SO + "56076672"),
    Fault(walks_under_half_a_penalty, frozenset({"excess_regularization"}), "motions", "conv1d",
          "users: heavy penalty", {"l2": 1e-4}, source=KERAS + "2134"),
    Fault(rain_once_an_epoch, frozenset({"batch_size"}), "rain", "mlp",
          "users: batch larger than the data", {"batch_size": 32},
          frozenset({"undertraining", "lr_too_low"}), source=KERAS + "112"),
    Fault(friedman_from_unit_normals, frozenset({"bad_init"}), "friedman1", "deep mlp",
          "users: unit normals", {"kernel_initializer": "he_normal"},
          frozenset({"exploding_gradient"}), source="https://ramilus.com/post/99"),
    Fault(demand_learnt_by_heart, frozenset({"overfitting"}), "demand", "mlp",
          "users: val loss climbs", {"l2": 0.01, "epochs": 40}, source=KERAS + "3894"),
)  # fmt: skip
