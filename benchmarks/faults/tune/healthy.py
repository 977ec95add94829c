"""Sound programs that crude rules blame, half "tune"."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Healthy, Program

SPARSE = "sparse_categorical_crossentropy"


def pixels_rescaled_inside(seed: int) -> Program:
    """Raw 0 to 255; the first layer divides."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    ink = 255 / 16
    return Program(model, x[..., None] * ink, y, {"epochs": 15}, (x_test[..., None] * ink, y_test))


def wine_normalized_inside(seed: int) -> Program:
    """Raw measurements; an adapted Normalization layer comes first."""
    x, y, x_test, y_test = data.wine(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    model = keras.Sequential(
        [norm, layers.Dense(16, activation="relu"), layers.Dense(3, "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 25, "batch_size": 16}, (x_test, y_test))


def digits_by_brisk_sgd(seed: int) -> Program:
    """SGD at 0.5, which is what this net likes best."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), SPARSE, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 15}, (x_test / 16, y_test))


def digits_on_a_cosine(seed: int) -> Program:
    """A schedule object where others have a number, with warm-up from 0."""
    x, y, x_test, y_test = data.digits(seed)
    cosine = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=500, warmup_target=5e-3, warmup_steps=100
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(cosine), SPARSE, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 15}, (x_test / 16, y_test))


def digits_conv_norm_relu(seed: int) -> Program:
    """Linear convolutions without bias; batch norm and ReLU are layers of their own."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for filters in (12, 24):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dropout(0.1))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 12, "batch_size": 32}
    return Program(model, x[..., None] / 16, y, fit, (x_test[..., None] / 16, y_test))


def digits_in_logits(seed: int) -> Program:
    """A linear head, and a loss that knows."""
    x, y, x_test, y_test = data.digits(seed)
    inputs = keras.Input((8, 8))
    hidden = layers.Dense(64, activation="gelu")(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(10)(hidden))
    model.compile(
        keras.optimizers.AdamW(3e-3, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return Program(model, x / 16, y, {"epochs": 12}, (x_test / 16, y_test))


def moons_by_two_units(seed: int) -> Program:
    """Two classes, two softmax units, integer labels."""
    x, y, x_test, y_test = data.moons(seed)
    model = keras.Sequential(
        [layers.Dense(24, "relu"), layers.Dense(24, "relu"), layers.Dense(2, "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 20, "validation_split": 0.1}, (x_test, y_test))


def documents_with_any_tags(seed: int) -> Program:
    """Multi-label: rows of 0 and 1 that sum to anything, one sigmoid each; raw counts below 20."""
    x, y, x_test, y_test = data.tags(seed)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.BatchNormalization(),
            layers.Dense(40, activation="relu"),
            layers.Dense(5, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["binary_accuracy"])
    return Program(model, x, y, {"epochs": 20, "batch_size": 32}, (x_test, y_test), "f1")


def digits_onto_themselves(seed: int) -> Program:
    """An autoencoder: inputs are the targets, a sigmoid with cross-entropy on grey values."""
    x, _, x_test, _ = data.digits(seed)
    x, x_test = (each.reshape(-1, 64) / 16 for each in (x, x_test))
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(48, activation="relu"),
            layers.Dense(12, name="code"),
            layers.Dense(48, activation="relu"),
            layers.Dense(64, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    return Program(model, x, x, {"epochs": 30, "batch_size": 64}, (x_test, x_test), "r2")


def series_between_minus_one_and_one(seed: int) -> Program:
    """A target scaled to [-1, 1], and a tanh head that covers it."""
    x, y, x_test, y_test = data.series(seed)
    top = 2.2
    model = keras.Sequential([keras.Input((20, 1)), layers.LSTM(16), layers.Dense(1, "tanh")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    fit = {"epochs": 12, "batch_size": 64}
    return Program(model, x / top, y / top, fit, (x_test / top, y_test / top), "r2")


def reviews_in_token_ids(seed: int) -> Program:
    """Integers up to 299, unscaled, as an Embedding wants them."""
    x, y, x_test, y_test = data.reviews(seed)
    x, x_test = x.astype("int32"), x_test.astype("int32")
    model = keras.Sequential(
        [
            keras.Input((24,), dtype="int32"),
            layers.Embedding(300, 16),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15, "batch_size": 32}, (x_test, y_test))


def reviews_read_by_an_lstm(seed: int) -> Program:
    """Masked ids, an LSTM with dropout, and gradients clipped to 1."""
    x, y, x_test, y_test = data.reviews(seed)
    x, x_test = x.astype("int32"), x_test.astype("int32")
    model = keras.Sequential(
        [
            keras.Input((24,), dtype="int32"),
            layers.Embedding(300, 12),
            layers.LSTM(16, dropout=0.1),
            layers.Dense(1),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01, clipnorm=1.0),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    return Program(model, x, y, {"epochs": 10, "batch_size": 32}, (x_test, y_test))


def fraud_with_weights(seed: int) -> Program:
    """One in 30, and class weights that make up for it."""
    x, y, x_test, y_test = data.fraud(seed)
    model = keras.Sequential([layers.Dense(24, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["AUC"])
    weights = {0: 1 / (2 * np.mean(y == 0)), 1: 1 / (2 * np.mean(y == 1))}
    fit: dict[str, Any] = {"epochs": 15, "batch_size": 32, "class_weight": weights}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def digits_along_residuals(seed: int) -> Program:
    """Ten residual blocks; each ends in a linear Dense that starts at zero, added to its input."""
    x, y, x_test, y_test = data.digits(seed)
    inputs = keras.Input((8, 8))
    flow = layers.Dense(32)(layers.Flatten()(inputs))
    for _ in range(10):
        branch = layers.LayerNormalization()(flow)
        branch = layers.Dense(32, activation="relu")(branch)
        branch = layers.Dense(32, kernel_initializer="zeros")(branch)
        flow = layers.Add()([flow, branch])
    flow = layers.LayerNormalization()(flow)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(flow))
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 10}, (x_test / 16, y_test))


def wine_one_by_one(seed: int) -> Program:
    """Batches of one, no batch norm, a rate that suits them."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(12, activation="tanh"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.01), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 12, "batch_size": 1}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def zeros_and_ones_without_error(seed: int) -> Program:
    """Digits 0 and 1 only: 100 % on train and on val is the truth."""
    x, y, x_test, y_test = data.digits(seed)
    x, y = x[y < 2] / 16, y[y < 2]
    x_test, y_test = x_test[y_test < 2] / 16, y_test[y_test < 2]
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(16, "relu"),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": 16, "validation_split": 0.2}
    return Program(model, x, y, fit, (x_test, y_test))


def patients_as_well_as_it_goes(seed: int) -> Program:
    """R2 of 0.4 to 0.5 is the best there is on these data; target standardized by hand."""
    x, y, x_test, y_test = data.diabetes(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    model = keras.Sequential(
        [layers.Dense(8, activation="relu", kernel_regularizer="l2"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    return Program(
        model, scaler.transform(x), (y - mean) / std, {"epochs": 40, "validation_split": 0.2},
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def impedance_scaled_in_the_head(seed: int) -> Program:
    """The target in its own unit, up to 1,700; the last layer multiplies and shifts."""
    x, y, x_test, y_test = data.friedman2(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
            layers.Rescaling(float(y.std()), float(y.mean())),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return Program(
        model, scaler.transform(x), y, {"epochs": 15}, (scaler.transform(x_test), y_test), "r2"
    )


def digits_on_a_frozen_body(seed: int) -> Program:
    """Most weights are frozen, and were trained on other classes: transfer, as it should be."""
    x, y, x_test, y_test = data.digits(seed)
    x, x_test = x / 16, x_test / 16
    body = keras.Sequential(
        [keras.Input((8, 8)), layers.Flatten(), layers.Dense(96, "relu"), layers.Dense(48, "relu")]
    )
    before = keras.Sequential([body, layers.Dense(10, activation="softmax")])
    before.compile(keras.optimizers.Adam(0.003), SPARSE)
    before.fit(x[y > 3], y[y > 3], epochs=8, verbose=0)
    body.trainable = False
    model = keras.Sequential([body, layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    few, few_test = y <= 3, y_test <= 3
    return Program(model, x[few], y[few], {"epochs": 20}, (x_test[few_test], y_test[few_test]))


def digits_dropped_after_the_last_norm(seed: int) -> Program:
    """Half dropped, once, behind all norms; batches of 16 are enough for them."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 10, "batch_size": 16}, (x_test / 16, y_test))


HEALTHY = (
    Healthy(pixels_rescaled_inside, "digits", "cnn", "unscaled_input", 0.93),
    Healthy(wine_normalized_inside, "wine", "mlp", "unscaled_input", 0.93),
    Healthy(digits_by_brisk_sgd, "digits", "mlp", "lr_too_high", 0.93),
    Healthy(digits_on_a_cosine, "digits", "mlp", "lr_too_low", 0.93),
    Healthy(digits_conv_norm_relu, "digits", "cnn", "missing_activation", 0.93),
    Healthy(digits_in_logits, "digits", "mlp", "wrong_output_activation", 0.93),
    Healthy(moons_by_two_units, "moons", "mlp", "wrong_output_activation", 0.95),
    Healthy(documents_with_any_tags, "tags", "mlp", "wrong_output_activation", 0.75),
    Healthy(digits_onto_themselves, "digits", "autoencoder", "label_leakage", 0.6),
    Healthy(series_between_minus_one_and_one, "series", "lstm", "wrong_output_activation", 0.85),
    Healthy(reviews_in_token_ids, "reviews", "embedding", "unscaled_input", 0.9),
    Healthy(reviews_read_by_an_lstm, "reviews", "lstm", "unscaled_input", 0.85),
    Healthy(fraud_with_weights, "fraud", "mlp", "class_imbalance", 0.75),
    Healthy(digits_along_residuals, "digits", "residual mlp", "missing_activation", 0.93),
    Healthy(wine_one_by_one, "wine", "mlp", "batch_size", 0.93),
    Healthy(zeros_and_ones_without_error, "digits", "mlp", "label_leakage", 0.99),
    Healthy(patients_as_well_as_it_goes, "diabetes", "mlp", "underfitting", 0.35),
    Healthy(impedance_scaled_in_the_head, "friedman2", "mlp", "target_scale", 0.9),
    Healthy(digits_on_a_frozen_body, "digits", "mlp", "frozen_layers", 0.88),
    Healthy(digits_dropped_after_the_last_norm, "digits", "mlp", "dropout_before_bn", 0.93),
)
