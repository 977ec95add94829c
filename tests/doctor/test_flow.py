"""Who reads what, in nets of every kind, whatever their layers are called."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.doctor.flow import Flow, flow_of

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def flow(*layers: Any) -> Flow:
    return flow_of(keras.Sequential([keras.Input((4,)), *layers]), X)


@pytest.mark.parametrize(
    ("layers", "activation"),
    [
        pytest.param([L.Dense(3, "softmax")], "softmax", id="in the layer"),
        pytest.param([L.Dense(3), L.Activation("sigmoid")], "sigmoid", id="in a layer of its own"),
        pytest.param([L.Dense(3), L.Softmax()], "softmax", id="a layer that is one"),
        pytest.param([L.Dense(3), L.ReLU(), L.Reshape((3, 1))], "relu", id="before a reshape"),
        pytest.param([L.Dense(3, "tanh"), L.Dropout(0.5)], "tanh", id="before dropout"),
        pytest.param(
            [L.Reshape((2, 2)), L.TimeDistributed(L.Dense(3, "sigmoid"))],
            "sigmoid",
            id="in the layer of each step",
        ),
        pytest.param([L.Dense(3)], "linear", id="none"),
        pytest.param([L.Dense(3), L.Activation("linear")], "linear", id="none, said twice"),
        pytest.param([L.Dense(3), L.UnitNormalization()], None, id="an end that can't be told"),
    ],
)
def test_the_last_activation(layers: list[Any], activation: str | None) -> None:
    found = flow(*layers)
    assert found.activation(found.outputs[0]) == activation


@pytest.mark.parametrize(
    ("between", "is_linear"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([L.Dropout(0.3)], True, id="dropout"),
        pytest.param([L.BatchNormalization()], True, id="batch norm"),
        pytest.param([L.Activation("linear"), L.Reshape((16,))], True, id="what only moves"),
        pytest.param([L.ReLU()], False, id="a ReLU"),
        pytest.param([L.LayerNormalization()], False, id="layer norm divides by what it is given"),
        pytest.param([L.Reshape((16, 1)), L.MaxPooling1D(2), L.Flatten()], False, id="a maximum"),
    ],
)
def test_kernels_with_nothing_between_that_bends(between: list[Any], is_linear: bool) -> None:
    found = flow(L.Dense(16, name="first"), *between, L.Dense(8, "relu"), L.Dense(2))
    (first,) = [call for call in found.kernels if call.layer.name == "first"]
    assert bool(found.next_kernels(first)) is is_linear


class Own(keras.Model):
    """Scales and bends without a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = L.Dense(5), L.Dense(2)

    def call(self, x: Any) -> Any:
        return tf.nn.softmax(self.out(tf.nn.relu(self.hidden(x / 100))))


def test_a_net_of_somebodys_own() -> None:
    found = flow_of(Own(), X * 100)
    assert [call.layer.units for call in found.kernels] == [5, 2]
    (first,) = found.first
    np.testing.assert_allclose(first.inputs, X, rtol=1e-5)  # what reaches it is scaled
    assert found.next_kernels(first) == []  # the trail is lost: nothing is held against it
    assert found.activation(found.outputs[0]) is None


def test_what_comes_first_where_inputs_are_several() -> None:
    one, other = keras.Input((4,)), keras.Input((4,))
    left, right = L.Dense(3, "relu", name="left")(one), L.Dense(3, "relu", name="right")(other)
    joined = L.Dense(2, name="joined")(L.Concatenate()([left, right]))
    found = flow_of(keras.Model([one, other], [joined, left]), [X, X])
    assert {call.layer.name for call in found.first} == {"left", "right"}
    assert [call.layer.name for call in found.heads if call] == ["joined", "left"]
    drop = flow(L.Dense(3), L.Dropout(0.5), L.Dense(3), L.BatchNormalization())
    (call,) = [each for each in drop.calls if isinstance(each.layer, L.Dropout)]
    assert any(isinstance(each.layer, L.BatchNormalization) for each in drop.after(call))
