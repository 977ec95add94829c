"""Faults that people ask about in public, half "report": inputs, labels and heads.

Each is of the kind of the question in its `source`, on data and in a program of our own.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from .. import data
from ..program import Fault, Program

SPARSE = "sparse_categorical_crossentropy"
SO = "https://stackoverflow.com/questions/"
KERAS = "https://github.com/keras-team/keras/issues/"
BALANCED = {0: 0.53, 1: 8.0}
"""Weights of the classes of loans, of which one in 16 defaults."""


def order_by_a_softmax_of_one(seed: int, activation: str = "softmax") -> Program:
    """A recurrent net for a yes or no, with `softmax` because "it is a classification"."""
    x, y, x_test, y_test = data.grammar(seed)
    model = keras.Sequential()
    model.add(keras.Input((14,), dtype="int32"))
    model.add(layers.Embedding(60, 12))
    model.add(layers.GRU(24))
    model.add(layers.Dense(1, activation=activation))
    adam = keras.optimizers.Adam(0.01)
    model.compile(optimizer=adam, loss="binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 15, "batch_size": 32, "validation_split": 0.1}
    return Program(model, x.astype("int32"), y, fit, (x_test.astype("int32"), y_test))


def houses_by_a_classifiers_loss(
    seed: int, loss: str = "binary_crossentropy", target_scaling: str = "none"
) -> Program:
    """The classifier of a tutorial, now for prices: a loss of minus a million, accuracy 0."""
    x, y, x_test, y_test = data.houses(seed)
    scaler = MinMaxScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    if target_scaling != "none":
        mean, std = y.mean(), y.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    fit = {"epochs": 40, "batch_size": 32, "validation_split": 0.1}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def share_in_dollars(seed: int, scaling: str = "none", target_scaling: str = "none") -> Program:
    """Prices around 180 in and out of a recurrent net: it soon says the same for every day."""
    x, y, x_test, y_test = data.prices(seed)
    mean, std = x.mean(), x.std()
    if scaling != "none":
        x, x_test = (x - mean) / std, (x_test - mean) / std
    if target_scaling != "none":
        y, y_test = (y - mean) / std, (y_test - mean) / std
    model = keras.Sequential()
    model.add(keras.Input((16, 1)))
    model.add(layers.GRU(24, return_sequences=True))
    model.add(layers.GRU(24))
    model.add(layers.Dense(1))
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.005))
    return Program(model, x, y, {"epochs": 10, "batch_size": 16}, (x_test, y_test), "r2")


def patches_by_two_generators(seed: int, preprocess: str = "each its own") -> Program:
    """Training images go to -1 to 1, as that net likes them; validation images to 0 to 1."""
    x, y, x_test, y_test = data.patches(seed)
    x, x_val, y, y_val = x[:640], x[640:], y[:640], y[640:]
    x = x / 127.5 - 1
    if preprocess == "all":
        x_val, x_test = x_val / 127.5 - 1, x_test / 127.5 - 1
    else:
        x_val, x_test = x_val / 255, x_test / 255
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 12, "batch_size": 32, "validation_data": (x_val, y_val)}
    return Program(model, x, y, fit, (x_test, y_test))


def colonies_by_squared_error(seed: int, loss: str = "mean_squared_error") -> Program:
    """Four softmax units against one integer: squared error broadcasts, and nobody complains."""
    x, y, x_test, y_test = data.colonies(seed)
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    return Program(model, x, y[:, None], {"epochs": 20, "batch_size": 32}, (x_test, y_test))


def rain_below_a_millimetre(seed: int, activation: str = "sigmoid") -> Program:
    """Millimetres up to 30, forecast by a sigmoid: it rains, or it does not, but never much."""
    x, y, x_test, y_test = data.rain(seed)
    inputs = keras.Input((5,))
    flow = layers.Dense(32, activation="relu")(inputs)
    flow = layers.Dense(32, activation="relu")(flow)
    model = keras.Model(inputs, layers.Dense(1, activation=activation)(flow))
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    fit = {"epochs": 20, "batch_size": 32, "validation_split": 0.2}
    return Program(model, x, y, fit, (x_test, y_test), "r2")


def loans_never_refused(seed: int, class_weight: dict[int, float] | None = None) -> Program:
    """94 % accuracy, and every default is granted."""
    x, y, x_test, y_test = data.loans(seed)
    norm = layers.Normalization()
    norm.adapt(x)
    model = keras.Sequential(
        [norm, layers.Dense(6, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    fit: dict[str, Any] = {"epochs": 25, "batch_size": 32, "class_weight": class_weight}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def loans_of_fifty_thousand(seed: int, scaling: str = "none") -> Program:
    """Income in the ten thousands beside a rate of 0.04: only the large columns are heard."""
    x, y, x_test, y_test = data.loans(seed)
    if scaling == "standardize":
        scaler = StandardScaler().fit(x)
        x, x_test = scaler.transform(x), scaler.transform(x_test)
    inputs = keras.Input((6,))
    flow = layers.Dense(24, activation="relu")(inputs)
    flow = layers.Dense(12, activation="relu")(flow)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(flow))
    model.compile("adam", "binary_crossentropy", metrics=["AUC"])
    fit = {"epochs": 20, "batch_size": 32, "class_weight": BALANCED}
    return Program(model, x, y, fit, (x_test, y_test), "balanced_accuracy")


def tumours_called_two_and_four(seed: int, labels: str = "2/4") -> Program:
    """The codes of the file, 2 benign and 4 malignant, go straight into binary cross-entropy."""
    x, y, x_test, y_test = data.breast_cancer(seed)
    scaler = StandardScaler().fit(x)
    if labels == "2/4":
        y, y_test = 2 + 2 * y, 2 + 2 * y_test
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": 16}
    return Program(model, scaler.transform(x), y, fit, (scaler.transform(x_test), y_test))


def colonies_sorted_as_strings(seed: int, order: str = "1, 10, 100, 2") -> Program:
    """Images in the order of `sorted(listdir)`, labels in that of the table: 1, 2, 3."""
    x, y, x_test, y_test = data.colonies(seed)
    if order == "1, 10, 100, 2":
        x = x[np.argsort([f"{number}.png" for number in range(1, len(x) + 1)])]
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), SPARSE, metrics=["accuracy"])
    fit = {"epochs": 20, "batch_size": 32, "validation_split": 0.1}
    return Program(model, x, y, fit, (x_test, y_test))


def patches_through_a_short_buffer(seed: int, buffer: int = 16) -> Program:
    """A pipeline over one folder a class, `shuffle(16)`: each batch has one class all the same."""
    x, y, x_test, y_test = data.patches(seed)
    order = np.argsort(y, kind="stable")
    batches = tf.data.Dataset.from_tensor_slices((x[order] / 255, y[order]))
    batches = batches.shuffle(buffer, seed=seed).batch(16).prefetch(2)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return Program(model, batches, None, {"epochs": 10}, (x_test / 255, y_test))


def demand_of_no_items(seed: int, transform: str = "log") -> Program:
    """The logarithm of how many were sold; some hours nobody bought, and that is minus infinity."""
    x, y, x_test, y_test = data.demand(seed)
    with np.errstate(divide="ignore"):
        y = np.log(y) if transform == "log" else np.log1p(y)
    model = keras.Sequential(
        [layers.Dense(32, activation="relu"), layers.Dense(32, "relu"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    fit = {"epochs": 15, "batch_size": 32}
    return Program(model, x, y, fit, (x_test, np.log1p(y_test)), "r2")


def flowers_paired_backwards(seed: int, loss: str = "1 is different") -> Program:
    """Contrastive loss from a paper where 1 means different; in these pairs it means alike."""
    x, y, x_test, y_test = data.iris(seed)
    drawn = np.random.default_rng(seed)
    scaler = StandardScaler().fit(x)

    def pairs(x: np.ndarray, y: np.ndarray, count: int) -> tuple[list[np.ndarray], np.ndarray]:
        left, right = drawn.integers(0, len(x), (2, 3 * count))
        alike = y[left] == y[right]
        chosen = np.r_[np.flatnonzero(alike)[: count // 2], np.flatnonzero(~alike)[: count // 2]]
        chosen = drawn.permutation(chosen)
        x = scaler.transform(x).astype("float32")
        return [x[left[chosen]], x[right[chosen]]], alike[chosen].astype(int)

    def contrastive(y_true: Any, alike: Any) -> Any:
        y_true = ops.cast(ops.reshape(y_true, ops.shape(alike)), "float32")
        distance = -ops.log(alike + 1e-6)
        near, far = ops.square(distance), ops.square(ops.maximum(2 - distance, 0))
        if loss == "1 is different":
            y_true = 1 - y_true
        return ops.mean(y_true * near + (1 - y_true) * far, axis=-1)

    twin = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, activation="tanh"), layers.Dense(4)]
    )
    left, right = keras.Input((4,)), keras.Input((4,))
    apart = layers.Subtract()([twin(left), twin(right)])
    alike = layers.Lambda(
        lambda v: ops.exp(-ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True) + 1e-6)),
        output_shape=(1,),
    )(apart)
    model = keras.Model([left, right], alike)
    model.compile(keras.optimizers.Adam(0.005), contrastive)
    (x, y), held_out = pairs(x, y, 600), pairs(x_test, y_test, 300)
    return Program(model, x, y, {"epochs": 15, "batch_size": 16}, held_out)


def walks_in_logits_unsaid(seed: int, from_logits: bool = False) -> Program:
    """A model class that returns logits, compiled with a loss that takes them for probabilities."""
    x, y, x_test, y_test = data.motions(seed)

    class Walks(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = [layers.Conv1D(16, 5, activation="relu"),
                         layers.Conv1D(16, 5, strides=2, activation="relu"),
                         layers.GlobalAveragePooling1D()]  # fmt: skip
            self.logits = layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            flow = inputs
            for layer in self.body:
                flow = layer(flow)
            return self.logits(flow)

    model = Walks()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])
    fit = {"epochs": 15, "batch_size": 32}
    return Program(model, x, y[:, 0], fit, (x_test, y_test[:, 0]))


FAULTS = (
    Fault(order_by_a_softmax_of_one, frozenset({"wrong_output_activation"}), "grammar", "gru",
          "users: softmax of one unit", {"activation": "sigmoid"}, source=SO + "46620813"),
    Fault(houses_by_a_classifiers_loss, frozenset({"wrong_loss", "target_scale"}), "houses", "mlp",
          "users: cross-entropy of a price", {"loss": "mse", "target_scaling": "standardize"},
          source="https://openillumi.com/en/en-keras-tf-fix-huge-negative-loss-regression"),
    Fault(share_in_dollars, frozenset({"unscaled_input", "target_scale"}), "prices", "gru",
          "users: no scaling of a series", {"scaling": "standardize",
                                            "target_scaling": "standardize"},
          source="https://stats.stackexchange.com/q/283912"),
    Fault(patches_by_two_generators, frozenset({"train_val_mismatch"}), "patches", "cnn",
          "users: validation preprocessed otherwise", {"preprocess": "all"},
          source=KERAS + "12689"),
    Fault(colonies_by_squared_error, frozenset({"wrong_loss"}), "colonies", "cnn",
          "users: squared error of classes", {"loss": SPARSE},
          frozenset({"wrong_output_activation", "label_encoding"}),
          source="http://pullrequest.ru/14126136"),
    Fault(rain_below_a_millimetre, frozenset({"wrong_output_activation"}), "rain", "functional",
          "users: sigmoid at the end of a regression", {"activation": "softplus"},
          frozenset({"target_scale"}), source=SO + "44601367"),
    Fault(loans_never_refused, frozenset({"class_imbalance"}), "loans", "mlp",
          "users: only the frequent class", {"class_weight": BALANCED}, source=SO + "51432992"),
    Fault(loans_of_fifty_thousand, frozenset({"unscaled_input"}), "loans", "functional",
          "users: no scaling", {"scaling": "standardize"},
          source="https://datascience.stackexchange.com/questions/18667"),
    Fault(tumours_called_two_and_four, frozenset({"label_encoding"}), "breast_cancer", "mlp",
          "users: codes of the file as labels", {"labels": "0/1"},
          source="https://datascience.stackexchange.com/questions/38604"),
    Fault(colonies_sorted_as_strings, frozenset({"corrupt_labels"}), "colonies", "cnn",
          "users: labels in another order than images", {"order": "1, 2, 3"},
          source="https://github.com/anujshah1003/own_data_cnn_implementation_keras/issues/4"),
    Fault(patches_through_a_short_buffer, frozenset({"unshuffled_data"}), "patches", "cnn",
          "users: shuffle buffer below a class", {"buffer": 1200},
          source="https://github.com/IBM/graph2tac/pull/95"),
    Fault(demand_of_no_items, frozenset({"nan_input"}), "demand", "mlp",
          "users: logarithm of zero", {"transform": "log1p"}, source=KERAS + "2134"),
    Fault(flowers_paired_backwards, frozenset({"wrong_loss"}), "iris", "siamese",
          "users: contrastive loss, sides swapped", {"loss": "1 is alike"},
          frozenset({"label_encoding", "corrupt_labels"}),
          source="https://datascience.stackexchange.com/questions/45629"),
    Fault(walks_in_logits_unsaid, frozenset({"logits_mismatch"}), "motions", "subclassed",
          "users: linear head, loss of probabilities", {"from_logits": True},
          frozenset({"wrong_output_activation"}), source=KERAS + "14490"),
)  # fmt: skip
