"""The names that `config` accepts are the ones that the installed Keras resolves."""

import inspect
import re

import keras
import pytest

from recipe.config.names import ACTIVATIONS, APPLICATIONS, INITIALIZERS, OPTIMIZERS

LEFT_OUT = {
    "glu": "halves the units of its layer",
    "softmax": "makes the units of a layer compete: for heads, and ours give logits",
    "log_softmax": "as softmax",
    "sparsemax": "as softmax",
    "threshold": "needs arguments",
    "constant": "needs a value",
    "identity": "for square kernels of dense layers alone",
    "identity_initializer": "another name of identity",
    "orthogonal_initializer": "another name of orthogonal",
    "stftinitializer": "another name of stft",
    "stft": "for spectrograms, not for a layer's kernel",
    "initializer": "the base class",
    "optimizer": "the base class",
    "multioptimizer": "wraps optimizers",
    "lossscaleoptimizer": "wraps an optimizer",
    "lamb": "Keras 3.15 has the class and does not resolve its name",
}
"""What Keras has and the lists have not, and why."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def in_keras(kind: str) -> set[str]:
    if kind == "activation":
        skip = {"get", "serialize", "deserialize"}
        functions = inspect.getmembers(keras.activations, inspect.isfunction)
        return {name for name, _ in functions if name not in skip}
    if kind == "initializer":
        base = keras.initializers.Initializer
        classes = inspect.getmembers(keras.initializers, inspect.isclass)
        return {snake(name) for name, value in classes if issubclass(value, base)}
    base = keras.optimizers.Optimizer
    classes = inspect.getmembers(keras.optimizers, inspect.isclass)
    return {name.lower() for name, value in classes if issubclass(value, base)}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_keras_resolves_each_activation_and_it_keeps_the_shape(name: str) -> None:
    function = keras.activations.get(name)
    assert function(keras.ops.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_keras_resolves_each_initializer_for_dense_and_convolution(name: str) -> None:
    initializer = keras.initializers.get(name)
    assert initializer((5, 3)).shape == (5, 3)
    assert initializer((3, 3, 5, 3)).shape == (3, 3, 5, 3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_resolves_each_optimizer(name: str) -> None:
    assert isinstance(keras.optimizers.get(name), keras.optimizers.Optimizer)


@pytest.mark.parametrize(
    ("kind", "names"),
    [("activation", ACTIVATIONS), ("initializer", INITIALIZERS), ("optimizer", OPTIMIZERS)],
)
def test_what_keras_has_is_listed_or_left_out_with_a_reason(
    kind: str, names: tuple[str, ...]
) -> None:
    assert not set(names) & set(LEFT_OUT)
    assert in_keras(kind) - set(names) - set(LEFT_OUT) == set()
    assert set(names) - in_keras(kind) == set()
    assert list(names) == sorted(set(names))


def test_every_reason_is_about_something_that_keras_still_has() -> None:
    kinds = ("activation", "initializer", "optimizer")
    assert set(LEFT_OUT) <= set().union(*map(in_keras, kinds))


def test_lamb_is_still_left_out_for_a_reason() -> None:
    with pytest.raises(ValueError, match="lamb"):
        keras.optimizers.get("lamb")


def test_every_application_of_keras_is_listed() -> None:
    functions = inspect.getmembers(keras.applications, inspect.isfunction)
    assert [name for name, _ in functions] == list(APPLICATIONS)
