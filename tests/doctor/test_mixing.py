"""Whether batches are drawn by lot, seen in their targets."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.doctor.mixing import UNMIXED, unevenness
from recipe.doctor.subject import Subject, subject_of

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


def read(stream: tf.data.Dataset) -> Subject:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(5)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return subject_of(model, stream)


X = np.arange(1_000, dtype=np.float32).reshape(-1, 1)


@pytest.mark.parametrize("buffer", [40, 1_000])
def test_a_stream_shuffles_only_if_its_buffer_is_long_enough(buffer: int) -> None:
    found = read(tf.data.Dataset.from_tensor_slices((X, SORTED)).shuffle(buffer, seed=0).batch(20))
    assert (found.shuffles, found.falls_short) == ((True, False) if buffer > 40 else (False, True))


def test_augmentation_is_no_shuffling() -> None:
    noise = tf.random.Generator.from_seed(0)
    sorted_ones = tf.data.Dataset.from_tensor_slices((X, SORTED))
    stream = sorted_ones.map(lambda x, y: (x + noise.normal([1]), y)).batch(20)
    found = read(stream)
    assert (found.shuffles, found.falls_short) == (False, False)
    assert read(sorted_ones.shuffle(1_000).map(lambda x, y: (x + 0.5, y)).batch(20)).shuffles
