"""Sound programs of unusual kinds, half "tune": data, heads and losses. Nets: `unusual_nets.py`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Healthy, Program

SPARSE = "sparse_categorical_crossentropy"


def glyphs_as_bytes(seed: int) -> Program:
    """A pipeline of 8-bit images, batched and prefetched; Rescaling is the first layer."""
    x, y, x_test, y_test = data.glyphs(seed)
    batches = tf.data.Dataset.from_tensor_slices((x.astype("uint8"), y))
    batches = batches.shuffle(700, seed=seed).batch(32).prefetch(2)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(12, 3, activation="swish"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="swish"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    return Program(model, batches, None, {"epochs": 12}, (x_test.astype("uint8"), y_test))


def digits_in_half_precision(seed: int) -> Program:
    """Inputs kept as float16 to save memory; the net computes in float32."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Reshape((64,)),
            layers.Dense(48, activation="gelu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Nadam(0.003), SPARSE, metrics=["accuracy"])
    x, x_test = (x / 16).astype("float16"), (x_test / 16).astype("float16")
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


def digits_in_hundredths(seed: int) -> Program:
    """Inputs between 0 and 0.01, and a batch norm that takes care of them."""
    x, y, x_test, y_test = data.digits(seed)
    inputs = keras.Input((64,))
    flow = layers.BatchNormalization(epsilon=1e-9, momentum=0.9)(inputs)
    flow = layers.Dense(48, activation="relu")(flow)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(flow))
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    x, x_test = x.reshape(-1, 64) / 1600, x_test.reshape(-1, 64) / 1600
    return Program(model, x, y, {"epochs": 12, "batch_size": 32}, (x_test, y_test))


def digits_mixed_up(seed: int) -> Program:
    """Mixup: each image is a mean of two, and its label is too."""
    x, y, x_test, y_test = data.digits(seed)
    drawn = np.random.default_rng(seed)
    x, soft = x / 16, keras.utils.to_categorical(y, 10)
    other, share = drawn.permutation(len(x)), drawn.beta(0.3, 0.3, len(x))
    x = share[:, None, None] * x + (1 - share)[:, None, None] * x[other]
    soft = share[:, None] * soft + (1 - share)[:, None] * soft[other]
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "categorical_crossentropy", metrics=["accuracy"])
    return Program(model, x, soft, {"epochs": 20, "batch_size": 32}, (x_test / 16, y_test))


def cars_by_their_logarithm(seed: int) -> Program:
    """The logarithm of the price, neither centred nor divided: around 9, and that is fine."""
    x, y, x_test, y_test = data.cars(seed)
    norm = layers.Normalization()
    norm.adapt(x[:, 1:])
    brand, numbers = keras.Input((1,), dtype="int32"), keras.Input((3,))
    known = layers.Flatten()(layers.Embedding(12, 4)(brand))
    flow = layers.Concatenate()([known, norm(numbers)])
    flow = layers.Dense(32, activation="relu")(flow)
    model = keras.Model([brand, numbers], layers.Dense(1)(flow))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    x, x_test = ([rows[:, :1].astype("int32"), rows[:, 1:]] for rows in (x, x_test))
    fit = {"epochs": 40, "batch_size": 32}
    return Program(model, x, np.log(y), fit, (x_test, np.log(y_test)), "r2")


def cars_by_their_median(seed: int) -> Program:
    """Pinball loss of the median and of two other quantiles, one unit each."""
    x, y, x_test, y_test = data.cars(seed)
    brands = np.eye(12)
    scaler = StandardScaler().fit(x[:, 1:])
    x, x_test = (
        np.hstack([brands[rows[:, 0].astype(int)], scaler.transform(rows[:, 1:])])
        for rows in (x, x_test)
    )
    y, y_test = np.log(y / y.mean()), np.log(y_test / y.mean())

    def pinball(y_true: Any, y_pred: Any) -> Any:
        above = ops.reshape(y_true, (-1, 1)) - y_pred
        share = ops.convert_to_tensor([0.4, 0.5, 0.6], "float32")
        return ops.mean(ops.maximum(share * above, (share - 1) * above), axis=-1)

    model = keras.Sequential([layers.Dense(32, activation="elu"), layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.005), pinball)
    truth = np.repeat(y_test[:, None], 3, axis=1)
    return Program(model, x, y, {"epochs": 30, "batch_size": 32}, (x_test, truth), "r2")


def ratings_as_a_ladder(seed: int) -> Program:
    """Ordinal: four sigmoids, more than one star, more than two, ...; user and film embedded."""
    x, y, x_test, y_test = data.ratings(seed)
    user, film = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    weak = keras.regularizers.L2(1e-5)
    tastes = layers.Flatten()(layers.Embedding(50, 6, embeddings_regularizer=weak)(user))
    traits = layers.Flatten()(layers.Embedding(40, 6, embeddings_regularizer=weak)(film))
    both = layers.Multiply()([tastes, traits])
    both = layers.Concatenate()([both, tastes, traits])
    model = keras.Model([user, film], layers.Dense(4, activation="sigmoid")(both))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    steps = np.arange(1, 5)
    pairs, pairs_test = ([rows[:, :1], rows[:, 1:]] for rows in (x, x_test))
    ladder, ladder_test = (stars[:, None] > steps for stars in (y, y_test))
    fit = {"epochs": 25, "batch_size": 32}
    return Program(
        model, pairs, ladder.astype("float32"), fit, (pairs_test, ladder_test.astype(int)), "f1"
    )


def words_tagged_letter_by_letter(seed: int) -> Program:
    """A label for each letter; what was padded is masked, and counts for nothing."""
    x, y, x_test, y_test = data.spelling(seed)
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(21, 8, mask_zero=True),
            layers.Bidirectional(layers.GRU(16, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(1, activation="sigmoid")),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01), "binary_crossentropy", weighted_metrics=["binary_accuracy"]
    )
    long = x_test[:, -1] > 0  # words without padding, which would count in the score
    fit = {"epochs": 15, "batch_size": 32}
    held_out = (x_test[long].astype("int32"), y_test[long])
    return Program(model, x.astype("int32"), y[..., None], fit, held_out, "r2")


def meters_with_two_heads(seed: int) -> Program:
    """A state and a rare alarm from one body: two losses, a balanced one, and weights for them."""
    x, y, x_test, y_test = data.meters(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    inputs = keras.Input((8,))
    body = layers.Dense(48, activation="relu")(norm(inputs))
    body = layers.Dense(48, activation="relu")(body)
    heads = {
        "state": layers.Dense(3, activation="softmax", name="state")(body),
        "alarm": layers.Dense(1, activation="sigmoid", name="alarm")(body),
    }
    model = keras.Model(inputs, heads)
    rare = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.96)
    model.compile(
        keras.optimizers.Adam(0.003),
        {"state": SPARSE, "alarm": rare},
        loss_weights={"state": 1.0, "alarm": 10.0},
        metrics={"state": "accuracy", "alarm": "AUC"},
    )
    targets, truth = ({"state": t[:, 0], "alarm": t[:, 1]} for t in (y, y_test))
    fit = {"epochs": 20, "batch_size": 32}
    return Program(model, x, targets, fit, (x_test, truth), "balanced_accuracy")


def digits_by_summed_losses(seed: int) -> Program:
    """Losses of a batch summed, not averaged, and a rate that is smaller for it."""
    x, y, x_test, y_test = data.digits(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10),
        ]
    )
    summed = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), summed, metrics=["accuracy"])
    return Program(model, x / 16, y, {"epochs": 15, "batch_size": 64}, (x_test / 16, y_test))


def wine_at_rate_one(seed: int) -> Program:
    """Softmax regression on standardized columns, SGD at 1.0; it is convex, and it is fine."""
    x, y, x_test, y_test = data.wine(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([keras.Input((13,)), layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(1.0), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": 32}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


HEALTHY = (
    Healthy(glyphs_as_bytes, "glyphs", "cnn", "unscaled_input", 0.93),
    Healthy(digits_in_half_precision, "digits", "mlp", "unscaled_input", 0.93),
    Healthy(digits_in_hundredths, "digits", "mlp", "unscaled_input", 0.93),
    Healthy(digits_mixed_up, "digits", "mlp", "label_encoding", 0.93),
    Healthy(cars_by_their_logarithm, "cars", "two inputs", "target_scale", 0.9),
    Healthy(cars_by_their_median, "cars", "mlp", "wrong_loss", 0.85),
    Healthy(ratings_as_a_ladder, "ratings", "two inputs", "wrong_output_activation", 0.85),
    Healthy(words_tagged_letter_by_letter, "spelling", "bidirectional", "unscaled_input", 0.9),
    Healthy(meters_with_two_heads, "meters", "two outputs", "class_imbalance", 0.8),
    Healthy(digits_by_summed_losses, "digits", "mlp", "lr_too_low", 0.93),
    Healthy(wine_at_rate_one, "wine", "linear", "lr_too_high", 0.93),
)
