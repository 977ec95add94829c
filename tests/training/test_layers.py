"""Every layer of every kind of net is found, named once, and seen at work."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.training.layers import leaves, named, recorded


class Block(keras.layers.Layer):
    """Two layers of one name, and one in a list."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.first = keras.layers.Dense(2, name="dense")
        self.second = keras.layers.Dense(2, name="dense")
        self.more = [keras.layers.ReLU(name="relu")]

    def call(self, x: Any) -> Any:
        return self.more[0](self.second(self.first(x)))


def nested() -> keras.Model:
    inner = keras.Sequential(
        [keras.Input((2,), name="input"), keras.layers.Dense(2, name="dense")], name="inner"
    )
    x = keras.Input((2,), name="input")
    return keras.Model(x, keras.layers.Dense(1, name="dense")(Block(name="block")(inner(x))))


def test_layers_are_named_by_the_way_to_them() -> None:
    found = named(nested())
    assert [*found] == [
        "input", "inner/input", "inner/dense",
        "block/dense", "block/dense_2", "block/relu", "dense",
    ]  # fmt: skip
    assert leaves(nested())[0].name == "input"


def test_a_layer_that_is_used_twice_is_one() -> None:
    shared, x = keras.layers.Dense(2, name="shared"), keras.Input((2,), name="input")
    model = keras.Model(x, shared(shared(x)))
    assert [*named(model)] == ["input", "shared"]
    with recorded(model) as seen:
        model(np.ones((1, 2), np.float32))
    assert [call.layer.name for call in seen] == ["shared", "shared"]


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.LSTM(2, name="x"),
        keras.layers.Bidirectional(keras.layers.SimpleRNN(2), name="x"),
        keras.layers.TimeDistributed(keras.layers.Dense(2), name="x"),
    ],
    ids=["LSTM", "Bidirectional", "TimeDistributed"],
)
def test_what_runs_its_layers_in_a_loop_is_one(layer: Any) -> None:
    model = keras.Sequential([keras.Input((3, 2), name="input"), layer])
    assert [*named(model)] == ["input", "x"]


class Knowing(keras.Model):
    """Its block knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(name="block")
        self.block.owner = self


def test_a_layer_that_knows_its_net_is_no_endless_loop() -> None:
    assert [*named(Knowing())] == ["block/dense", "block/dense_2", "block/relu"]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_outputs_are_recorded_in_the_order_of_the_calls(compiled: bool) -> None:
    model, x = nested(), np.ones((1, 2), np.float32)

    def call(x: Any) -> tuple[list[str], Any, Any]:
        with recorded(model) as seen:
            output = model(x)
        return [each.layer.name for each in seen], output, [each.output for each in seen]

    names: list[str] = []

    def traced(x: Any) -> Any:
        names[:], output, values = call(x)
        return output, values

    run = tf.function(traced) if compiled else traced
    output, values = run(tf.constant(x))
    assert names == ["dense", "dense", "dense", "relu", "dense"]
    np.testing.assert_array_equal(values[-1], output)
    assert (values[3].numpy() >= 0).all()


def test_nothing_stays_behind_also_not_after_an_error() -> None:
    model = nested()
    before = [dict(vars(layer)) for layer in leaves(model)]
    with pytest.raises(ValueError, match="shape"), recorded(model):
        model(np.ones((1, 3), np.float32))
    assert [dict(vars(layer)).keys() for layer in leaves(model)] == [b.keys() for b in before]
    with recorded(model) as seen:
        pass
    model(np.ones((1, 2), np.float32))
    assert seen == []


def test_what_a_layer_hands_on_is_a_tensor_of_its_own() -> None:
    """Dropout puts out the very tensor that it was given: who reads what could not be told."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.ReLU()])
    with recorded(model) as seen:
        model(tf.ones((1, 2)))
    drop, relu = seen[-2:]
    assert drop.output is not drop.inputs
    assert relu.inputs is drop.output
