"""Sound programs that crude rules blame, half "report"."""

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


def tumours_normalized_inside(seed: int) -> Program:
    """Raw measurements; the functional model begins with an adapted Normalization."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    norm = layers.Normalization(axis=-1)
    norm.adapt(x)
    inputs = keras.Input((30,))
    h = layers.Dense(16, activation="relu")(norm(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15}, (x_test, y_test))


def photographs_rescaled_inside(seed: int) -> Program:
    """Bytes in; the first layer takes them to -1 to 1. Separable filters, then norm, then ReLU."""
    x, y, x_test, y_test = data.patches(seed)
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Rescaling(1 / 127.5, offset=-1)])
    for filters in (12, 24):
        model.add(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 10, "batch_size": 32}, (x_test, y_test))


def rings_by_steep_sgd(seed: int) -> Program:
    """SGD at 0.3 with Nesterov's momentum, and it is fine."""
    x, y, x_test, y_test = data.rings(seed)
    model = keras.Sequential(
        [layers.Dense(32, "tanh"), layers.Dense(32, "tanh"), layers.Dense(3, "softmax")]
    )
    optimizer = keras.optimizers.SGD(0.3, momentum=0.5, nesterov=True)
    model.compile(optimizer, SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 30}, (x_test, y_test))


def gestures_after_a_long_warm_up(seed: int) -> Program:
    """A linear warm-up over a third of the training: the loss is flat at first, by design."""
    x, y, x_test, y_test = data.gestures(seed)
    steps = 18 * 15
    rate = keras.optimizers.schedules.CosineDecay(
        1e-6, decay_steps=2 * steps // 3, warmup_target=0.01, warmup_steps=steps // 3
    )
    model = keras.Sequential(
        [keras.Input((32, 3)), layers.GRU(24), layers.Dense(4, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15}, (x_test, y_test))


def species_in_logits(seed: int) -> Program:
    """Three linear units under a loss with `from_logits=True`."""
    x, y, x_test, y_test = data.iris(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(16, activation="swish"), layers.Dense(3)])
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    fit = {"epochs": 25, "batch_size": 16}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def tumours_as_pairs(seed: int) -> Program:
    """Benign and malignant one-hot, two softmax units."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.RMSprop(0.003), "categorical_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 15, "batch_size": 32}
    target = keras.utils.to_categorical(y, 2)
    return Program(model, scaler.transform(x), target, fit, (scaler.transform(x_test), y_test))


def tickets_through_attention(seed: int) -> Program:
    """Token ids, a small transformer block with layer norms, multi-label logits."""
    x, y, x_test, y_test = data.tickets(seed)
    x, x_test = x.astype("int32"), x_test.astype("int32")
    ids = keras.Input((20,), dtype="int32")
    h = layers.Embedding(200, 24)(ids)
    a = layers.MultiHeadAttention(2, 12)(h, h)
    h = layers.LayerNormalization()(layers.Add()([h, a]))
    f = layers.Dense(24)(layers.Dense(48, activation="gelu")(h))
    h = layers.LayerNormalization()(layers.Add()([h, f]))
    model = keras.Model(ids, layers.Dense(4)(layers.GlobalMaxPooling1D()(h)))
    model.compile(keras.optimizers.Adam(0.005), keras.losses.BinaryCrossentropy(from_logits=True))
    return Program(model, x, y, {"epochs": 10, "batch_size": 32}, (x_test, y_test), "f1")


def sales_as_poisson(seed: int) -> Program:
    """Counts, an exponential head and the Poisson loss, which goes below zero rightly."""
    x, y, x_test, y_test = data.demand(seed)
    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, activation="exponential")])
    model.compile(keras.optimizers.Adam(0.005), keras.losses.Poisson())
    return Program(model, x, y.astype("float32"), {"epochs": 20}, (x_test, y_test), "r2")


def sales_at_their_median(seed: int) -> Program:
    """A loss of one's own: the pinball loss of the median, on skewed counts."""
    x, y, x_test, y_test = data.demand(seed)

    def pinball(y_true: Any, y_pred: Any, q: float = 0.5) -> Any:
        error = y_true - y_pred
        return ops.mean(ops.maximum(q * error, (q - 1) * error), axis=-1)

    model = keras.Sequential([layers.Dense(32, "relu"), layers.Dense(1, activation="softplus")])
    model.compile(keras.optimizers.Adam(0.01), loss=pinball)
    target = y[:, None].astype("float32")
    return Program(model, x, target, {"epochs": 20, "batch_size": 32}, (x_test, y_test), "r2")


def houses_by_the_logarithm(seed: int) -> Program:
    """The logarithm of the price in thousands, 5.4 on average; Huber loss, bias at the mean."""
    x, y, x_test, y_test = data.houses(seed)
    y, y_test = np.log(y / 1000), np.log(y_test / 1000)
    norm = layers.Normalization()
    norm.adapt(x)
    start = keras.initializers.Constant(float(y.mean()))
    model = keras.Sequential(
        [norm, layers.Dense(32, "relu"), layers.Dense(1, bias_initializer=start)]
    )
    model.compile(keras.optimizers.Adam(0.003), keras.losses.Huber(0.2), metrics=["mae"])
    fit = {"epochs": 30, "batch_size": 16}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def outcomes_around_fourteen(seed: int) -> Program:
    """Inputs from 0 to 1 and a target of 14 ± 5: neither is standardized, both are fine."""
    x, y, x_test, y_test = data.friedman1(seed)
    model = keras.Sequential([layers.Dense(48, "relu"), layers.Dense(24, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test), "r2")


def outcomes_with_honest_noise(seed: int) -> Program:
    """Noise as large as the signal: R2 of about 0.45 is the best there is."""
    x, y, x_test, y_test = data.friedman1(seed)
    drawn = np.random.default_rng(seed)
    y = (y - 14.4) / 5 + drawn.normal(0, 1, len(y))
    y_test = (y_test - 14.4) / 5 + drawn.normal(0, 1, len(y_test))
    inputs = keras.Input((10,))
    h = layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L2(1e-2))(inputs)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    fit = {"epochs": 30, "validation_split": 0.2}
    return Program(model, x - 0.5, y, fit, (x_test - 0.5, y_test), "r2")


def customers_weighed_by_row(seed: int) -> Program:
    """One in 20, and a weight for each row that makes up for it."""
    x, y, x_test, y_test = data.churn(seed)
    model = keras.Sequential([layers.Dense(24, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", weighted_metrics=["AUC"])
    fit: dict[str, Any] = {"epochs": 15, "sample_weight": np.where(y == 1, 10.0, 0.53)}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def photographs_along_residuals(seed: int) -> Program:
    """Residual blocks with 1x1 projections that have no activation, batches of 16."""
    x, y, x_test, y_test = data.patches(seed)
    inputs = keras.Input((12, 12, 3))
    h = layers.Conv2D(8, 3, padding="same")(layers.Rescaling(1 / 127.5, -1)(inputs))
    for filters in (8, 16):
        short = layers.Conv2D(filters, 1, strides=2)(h)
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(h))
        h = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(h)
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(h))
        h = layers.Conv2D(filters, 3, padding="same", use_bias=False)(h)
        h = layers.Add()([short, h])
    h = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(layers.ReLU()(h)))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 6, "batch_size": 16}, (x_test, y_test))


def setosa_without_error(seed: int) -> Program:
    """One species against the others: 100 %, honestly, in batches of one."""
    x, y, x_test, y_test = data.iris(seed)
    scaler = StandardScaler().fit(x)
    model = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(0.02), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 10, "batch_size": 1}
    is_setosa, truth = (y == 0).astype(int), (y_test == 0).astype(int)
    return Program(model, scaler.transform(x), is_setosa, fit, (scaler.transform(x_test), truth))


def arrows_side_by_side(seed: int) -> Program:
    """A siamese net: do two arrows point the same way? One body sees both."""
    x, y, x_test, y_test = data.arrows(seed)

    def pairs(x: np.ndarray, y: np.ndarray, count: int) -> tuple[list[np.ndarray], np.ndarray]:
        first, second = np.random.default_rng(seed).integers(0, len(x), (2, count))
        return [x[first], x[second]], (y[first] == y[second]).astype("float32")

    body = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(8),
        ]
    )
    left, right = keras.Input((12, 12, 1)), keras.Input((12, 12, 1))
    h = layers.Dense(16, "relu")(layers.Multiply()([body(left), body(right)]))
    model = keras.Model([left, right], layers.Dense(1, "sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    (x, y), held_out = pairs(x, y, 1500), pairs(x_test, y_test, 500)
    return Program(model, x, y, {"epochs": 10}, held_out)


def tumours_with_two_answers(seed: int) -> Program:
    """Two heads, two losses: the diagnosis, and is the area above average?"""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    area, area_test = (x[:, 3] > 0).astype(int), (x_test[:, 3] > 0).astype(int)
    keep = [k for k in range(30) if k not in (3, 13, 23)]
    inputs = keras.Input((27,))
    h = layers.Dense(24, activation="relu")(inputs)
    out = {
        "diagnosis": layers.Dense(1, activation="sigmoid", name="diagnosis")(h),
        "large": layers.Dense(2, activation="softmax", name="large")(h),
    }
    model = keras.Model(inputs, out)
    model.compile(
        keras.optimizers.Adam(0.005),
        loss={"diagnosis": "binary_crossentropy", "large": SPARSE},
        loss_weights={"diagnosis": 1.0, "large": 0.5},
    )
    target = {"diagnosis": y, "large": area}
    truth = {"diagnosis": y_test, "large": area_test}
    return Program(model, x[:, keep], target, {"epochs": 15}, (x_test[:, keep], truth))


class Polar(keras.Model):
    """A model that is a class, with its own `call`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(32, activation="relu")
        self.second = layers.Dense(32, activation="relu")
        self.drop = layers.Dropout(0.05)
        self.last = layers.Dense(3)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Probabilities of three rings, (batch, 3)."""
        return ops.softmax(self.last(self.drop(self.second(self.first(inputs)), training=training)))


def rings_by_a_class(seed: int) -> Program:
    """A subclassed model, and its softmax is an operation in `call`."""
    x, y, x_test, y_test = data.rings(seed)
    model = Polar()
    model.compile(keras.optimizers.Adam(0.005), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 25}, (x_test, y_test))


def gestures_from_a_pipeline(seed: int) -> Program:
    """A tf.data pipeline that shuffles; layer norm after each convolution."""
    x, y, x_test, y_test = data.gestures(seed)
    model = keras.Sequential([keras.Input((32, 3))])
    for filters in (16, 24):
        model.add(layers.Conv1D(filters, 5))
        model.add(layers.LayerNormalization())
        model.add(layers.LeakyReLU())
    model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    pairs = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(600, seed=seed).batch(32)
    return Program(model, pairs, None, {"epochs": 12}, (x_test, y_test))


HEALTHY = (
    Healthy(tumours_normalized_inside, "breast_cancer", "functional", "unscaled_input", 0.93),
    Healthy(photographs_rescaled_inside, "patches", "cnn", "unscaled_input", 0.85),
    Healthy(rings_by_steep_sgd, "rings", "mlp", "lr_too_high", 0.95),
    Healthy(gestures_after_a_long_warm_up, "gestures", "gru", "lr_too_low", 0.9),
    Healthy(species_in_logits, "iris", "mlp", "wrong_output_activation", 0.9),
    Healthy(tumours_as_pairs, "breast_cancer", "mlp", "wrong_output_activation", 0.93),
    Healthy(tickets_through_attention, "tickets", "transformer", "missing_activation", 0.85),
    Healthy(sales_as_poisson, "demand", "mlp", "label_encoding", 0.5),
    Healthy(sales_at_their_median, "demand", "mlp", "wrong_loss", 0.5),
    Healthy(houses_by_the_logarithm, "houses", "mlp", "target_scale", 0.7),
    Healthy(outcomes_around_fourteen, "friedman1", "mlp", "target_scale", 0.8),
    Healthy(outcomes_with_honest_noise, "friedman1", "functional", "underfitting", 0.3),
    Healthy(customers_weighed_by_row, "churn", "mlp", "class_imbalance", 0.75),
    Healthy(photographs_along_residuals, "patches", "residual cnn", "missing_activation", 0.85),
    Healthy(setosa_without_error, "iris", "mlp", "batch_size", 0.98),
    Healthy(arrows_side_by_side, "arrows", "siamese", "missing_activation", 0.9),
    Healthy(tumours_with_two_answers, "breast_cancer", "functional", "wrong_loss", 0.9),
    Healthy(rings_by_a_class, "rings", "subclassed", "missing_activation", 0.95),
    Healthy(gestures_from_a_pipeline, "gestures", "conv1d", "missing_activation", 0.9),
)
