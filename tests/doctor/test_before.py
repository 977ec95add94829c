"""Rules that need no training, on nets of one layer."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.doctor.before import order
from recipe.doctor.flow import flow_of
from recipe.doctor.losses import heads_of, upside_down
from recipe.doctor.signals import pulse_of
from recipe.doctor.subject import subject_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
NUMBERS = (X @ [1, 2, 3, 4]).astype(np.float32)
CLASSES = RNG.integers(0, 4, 120)


def looked_at(loss: Any, y: np.ndarray, units: int = 1, **fit: Any) -> tuple[Any, list[Any]]:
    """The subject and its heads, after one pass."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
    model.compile("sgd", loss)
    subject = subject_of(model, X, y, **fit)
    flow = flow_of(model, subject.probe())
    pulse_of(subject, flow)
    return subject, heads_of(subject, flow)


def similarity(y: Any, said: Any) -> Any:
    return -keras.ops.mean((y - said) ** 2, axis=-1)


def pinball(y: Any, said: Any) -> Any:
    return keras.ops.maximum(0.9 * (y - said), -0.1 * (y - said))


def own_squares(y: Any, said: Any) -> Any:
    return keras.ops.mean((y - said) ** 2, axis=-1)


def of_classes(y: Any, said: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(y, said, from_logits=True)


@pytest.mark.parametrize(
    ("loss", "y", "units", "found"),
    [
        pytest.param(similarity, NUMBERS, 1, True, id="a score as the loss"),
        pytest.param(own_squares, NUMBERS, 1, False, id="a loss"),
        pytest.param(pinball, NUMBERS, 1, False, id="of a quantile"),
        pytest.param("mean_squared_error", NUMBERS, 1, False, id="Keras's own"),
        pytest.param(of_classes, CLASSES, 4, False, id="outputs that are no targets"),
    ],
)
def test_a_loss_is_lowest_for_the_right_answer(loss, y, units, found):
    assert bool([*upside_down(*looked_at(loss, y, units))]) == found


@pytest.mark.parametrize(
    ("y", "found"),
    [
        pytest.param(np.sort(CLASSES), True, id="the last class is cut off"),
        pytest.param(np.sort(CLASSES) % 2, False, id="blocks of two classes, both in both"),
        pytest.param(CLASSES, False, id="mixed"),
        pytest.param(np.repeat([0, 1, 0, 1, 0, 1], 20), False, id="a state that lasts"),
    ],
)
def test_examples_in_the_order_of_their_labels_are_not_cut_at_the_end(y, found):
    subject, heads = looked_at("sparse_categorical_crossentropy", y, 4, validation_split=0.25)
    assert bool([*order(subject, heads)]) == found


def test_losses_of_outputs_by_name_are_those_of_their_outputs():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense
    heads = {"z": dense(3, "softmax", name="z")(inputs), "a": dense(1, name="a")(inputs)}
    model = keras.Model(inputs, heads)
    model.compile("sgd", {"z": "categorical_crossentropy", "a": "mean_absolute_error"})
    subject = subject_of(model, X, {"z": np.eye(3)[CLASSES % 3], "a": NUMBERS})
    flow = flow_of(model, subject.probe())
    pulse_of(subject, flow)
    found = {head.units: head.loss for head in heads_of(subject, flow)}
    assert found == {1: "mean_absolute_error", 3: "categorical_crossentropy"}


def test_a_net_that_takes_blocks_gets_blocks():
    model = keras.Sequential([keras.Input(batch_shape=(50, 4)), keras.layers.Dense(1)])
    subject = subject_of(model, X)
    assert len(subject.probe()) == 50
    assert len(subject.spread(120, 2_000)) == 100
