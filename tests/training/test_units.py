"""Units that are dead or saturated, counted by what they answer."""

import keras
import numpy as np
import pytest

from recipe.training.units import units_of
from tests.training.tiny import dataset

DATA = dataset(val=40)


def test_units_are_counted_layer_by_layer() -> None:
    model = keras.Sequential([
        keras.Input((3,)),
        keras.layers.Dense(4, activation="relu", name="cut"),
        keras.layers.Dense(2, activation="tanh", name="ended"),
        keras.layers.Dense(3, name="free"),
    ])  # fmt: skip
    cut, ended = model.get_layer("cut"), model.get_layer("ended")
    cut.bias.assign([-1e3, 1.0, 1e3, -1e3])
    ended.kernel.assign(np.zeros((4, 2)))
    ended.bias.assign([9.0, 0.0])
    first, second = units_of(model, DATA.val)
    assert (first.name, first.dead, first.saturated) == ("cut", pytest.approx(0.5), None)
    assert (second.name, second.dead, second.saturated) == ("ended", None, pytest.approx(0.5))
    assert first.values.shape == (40, 4)


def test_places_of_an_image_are_one_answer() -> None:
    data = dataset(val=10, shape=(6, 6, 1))
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(5, 3, activation="relu")])
    (found,) = units_of(model, data.val)
    assert found.values.shape == (10, 5)
