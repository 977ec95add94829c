"""What `fit` was given, as arrays."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recipe.doctor.subject import subject_of

X = np.arange(40, dtype=np.float32).reshape(20, 2)
Y = np.arange(20) % 3


def model() -> keras.Model:
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    net.compile("sgd", "mse")
    return net


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        return X[place * 5 : place * 5 + 5], Y[place * 5 : place * 5 + 5]


def stream(shuffles: bool) -> tf.data.Dataset:
    examples = tf.data.Dataset.from_tensor_slices((X, Y))
    return (examples.shuffle(20, seed=1) if shuffles else examples).batch(5)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(X, Y, id="arrays"),
        pytest.param(tf.constant(X), tf.constant(Y), id="tensors"),
        pytest.param(X.tolist(), Y.tolist(), id="lists"),
        pytest.param(pd.DataFrame(X), pd.Series(Y), id="a table"),
        pytest.param(stream(False), None, id="a stream"),
        pytest.param(Batches(), None, id="batches"),
        pytest.param(iter([(X[:10], Y[:10]), (X[10:], Y[10:])]), None, id="a generator"),
    ],
)
def test_whatever_it_was_given_as(x: Any, y: Any) -> None:
    subject = subject_of(model(), x, y, epochs=3)
    np.testing.assert_array_equal(subject.x, X)
    np.testing.assert_array_equal(subject.targets()[0], Y)
    assert (subject.examples, subject.epochs) == (20, 3)


def test_a_stream_says_its_batch_and_whether_it_shuffles() -> None:
    for shuffles in (False, True):
        subject = subject_of(model(), stream(shuffles))
        assert (subject.batch_size, subject.shuffles) == (5, shuffles)
    assert subject_of(model(), X, Y).batch_size == 32  # Keras's own
    assert not subject_of(model(), X, Y, shuffle=False).shuffles


def test_the_end_is_cut_off_for_validation_as_keras_does() -> None:
    subject = subject_of(model(), X, Y, validation_split=0.25, sample_weight=np.ones(20))
    assert subject.val is not None
    np.testing.assert_array_equal(subject.val[0], X[15:])
    assert subject.weights is not None
    assert (subject.examples, len(subject.weights), subject.steps) == (15, 15, 1)


def test_targets_stand_in_the_order_of_the_outputs() -> None:
    given = keras.Input((2,))
    outputs = {name: keras.layers.Dense(1, name=name)(given) for name in ("b", "a")}
    net = keras.Model(given, [outputs["b"], outputs["a"]])
    net.compile("sgd", "mse")
    subject = subject_of(net, X, {"a": Y, "b": Y + 10})
    assert [int(part[0]) for part in subject.targets()] == [10, 0]
