"""Dropout, noise and penalties with their amount in a variable: Keras's, to the bit."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.training import adjustable

SHAPES = {
    keras.layers.Dropout: (64, 20),
    keras.layers.SpatialDropout1D: (8, 6, 20),
    keras.layers.SpatialDropout2D: (8, 5, 5, 10),
    keras.layers.GaussianNoise: (64, 20),
}


def twin(layer: keras.layers.Layer, value: float) -> keras.layers.Layer:
    """The layer's twin with another amount in its config, and this one in the variable."""
    kind, argument = adjustable.LAYERS[type(layer)]
    copy = kind.from_config({**layer.get_config(), argument: 0.123})
    copy.amount = adjustable.amount()
    copy.amount.assign(value)
    return copy


def test_every_layer_with_a_twin_is_tested() -> None:
    assert set(SHAPES) == set(adjustable.LAYERS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("value", [0.05, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__)
def test_a_layer_is_keras_own(kind: type, value: float, dtype: str) -> None:
    layer = kind(value, seed=3, dtype=dtype)
    copy = twin(layer, value)
    x = tf.cast(np.random.default_rng(0).normal(size=SHAPES[kind]), dtype)
    compiled = tf.function(lambda given: copy(given, training=True))
    for _ in range(2):  # the random states go on in step
        expected = layer(x, training=True)
        np.testing.assert_array_equal(*(tf.cast(y, tf.float64) for y in (compiled(x), expected)))
        assert compiled(x).dtype == expected.dtype
        layer(x, training=True)
    np.testing.assert_array_equal(*(tf.cast(y, tf.float64) for y in (copy(x), x)))


def test_a_graph_follows_the_amount() -> None:
    copy = twin(keras.layers.Dropout(0.5, seed=1), 0.1)
    compiled = tf.function(lambda given: copy(given, training=True))
    x = tf.ones((100, 100))
    shares = []
    for rate in (0.1, 0.7):
        copy.amount.assign(rate)
        shares.append(float(tf.reduce_mean(tf.cast(compiled(x) == 0, tf.float32))))
    assert shares == pytest.approx([0.1, 0.7], abs=0.02)


def test_what_is_dropped_together_stays_so() -> None:
    layer = keras.layers.Dropout(0.5, noise_shape=(None, 1, 4), seed=1)
    x = tf.ones((6, 5, 4))
    dropped = np.asarray(twin(layer, 0.5)(x, training=True))
    np.testing.assert_array_equal(dropped, np.asarray(layer(x, training=True)))
    assert (dropped == dropped[:, :1]).all()


@pytest.mark.parametrize("dimensions", [1, 2])
def test_keras_says_what_spatial_dropout_drops_together(dimensions: int) -> None:
    kind = getattr(keras.layers, f"SpatialDropout{dimensions}D")
    said = "adjustable._Dropping needs Keras's new name for it, or each value is dropped alone"
    assert hasattr(kind, "_get_noise_shape"), said


@pytest.mark.parametrize("kind", adjustable.REGULARIZERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("value", [1e-5, 0.3])
def test_a_penalty_is_keras_own(kind: Any, value: float) -> None:
    given = kind(value)
    variable = adjustable.amount()
    copy = adjustable.twin_of(given, variable)
    # what `get_config` says, which Keras rounds to single precision in the one, not the other
    (said,) = given.get_config().values()
    variable.assign(said)
    kernel = tf.constant(np.random.default_rng(0).normal(size=(7, 5)), tf.float32)
    assert float(copy(kernel)) == float(given(kernel))


@pytest.mark.parametrize(
    ("given", "is_adjustable"),
    [
        pytest.param(keras.regularizers.L2(0.1), True, id="L2"),
        pytest.param(keras.regularizers.L1(0.1), True, id="L1"),
        pytest.param(keras.regularizers.L2(0.0), False, id="none: another graph"),
        pytest.param(keras.regularizers.L1L2(0.1, 0.1), False, id="two amounts"),
        pytest.param(keras.regularizers.OrthogonalRegularizer(0.1), False, id="another penalty"),
        pytest.param(
            type("Own", (keras.regularizers.L2,), {})(0.1), False, id="a class of its own"
        ),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_which_penalties_have_a_twin(given: Any, is_adjustable: bool) -> None:
    assert adjustable.is_adjustable(given) is is_adjustable
