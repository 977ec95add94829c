"""Faults that people ask about in public, half "tune": nets and training. See `asked.py`."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Fault, Program
from .asked import KERAS, SO, SPARSE


def xor_at_the_default_rate(seed: int, learning_rate: float = 0.01) -> Program:
    """A few sigmoids and `optimizer="sgd"`: the loss falls, but does not get anywhere."""
    x, y, x_test, y_test = data.xor(seed)
    model = keras.Sequential()
    model.add(layers.Dense(8, activation="sigmoid"))
    model.add(layers.Dense(1, activation="sigmoid"))
    sgd = keras.optimizers.SGD(learning_rate, momentum=0.9)
    model.compile(loss="binary_crossentropy", optimizer=sgd, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 30, "batch_size": 16}, (x_test, y_test))


def line_that_leaps_off(seed: int, learning_rate: float = 0.001) -> Program:
    """A linear regression on x up to 200, one point at a time; the weight is nan in a second."""
    x, y, x_test, y_test = data.ramp(seed)
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.SGD(learning_rate))
    return Program(model, x, y, {"epochs": 5, "batch_size": 1}, (x_test, y_test), "r2")


def digits_under_a_course_penalty(seed: int, l2: float = 1.0) -> Program:
    """`regularizers.l2(1)`: lambda was 1 in the course, and was divided by the examples there."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = x.reshape(len(x), -1) / 16, x_test.reshape(len(x_test), -1) / 16
    weigh = keras.regularizers.L2(l2)
    model = keras.Sequential(
        [
            layers.Dense(25, activation="sigmoid", kernel_regularizer=weigh),
            layers.Dense(10, activation="softmax", kernel_regularizer=weigh),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    y = keras.utils.to_categorical(y)
    return Program(model, x, y, {"epochs": 25, "batch_size": 32}, (x_test, y_test))


def glyphs_by_linear_convolutions(seed: int, activation: str | None = None) -> Program:
    """`Conv2D(16, 3)` and nothing behind it; dark on light and light on dark cancel out."""
    x, y, x_test, y_test = data.glyphs(seed)
    x, x_test = x / 255, x_test / 255
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(16, (3, 3), activation=activation),
            layers.Conv2D(16, (3, 3), strides=2, activation=activation),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(32, activation=activation),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(loss=SPARSE, optimizer=keras.optimizers.Adam(0.002), metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


def bits_in_one_cell(seed: int, units: int = 1) -> Program:
    """`LSTM(1)`, because there is one feature: too little memory for a rule of two bits."""
    x, y, x_test, y_test = data.bits(seed)
    model = keras.Sequential()
    model.add(keras.Input((8, 1)))
    model.add(layers.LSTM(units))
    model.add(layers.Dense(1, activation="sigmoid"))
    adam = keras.optimizers.Adam(0.02)
    model.compile(optimizer=adam, loss="binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 25, "batch_size": 32}, (x_test, y_test))


def temperatures_dropped_thrice(seed: int, dropout: float = 0.8) -> Program:
    """Dropout against overfitting, everywhere and more of it: the forecast is a flat line."""
    x, y, x_test, y_test = data.temperatures(seed)
    mean, std = x.mean(), x.std()
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))
    model = keras.Sequential(
        [
            keras.Input((24, 1)),
            layers.LSTM(24, return_sequences=True),
            layers.Dropout(dropout),
            layers.LSTM(16),
            layers.Dropout(dropout),
            layers.Dense(16, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.005))
    return Program(model, x, y, {"epochs": 10, "batch_size": 32}, (x_test, y_test), "r2")


def glyphs_on_a_body_without_weights(seed: int, trainable: bool = False) -> Program:
    """`base.trainable = False` as in the tutorial, but this base was never trained."""
    x, y, x_test, y_test = data.glyphs(seed)
    base = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(24, 3, activation="relu"),
        ]
    )
    base.trainable = trainable
    inputs = keras.Input((12, 12, 1))
    pooled = layers.GlobalMaxPooling2D()(base(inputs))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(pooled))
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15, "batch_size": 32}, (x_test, y_test))


def cars_two_at_a_time(seed: int, batch_size: int = 2) -> Program:
    """Batch norm over batches of two: good on train, as it seems, and bad when it is used."""
    x, y, x_test, y_test = data.cars(seed)
    x, x_test = x[:, 1:], x_test[:, 1:]
    scaler = StandardScaler().fit(x)
    y, y_test = np.log(y), np.log(y_test)
    mean, std = y.mean(), y.std()
    model = keras.Sequential()
    model.add(keras.Input((3,)))
    for width in (24, 24):
        model.add(layers.Dense(width))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 8, "batch_size": batch_size},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def wine_stopped_at_the_first_wobble(seed: int, patience: int = 0) -> Program:
    """`EarlyStopping()` with its default patience of 0, on a validation loss of 13 wines."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential(
        [
            keras.Input((13,)),
            layers.Dense(24, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.006), SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=patience)
    fit = {"epochs": 100, "batch_size": 4, "validation_split": 0.1, "callbacks": [stop]}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def temperatures_clipped_by_value(seed: int, clipvalue: float = 1e-4) -> Program:
    """`clipvalue` because an LSTM may explode; at this value it may not do anything."""
    x, y, x_test, y_test = data.temperatures(seed)
    mean, std = x.mean(), x.std()
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))
    model = keras.Sequential([keras.Input((24, 1)), layers.LSTM(16), layers.Dense(1)])
    sgd = keras.optimizers.SGD(0.05, momentum=0.9, clipvalue=clipvalue)
    model.compile(loss="mean_squared_error", optimizer=sgd)
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test), "r2")


FAULTS = (
    Fault(xor_at_the_default_rate, frozenset({"lr_too_low"}), "xor", "mlp",
          "users: default SGD", {"learning_rate": 0.5}, frozenset({"undertraining"}),
          source=KERAS + "1295"),
    Fault(line_that_leaps_off, frozenset({"lr_too_high"}), "ramp", "linear",
          "users: rate too high for the inputs", {"learning_rate": 1e-5},
          frozenset({"unscaled_input", "exploding_gradient"}), source=KERAS + "3040"),
    Fault(digits_under_a_course_penalty, frozenset({"excess_regularization"}), "digits", "mlp",
          "users: lambda of a course", {"l2": 1e-4}, source=SO + "53654360"),
    Fault(glyphs_by_linear_convolutions, frozenset({"missing_activation"}), "glyphs", "cnn",
          "users: no activation", {"activation": "relu"}, source=KERAS + "1597"),
    Fault(bits_in_one_cell, frozenset({"underfitting"}), "bits", "lstm",
          "users: as many units as features", {"units": 16}, source=SO + "46620813"),
    Fault(temperatures_dropped_thrice, frozenset({"excess_dropout"}), "temperatures", "lstm",
          "users: dropout everywhere", {"dropout": 0.05}, frozenset({"excess_regularization"}),
          source="https://techfeed.net/es/485530/"),
    Fault(glyphs_on_a_body_without_weights, frozenset({"frozen_layers"}), "glyphs", "cnn",
          "users: trainable=False", {"trainable": True}, source=KERAS + "9214"),
    Fault(cars_two_at_a_time, frozenset({"bn_small_batch"}), "cars", "mlp",
          "users: batch norm on tiny batches", {"batch_size": 32}, frozenset({"batch_size"}),
          source="https://wandb.ai/authors/ayusht/reports/"
          "Batch-Normalization-in-Keras-An-Example--VmlldzoxNzI5NjQ"),
    Fault(wine_stopped_at_the_first_wobble, frozenset({"undertraining"}), "wine", "mlp",
          "users: early stopping without patience", {"patience": 40},
          source="https://github.com/keras-team/tf-keras/issues/341"),
    Fault(temperatures_clipped_by_value, frozenset({"excess_clipping"}), "temperatures", "lstm",
          "users: clipped to nothing", {"clipvalue": 0.5}, frozenset({"lr_too_low"}),
          source=KERAS + "6399"),
)  # fmt: skip
