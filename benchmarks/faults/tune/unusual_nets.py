"""Sound programs of unusual kinds, half "tune": nets, optimizers and ways to train."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Healthy, Program

SPARSE = "sparse_categorical_crossentropy"
INK = 16
"""Greatest value of a pixel of digits."""


def digits_on_random_features(seed: int) -> Program:
    """An extreme learning machine: a wide random layer that stays so, and a trained readout."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(600, activation="tanh", trainable=False),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 20}, (x_test / INK, y_test))


def moons_in_full_batches(seed: int) -> Program:
    """Plain gradient descent: each epoch is one step over all rows, and there are many."""
    x, y, x_test, y_test = data.moons(seed)
    model = keras.Sequential(
        [layers.Dense(24, "tanh"), layers.Dense(24, "tanh"), layers.Dense(1, "sigmoid")]
    )
    sgd = keras.optimizers.SGD(0.5, momentum=0.9, nesterov=True)
    model.compile(sgd, "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 250, "batch_size": len(x)}, (x_test, y_test))


def temperatures_on_a_short_leash(seed: int) -> Program:
    """Gradients of an LSTM clipped to a norm of 0.1; Adam does not mind their length."""
    x, y, x_test, y_test = data.temperatures(seed)
    mean, std = x.mean(), x.std()
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))
    gates = layers.LSTM(24, recurrent_activation="hard_sigmoid")
    model = keras.Sequential([keras.Input((24, 1)), gates, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01, clipnorm=0.1), keras.losses.Huber(1.0))
    return Program(model, x, y, {"epochs": 10, "batch_size": 32}, (x_test, y_test), "r2")


def temperatures_that_carry_on(seed: int) -> Program:
    """A stateful LSTM: rows in the order of time, not shuffled, the state goes on between them."""
    x, y, x_test, y_test = data.temperatures(seed)
    mean, std, rows = x.mean(), x.std(), 50
    x, y, x_test, y_test = ((each - mean) / std for each in (x, y, x_test, y_test))
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(rows, 24, 1)),
            layers.LSTM(24, stateful=True),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    fit = {"epochs": 20, "batch_size": rows, "shuffle": False}
    return Program(model, x, y, fit, (x_test[-rows:], y_test[-rows:]), "r2")


def digits_by_their_mean_weights(seed: int) -> Program:
    """The optimizer keeps a moving mean of the weights, and ends with it."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    adam = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.97)
    model.compile(adam, SPARSE, metrics=["accuracy"])
    return Program(model, x / INK, y, {"epochs": 12, "batch_size": 32}, (x_test / INK, y_test))


def digits_once_more(seed: int) -> Program:
    """Training goes on where it ended yesterday, at a tenth of the rate: little is left to gain."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = x / INK, x_test / INK
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=12, verbose=0)
    model.optimizer.learning_rate = 5e-4
    fit = {"epochs": 5, "validation_split": 0.1}
    return Program(model, x, y, fit, (x_test, y_test))


def digits_normalizing_themselves(seed: int) -> Program:
    """Six layers of SELU from LeCun's initializer, alpha dropout, no norm: as its authors say."""
    x, y, x_test, y_test = data.digits(seed)
    mean, std = x.mean(), x.std()
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten()])
    for _ in range(6):
        model.add(layers.Dense(48, activation="selu", kernel_initializer="lecun_normal"))
        model.add(layers.AlphaDropout(0.05))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.001), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 15, "batch_size": 32}
    return Program(model, (x - mean) / std, y, fit, ((x_test - mean) / std, y_test))


def moons_by_maxout(seed: int) -> Program:
    """Linear units in groups of four, of which the largest counts: maxout needs no activation."""
    x, y, x_test, y_test = data.moons(seed)
    inputs = keras.Input((2,))
    flow = inputs
    for _ in range(2):
        flow = layers.Reshape((12, 4))(layers.Dense(48)(flow))
        flow = layers.Lambda(lambda groups: ops.max(groups, axis=-1), output_shape=(12,))(flow)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(flow))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20, "batch_size": 32}, (x_test, y_test))


def digits_there_and_back(seed: int) -> Program:
    """An autoencoder whose decoder is its encoder, transposed: one matrix for both."""
    x, _, x_test, _ = data.digits(seed)
    x, x_test = x.reshape(-1, 64) / INK, x_test.reshape(-1, 64) / INK

    class Transposed(layers.Layer):
        def __init__(self, of: layers.Dense) -> None:
            super().__init__()
            self.of = of

        def build(self, shape: Any) -> None:
            self.bias = self.add_weight(shape=(64,), initializer="zeros")

        def call(self, code: Any) -> Any:
            return ops.matmul(code, ops.transpose(self.of.kernel)) + self.bias

    encoder = layers.Dense(16)
    inputs = keras.Input((64,))
    model = keras.Model(inputs, Transposed(encoder)(encoder(inputs)))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return Program(model, x, x, {"epochs": 30, "batch_size": 32}, (x_test, x_test), "r2")


def glyphs_normed_by_groups(seed: int) -> Program:
    """Batches of two, and group norm, which does not care; depthwise convolutions, PReLU."""
    x, y, x_test, y_test = data.glyphs(seed)
    x, x_test = x / 127.5 - 1, x_test / 127.5 - 1
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(16, 3, use_bias=False)])
    for _ in range(2):
        model.add(layers.GroupNormalization(4))
        model.add(layers.PReLU(shared_axes=[1, 2]))
        model.add(layers.SeparableConv2D(16, 3, use_bias=False))
    model.add(layers.GroupNormalization(4))
    model.add(layers.ReLU())
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.002), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 6, "batch_size": 2}, (x_test, y_test))


def xor_by_adadelta(seed: int) -> Program:
    """Adadelta at 1.0, the rate of its paper; Keras's default of 0.001 would take for ever."""
    x, y, x_test, y_test = data.xor(seed)
    model = keras.Sequential(
        [layers.Dense(16, activation="tanh"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adadelta(1.0), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 8}, (x_test, y_test))


def patients_half_dropped(seed: int) -> Program:
    """Few patients, a wide net, half of it dropped and a heavy penalty: that is its regularizer."""
    x, y, x_test, y_test = data.diabetes(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    heavy = keras.regularizers.L2(0.05)
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(64, activation="relu", kernel_regularizer=heavy),
            layers.Dropout(0.5),
            layers.Dense(1, kernel_regularizer=heavy),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mae"])
    fit = {"epochs": 50, "batch_size": 32}
    return Program(
        model, scaler.transform(x), (y - mean) / std, fit,
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def cells_from_edge_to_edge(seed: int) -> Program:
    """Segmentation with a skip; few pixels are in a cell, and each of these counts twice."""
    x, y, x_test, y_test = data.cells(seed)
    inputs = keras.Input((12, 12, 1))
    fine = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    coarse = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(fine))
    flow = layers.Concatenate()([layers.UpSampling2D()(coarse), fine])
    flow = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(flow)
    model = keras.Model(inputs, layers.Reshape((144, 1))(flow))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    weights = np.where(y > 0, 2.0, 1.0)
    fit = {"epochs": 12, "batch_size": 16, "sample_weight": weights}
    return Program(model, x, y[..., None], fit, (x_test, y_test), "r2")


HEALTHY = (
    Healthy(digits_on_random_features, "digits", "random features", "frozen_layers", 0.9),
    Healthy(moons_in_full_batches, "moons", "mlp", "batch_size", 0.93),
    Healthy(temperatures_on_a_short_leash, "temperatures", "lstm", "excess_clipping", 0.93),
    Healthy(temperatures_that_carry_on, "temperatures", "lstm", "unshuffled_data", 0.85),
    Healthy(digits_by_their_mean_weights, "digits", "mlp", "slow_convergence", 0.93),
    Healthy(digits_once_more, "digits", "mlp", "lr_too_low", 0.93),
    Healthy(digits_normalizing_themselves, "digits", "deep mlp", "bad_init", 0.93),
    Healthy(moons_by_maxout, "moons", "mlp", "missing_activation", 0.95),
    Healthy(digits_there_and_back, "digits", "autoencoder", "missing_activation", 0.75),
    Healthy(glyphs_normed_by_groups, "glyphs", "cnn", "bn_small_batch", 0.9),
    Healthy(xor_by_adadelta, "xor", "mlp", "lr_too_high", 0.97),
    Healthy(patients_half_dropped, "diabetes", "mlp", "excess_regularization", 0.35),
    Healthy(cells_from_edge_to_edge, "cells", "segmentation", "class_imbalance", 0.6),
)
