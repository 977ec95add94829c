"""What depends on what: leaks between examples, looks ahead, inputs and weights unread."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from recipe.training.dependencies import (
    EXAMPLES,
    ahead_of_time,
    between_examples,
    unreached,
    unread,
)

layers, ops = keras.layers, keras.ops
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(EXAMPLES, 6)).astype(np.float32)
SERIES = RNG.normal(size=(EXAMPLES, 8, 3)).astype(np.float32)
TOKENS = RNG.integers(0, 9, (EXAMPLES, 8))

Body = Callable[[Any], Any]


class Own(layers.Layer):
    """An operation that is no layer of Keras's."""

    def __init__(self, operation: Body) -> None:
        super().__init__()
        self.operation = operation

    def call(self, x: Any) -> Any:
        """Apply it."""
        return self.operation(x)


def net(x: np.ndarray, body: Body) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(x.shape[1:], dtype=str(x.dtype))
    return keras.Model(inputs, body(inputs))


def dense(x: Any) -> Any:
    return layers.Dense(3)(layers.Dense(16, activation="relu")(x))


def embedded(x: Any) -> Any:
    return layers.Embedding(9, 4)(x)


@pytest.mark.parametrize(
    ("x", "body"),
    [
        pytest.param(ROWS, dense, id="dense"),
        pytest.param(ROWS, lambda x: layers.Softmax()(dense(x)), id="outputs that add up to 1"),
        pytest.param(ROWS, lambda x: dense(layers.BatchNormalization()(x)), id="batch norm"),
        pytest.param(ROWS, lambda x: dense(layers.Dropout(0.5)(x)), id="dropout"),
        pytest.param(ROWS, lambda x: dense(layers.LayerNormalization()(x)), id="layer norm"),
        pytest.param(SERIES, lambda x: layers.Dense(2)(layers.GRU(4)(x)), id="recurrent"),
        pytest.param(TOKENS, lambda x: dense(layers.GRU(4)(embedded(x))), id="tokens"),
        pytest.param(
            TOKENS, lambda x: layers.GRU(4)(layers.Embedding(9, 4, mask_zero=True)(x)),
            id="padded tokens",
        ),
    ],
)  # fmt: skip
def test_examples_are_apart(x: np.ndarray, body: Body) -> None:
    reach = between_examples(net(x, body), x)
    assert reach is not None
    assert reach.own > 0
    assert reach.foreign == 0
    assert not reach.leaks


@pytest.mark.parametrize(
    ("x", "body"),
    [
        pytest.param(ROWS, lambda x: layers.Softmax(axis=0)(dense(x)), id="softmax over examples"),
        pytest.param(
            ROWS, lambda x: dense(Own(lambda x: x - ops.mean(x, axis=0, keepdims=True))(x)),
            id="mean over examples",
        ),
        pytest.param(
            ROWS, lambda x: dense(Own(lambda x: ops.reshape(ops.transpose(x), (-1, 6)))(x)),
            id="a transpose and a reshape",
        ),
        pytest.param(
            SERIES, lambda x: dense(layers.Flatten()(Own(lambda x: ops.roll(x, 1, axis=0))(x))),
            id="shifted along the wrong axis",
        ),
        pytest.param(
            TOKENS,
            lambda x: dense(layers.Flatten()(Own(lambda x: ops.cumsum(x, axis=0))(embedded(x)))),
            id="tokens, summed over examples",
        ),
    ],
)  # fmt: skip
def test_an_example_that_leaks_into_another_is_seen(x: np.ndarray, body: Body) -> None:
    reach = between_examples(net(x, body), x)
    assert reach is not None
    assert reach.leaks
    assert reach.share > 0.01


def test_batch_norm_mixes_in_training_by_design() -> None:
    model = net(ROWS, lambda x: dense(layers.BatchNormalization()(x)))
    before = [v.numpy() for v in model.variables]
    in_training = between_examples(model, ROWS, training=True)
    assert in_training is not None
    assert 0 < in_training.share < 1
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda x: Own(lambda x: x @ ops.transpose(x))(dense(x)), id="similarities"),
        pytest.param(lambda x: Own(ops.mean)(dense(x)), id="one number for all"),
        pytest.param(lambda x: layers.Dense(2, kernel_initializer="zeros")(x), id="nothing yet"),
        pytest.param(lambda x: Own(lambda x: x * np.nan)(x), id="not finite"),
    ],
)
def test_what_cant_be_told_is_not_said(body: Body) -> None:
    assert between_examples(net(ROWS, body), ROWS) is None


def test_a_state_that_lasts_is_no_leak() -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(EXAMPLES, 8))
    x = layers.GRU(4, stateful=True)(layers.Embedding(9, 4)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    reach = between_examples(model, TOKENS)
    assert reach is not None
    assert not reach.leaks
    np.testing.assert_array_equal(model.layers[2].states[0], np.zeros((EXAMPLES, 4)))


def attention(x: Any, is_causal: bool) -> Any:
    return layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=is_causal)


@pytest.mark.parametrize(
    ("x", "body", "leaks"),
    [
        pytest.param(SERIES, layers.GRU(4, return_sequences=True), False, id="recurrent"),
        pytest.param(SERIES, layers.Conv1D(4, 3, padding="causal"), False, id="causal"),
        pytest.param(SERIES, layers.Conv1D(4, 3, padding="same"), True, id="not causal"),
        pytest.param(
            SERIES, layers.Bidirectional(layers.GRU(4, return_sequences=True)), True,
            id="both ways",
        ),
        pytest.param(TOKENS, lambda x: attention(embedded(x), True), False, id="a causal mask"),
        pytest.param(TOKENS, lambda x: attention(embedded(x), False), True, id="no mask"),
        pytest.param(TOKENS, lambda x: layers.GRU(4)(embedded(x)), None, id="one output each"),
    ],
)  # fmt: skip
def test_whether_steps_look_ahead(x: np.ndarray, body: Body, leaks: bool | None) -> None:
    reach = ahead_of_time(net(x, body), x)
    assert (None if reach is None else reach.leaks) is leaks


def test_a_feature_that_nobody_reads_is_found() -> None:
    whole = net(ROWS, dense)
    (mask,) = unread(whole, ROWS)
    assert mask is not None
    assert not mask.any()
    cut = net(ROWS, lambda x: dense(Own(lambda x: x[:, :4])(x)))
    (mask,) = unread(cut, ROWS)
    assert mask is not None
    assert mask.tolist() == [False] * 4 + [True] * 2
    assert unread(net(TOKENS, lambda x: layers.GRU(4)(embedded(x))), TOKENS) == [None]


def test_a_weight_that_the_loss_does_not_reach_is_found() -> None:
    y = RNG.integers(0, 3, EXAMPLES)
    model = net(ROWS, dense)
    stopped = net(ROWS, lambda x: layers.Dense(3)(Own(ops.stop_gradient)(layers.Dense(4)(x))))
    for each in (model, stopped):
        each.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert unreached(model, ROWS, y) == []
    assert [path.rpartition("/")[2] for path in unreached(stopped, ROWS, y)] == ["kernel", "bias"]
