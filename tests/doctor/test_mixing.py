"""Whether batches are drawn by lot, seen in their targets."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.doctor.mixing import UNMIXED, unevenness
from recipe.doctor.subject import subject_of

Y = np.arange(1_000) % 5
SORTED = np.sort(Y)
BY_LOT = np.random.default_rng(0).permutation(Y)


@pytest.mark.parametrize(
    ("y", "is_mixed"),
    [
        pytest.param(BY_LOT, True, id="by lot"),
        pytest.param(Y, True, id="dealt evenly"),
        pytest.param(SORTED, False, id="class after class"),
        pytest.param(np.eye(5)[SORTED], False, id="class after class, in rows with one 1"),
        pytest.param(BY_LOT + np.random.default_rng(1).normal(size=1_000), True, id="amounts"),
        pytest.param(np.linspace(0, 1, 1_000), False, id="amounts that rise"),
        pytest.param(np.zeros(1_000), True, id="all the same"),
        pytest.param(SORTED[:50], True, id="too few batches to tell"),
        pytest.param(np.array(["a", "b"] * 500), True, id="words"),
    ],
)
def test_batches_are_as_if_drawn_by_lot(y: np.ndarray, is_mixed: bool) -> None:
    assert (unevenness(y, 20) <= UNMIXED) == is_mixed


def test_batches_of_one_class_each_differ_as_much_as_can_be() -> None:
    assert unevenness(SORTED, 20) == pytest.approx(20, rel=0.05)
    assert unevenness(BY_LOT, 20) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("buffer", [40, 1_000])
def test_a_stream_shuffles_only_if_its_buffer_is_long_enough(buffer: int) -> None:
    x = np.zeros((1_000, 1), np.float32)
    x[:, 0] = np.arange(1_000)
    stream = tf.data.Dataset.from_tensor_slices((x, SORTED)).shuffle(buffer, seed=0).batch(20)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(5)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert subject_of(model, stream).shuffles == (buffer == 1_000)
