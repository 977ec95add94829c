"""Sound programs of unusual kinds, half "report": nets, optimizers and ways to train."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from .. import data
from ..program import Healthy, Program

SPARSE = "sparse_categorical_crossentropy"


def sound_by_fourier_features(seed: int) -> Program:
    """One number in [0, 1] becomes 64 sines and cosines of fixed random frequencies first."""
    x, y, x_test, y_test = data.chirp(seed)
    waves = np.random.default_rng(5).normal(0, 15, (1, 32)).astype("float32")

    def features(v: Any) -> Any:
        angle = 2 * np.pi * ops.matmul(v, waves)
        return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)

    inputs = keras.Input((1,))
    flow = layers.Lambda(features, output_shape=(64,))(inputs)
    flow = layers.Dense(64, activation="relu")(flow)
    model = keras.Model(inputs, layers.Dense(1)(flow))
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test), "r2")


def spirals_by_sines(seed: int) -> Program:
    """Sine activations with the wide first layer that their authors ask for."""
    x, y, x_test, y_test = data.spirals(seed)
    model = keras.Sequential([keras.Input((2,))])
    for k in range(3):
        wide = keras.initializers.RandomUniform(-3.0, 3.0, seed) if k == 0 else "he_uniform"
        model.add(layers.Dense(32, activation=ops.sin, kernel_initializer=wide))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 30, "batch_size": 32}, (x_test, y_test))


def shells_by_their_distance(seed: int) -> Program:
    """A radial layer of one's own: distances to trained centres, through a Gaussian."""
    x, y, x_test, y_test = data.quantiles(seed)

    class Radial(layers.Layer):
        def build(self, shape: Any) -> None:
            self.centres = self.add_weight(shape=(shape[-1], 24), initializer="random_normal")
            self.narrow = self.add_weight(shape=(24,), initializer="ones")

        def call(self, v: Any) -> Any:
            apart = ops.sum(ops.square(ops.expand_dims(v, -1) - self.centres), axis=1)
            return ops.exp(-0.1 * ops.square(self.narrow) * apart)

    model = keras.Sequential([keras.Input((5,)), Radial(), layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.02), SPARSE, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 32}, (x_test, y_test))


def patches_through_bottlenecks(seed: int) -> Program:
    """Inverted residuals: wide, depthwise, then narrow and linear on purpose."""
    x, y, x_test, y_test = data.patches(seed)
    inputs = keras.Input((12, 12, 3))
    flow = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    flow = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(flow)
    flow = layers.BatchNormalization(momentum=0.9)(flow)
    for _ in range(2):
        wide = layers.Conv2D(24, 1, use_bias=False)(flow)
        wide = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(wide))
        wide = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(wide)
        wide = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(wide))
        narrow = layers.Conv2D(8, 1, use_bias=False)(wide)
        flow = layers.Add()([flow, layers.BatchNormalization(momentum=0.9)(narrow)])
    flow = layers.GlobalAveragePooling2D()(flow)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(flow))
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 15, "batch_size": 32}, (x_test, y_test))


def patches_tuned_finely(seed: int) -> Program:
    """A body trained before, now unfrozen, at a rate of 1e-4; its norms stay as they are."""
    x, y, x_test, y_test = data.patches(seed)
    x, x_test = x / 127.5 - 1, x_test / 127.5 - 1
    body = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    before = keras.Sequential([body, layers.Dense(1, activation="sigmoid")])
    before.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    before.fit(x[:500], y[:500], epochs=12, verbose=0)
    inputs = keras.Input((12, 12, 3))
    model = keras.Model(inputs, before.layers[-1](body(inputs, training=False)))
    model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 6, "batch_size": 32}, (x_test, y_test))


def order_after_a_warm_up(seed: int) -> Program:
    """A small transformer: the rate climbs from zero and sinks to zero again; weights decay."""
    x, y, x_test, y_test = data.grammar(seed)
    tokens = keras.Input((14,), dtype="int32")
    flow = layers.Embedding(60, 16)(tokens) + layers.Embedding(14, 16)(ops.arange(14))
    for _ in range(2):
        seen = layers.MultiHeadAttention(2, 8, dropout=0.1)(flow, flow)
        flow = layers.LayerNormalization()(flow + layers.Dropout(0.1)(seen))
        wide = layers.Dense(16)(layers.Dense(32, activation="gelu")(flow))
        flow = layers.LayerNormalization()(flow + layers.Dropout(0.1)(wide))
    model = keras.Model(tokens, layers.Dense(1)(layers.GlobalAveragePooling1D()(flow)))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=700, warmup_target=5e-3, warmup_steps=80
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01, clipnorm=1.0),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    fit = {"epochs": 29, "batch_size": 32}
    return Program(model, x.astype("int32"), y, fit, (x_test.astype("int32"), y_test))


def gestures_four_batches_a_step(seed: int) -> Program:
    """Batches of 8, whose gradients are added up over four of them before each step."""
    x, y, x_test, y_test = data.gestures(seed)
    model = keras.Sequential(
        [
            keras.Input((32, 3)),
            layers.LayerNormalization(axis=[1, 2]),
            layers.Conv1D(16, 5, activation="mish"),
            layers.Conv1D(16, 5, strides=2, activation="mish"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    adam = keras.optimizers.Adam(0.005, gradient_accumulation_steps=4)
    model.compile(adam, SPARSE, metrics=["accuracy"], jit_compile=False, steps_per_execution=4)
    return Program(model, x, y, {"epochs": 20, "batch_size": 8}, (x_test, y_test))


def houses_wide_and_deep(seed: int) -> Program:
    """A linear path beside a deep one, added at the end; the target standardized by hand."""
    x, y, x_test, y_test = data.houses(seed)
    scaler, mean, std = StandardScaler().fit(x), y.mean(), y.std()
    inputs = keras.Input((5,))
    wide = layers.Dense(1)(inputs)
    deep = layers.Dense(32, activation="softplus")(inputs)
    deep = layers.Dense(1)(layers.Dense(16, activation="softplus")(deep))
    model = keras.Model(inputs, layers.Add()([wide, deep]))
    model.compile(keras.optimizers.Adam(0.01), keras.losses.LogCosh())
    fit = {"epochs": 30, "batch_size": 32, "validation_split": 0.1}
    return Program(
        model, scaler.transform(x), (y - mean) / std, fit,
        (scaler.transform(x_test), (y_test - mean) / std), "r2",
    )  # fmt: skip


def flowers_by_four_experts(seed: int) -> Program:
    """A softmax in the middle: it weighs four linear experts for each flower."""
    x, y, x_test, y_test = data.iris(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    inputs = keras.Input((4,))
    flow = norm(inputs)
    gates = layers.Reshape((4, 1))(layers.Dense(4, activation="softmax")(flow))
    experts = layers.Reshape((4, 3))(layers.Dense(12)(flow))
    mixed = layers.Lambda(lambda v: ops.sum(v, axis=1), output_shape=(3,))(gates * experts)
    model = keras.Model(inputs, mixed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return Program(model, x, y, {"epochs": 40, "batch_size": 16}, (x_test, y_test))


def tumours_and_their_code(seed: int) -> Program:
    """A variational autoencoder: noise inside while it trains, and a penalty from `add_loss`."""
    x, _, x_test, _ = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    x, x_test = np.clip(scaler.transform(x), -4, 4), np.clip(scaler.transform(x_test), -4, 4)

    class Vae(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.into = layers.Dense(32, activation="tanh")
            self.mean, self.log_var = layers.Dense(6), layers.Dense(6)
            self.back = keras.Sequential([layers.Dense(32, activation="tanh"), layers.Dense(30)])
            self.noise = keras.random.SeedGenerator(seed)

        def call(self, v: Any, training: bool = False) -> Any:
            flow = self.into(v)
            mean, log_var = self.mean(flow), self.log_var(flow)
            spread = ops.mean(ops.square(mean) + ops.exp(log_var) - log_var - 1)
            self.add_loss(0.005 * spread)
            if training:
                drawn = keras.random.normal(ops.shape(mean), seed=self.noise)
                mean = mean + ops.exp(log_var / 2) * drawn
            return self.back(mean)

    model = Vae()
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return Program(model, x, x, {"epochs": 40, "batch_size": 32}, (x_test, x_test), "r2")


HEALTHY = (
    Healthy(sound_by_fourier_features, "chirp", "functional", "unscaled_input", 0.85),
    Healthy(spirals_by_sines, "spirals", "mlp", "bad_init", 0.95),
    Healthy(shells_by_their_distance, "quantiles", "mlp", "saturated_activation", 0.85),
    Healthy(patches_through_bottlenecks, "patches", "residual cnn", "missing_activation", 0.85),
    Healthy(patches_tuned_finely, "patches", "cnn", "lr_too_low", 0.85),
    Healthy(order_after_a_warm_up, "grammar", "transformer", "lr_too_low", 0.9),
    Healthy(gestures_four_batches_a_step, "gestures", "conv1d", "batch_size", 0.93),
    Healthy(houses_wide_and_deep, "houses", "functional", "missing_activation", 0.8),
    Healthy(flowers_by_four_experts, "iris", "functional", "wrong_output_activation", 0.9),
    Healthy(tumours_and_their_code, "breast_cancer", "subclassed", "slow_convergence", 0.7),
)
