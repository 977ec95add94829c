"""After a look everything is as it was, whatever the net, and looking is compiled once."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.training.undone import step_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)).astype(np.float32)
Y = RNG.integers(0, 3, (8, 1))
layers = keras.layers


class Unlisted(keras.layers.Layer):
    """Draws from random states that the model does not know of."""

    def __init__(self) -> None:
        super().__init__()
        self._hidden = (tf.random.Generator.from_seed(1),)

    def call(self, x: Any) -> Any:
        drawn = self._hidden[0].normal(tf.shape(x)) + keras.random.normal(keras.ops.shape(x))
        return x + drawn


def ready(model: keras.Model, optimizer: Any = "adam", **settings: Any) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False, **settings)
    model.optimizer.build(model.trainable_variables)
    model.test_step((tf.constant(X), tf.constant(Y)))
    return model


def net(*inner: Any, optimizer: Any = "adam", **settings: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), *inner, layers.Dense(3)])
    return ready(model, optimizer, **settings)


def recurrent() -> keras.Model:
    inputs = keras.Input((4,), batch_size=8)
    x = layers.SimpleRNN(3, stateful=True)(layers.Reshape((2, 2))(inputs))
    return ready(keras.Model(inputs, layers.Dense(3)(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "batch norm, dropout, noise": lambda: net(
        layers.BatchNormalization(), layers.Dropout(0.5), layers.GaussianNoise(0.1),
        metrics=["accuracy", keras.metrics.SparseCategoricalCrossentropy(from_logits=True)],
    ),
    "random states that nobody lists": lambda: net(Unlisted()),
    "averaged weights": lambda: net(
        optimizer=keras.optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=2)
    ),
    "accumulated gradients": lambda: net(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3)
    ),
    "a state from batch to batch": recurrent,
}  # fmt: skip


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_every_variable_is_as_it_was(make: Callable[[], keras.Model]) -> None:
    keras.utils.set_random_seed(0)
    model, batch = make(), (tf.constant(X), tf.constant(Y))
    model.train_on_batch(X, Y)
    step, _ = step_of(model, batch)
    touched = step._taken.graph.variables
    listed = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    assert len(touched) >= len(listed)
    before = [np.array(variable.read_value()) for variable in touched]
    first, again = step(batch, True), step(batch, False)
    for then, variable in zip(before, touched, strict=True):
        np.testing.assert_array_equal(then, variable.read_value())
    assert first.scalars == again.scalars  # dropout too draws the same again
    assert again.histograms == {}
    step._taken(batch, tf.constant(False))  # the same step, not undone: the test can fail
    now = [np.array(variable.read_value()) for variable in touched]
    assert sum(not np.array_equal(a, b) for a, b in zip(before, now, strict=True)) >= 5


def test_it_is_compiled_once_and_again_only_for_another_step() -> None:
    model, batch = net(), (tf.constant(X), tf.constant(Y))
    step, is_new = step_of(model, batch)
    assert is_new
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.optimizer.learning_rate = 0.5
    again, is_new = step_of(model, (tf.constant(X + 1), tf.constant(Y)))
    assert not is_new
    assert again is step
    assert again(batch, False).scalars["weight_norm/" + model.layers[0].name] == 0

    few, is_new = step_of(model, (tf.constant(X[:4]), tf.constant(Y[:4])))
    assert is_new
    assert few is not step
    assert step_of(model, batch) == (step, False)

    model.layers[0].trainable = False
    frozen, is_new = step_of(model, batch)
    assert is_new
    assert f"weight_norm/{model.layers[0].name}" not in frozen(batch, False).scalars

    ready(model, "sgd")
    gc.collect()
    assert step_of(model, batch)[1]


def test_a_net_that_nobody_needs_is_not_kept() -> None:
    model, batch = net(layers.BatchNormalization()), (tf.constant(X), tf.constant(Y))
    step_of(model, batch)[0](batch, True)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_net_that_runs_eagerly_is_refused() -> None:
    with pytest.raises(ValueError, match="run_eagerly=True; compile it without, or train"):
        step_of(net(run_eagerly=True), (tf.constant(X), tf.constant(Y)))
