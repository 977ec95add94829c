"""Gradients against central differences: Keras's own, ours, and wrong ones."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.training.gradients import gradient_error, in_double_precision, weight_errors
from recipe.training.losses import SmoothedBinary, SmoothedMulticlass

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))
CLASSES = RNG.integers(0, 4, 5)


@tf.custom_gradient
def halved(x: Any) -> Any:
    """A square whose gradient lacks the 2."""
    return x**2, lambda upstream: upstream * x


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(keras.layers.Dense(3, "tanh", dtype="float64"), id="dense"),
        pytest.param(keras.layers.LayerNormalization(dtype="float64"), id="layer norm"),
        pytest.param(keras.ops.softmax, id="softmax"),
        pytest.param(
            lambda z: SmoothedMulticlass(0.1)(CLASSES[:, np.newaxis], z), id="our smoothed loss"
        ),
        pytest.param(lambda z: SmoothedBinary(0.1)(X > 0, z), id="of labels"),
    ],
)  # fmt: skip
def test_a_right_gradient_is_right(function: Callable[[Any], Any]) -> None:
    with in_double_precision():
        assert gradient_error(function, X) < 1e-4


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(halved, id="a factor is missing"),
        pytest.param(lambda x: x * tf.stop_gradient(x), id="half of it is stopped"),
        pytest.param(
            lambda x: x + tf.stop_gradient(tf.round(x) - x), id="a rounding that is passed over"
        ),
    ],
)
def test_a_wrong_one_is_wrong(function: Callable[[Any], Any]) -> None:
    assert gradient_error(function, X) > 1e-2


def test_what_depends_on_nothing_has_no_error() -> None:
    assert np.isnan(gradient_error(lambda x: 0 * x, X))


def own(is_wrong: bool) -> keras.Model:
    """A net with a layer whose gradient is somebody's own."""

    class Square(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return halved(x) if is_wrong else x**2

    inputs = keras.Input((4,))
    x = Square()(keras.layers.Dense(6, name="before")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4, name="head")(x))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_each_weight_of_a_net_is_looked_at() -> None:
    keras.utils.set_random_seed(0)
    with in_double_precision():
        right, wrong = (weight_errors(own(is_wrong), X, CLASSES) for is_wrong in (False, True))
    assert max(right.values()) < 1e-4
    assert {path.split("/")[0] for path, error in wrong.items() if error > 1e-2} == {"before"}
    assert max(error for path, error in wrong.items() if path.startswith("head")) < 1e-4
    assert keras.config.floatx() == "float32"
    assert keras.layers.Dense(2).compute_dtype == "float32"
