"""Keras's own `fit`, where it trains for us: the same batches, stops and history."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Task
from recipe.data import Split
from recipe.data.stored import Stored
from recipe.training import KeepBest, StopAt, fit, new_model, predict, train
from recipe.training.batches import order_of
from recipe.training.probes import zeroed_head_loss
from tests.training.random_configs import Looks, differences, unequal
from tests.training.tiny import config, dataset


@pytest.mark.parametrize("seed", [5, 38])
def test_a_random_training_is_keras_own(seed: int) -> None:
    """Of `test_fit.py`'s, by the other way."""
    assert differences(seed, stock=True) == []


def test_both_ways_are_one() -> None:
    """What a callback asks for must not change a number."""
    data = dataset()
    settings = config(model__dropout=0.3, model__norm="batch", train__optimizer="adamw",
                      train__weight_decay=0.1, train__epochs=3)  # fmt: skip
    weights = np.random.default_rng(0).uniform(size=22).astype(np.float32)
    runs = [
        fit(new_model(settings, data, 1), data.train, val=data.val, sample=data.train,
            weights=weights, batch_size=8, epochs=3, seed=1,
            callbacks=[KeepBest("val_loss"), *more])
        for more in ([], [Looks()])
    ]  # fmt: skip
    assert [bool(run.fallback) for run in runs] == [False, True]
    assert runs[0].history == runs[1].history
    for holders in ([run.model for run in runs], [run.model.optimizer for run in runs]):
        assert unequal("variable", *(holder.variables for holder in holders)) == []


class Seen(keras.Model):
    """Notes which targets each step gets."""

    def train_step(self, data: Any) -> Any:
        note = lambda y: self.__dict__["seen"].append(y.numpy()[:, 0].tolist())  # noqa: E731
        tf.py_function(note, [data[1]], [])
        return super().train_step(data)


def test_each_epoch_has_an_order_of_its_own() -> None:
    """Also the first one after the batch that Keras looks at before it begins."""
    data = dataset(Task.REGRESSION, train=6)
    inputs = keras.Input((3,))
    model = Seen(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", jit_compile=False)
    object.__setattr__(model, "seen", [])
    fitted = fit(model, data.train, batch_size=4, epochs=3, seed=2)
    assert fitted.fallback == "Seen has a train_step of its own"
    batches = model.__dict__["seen"]
    assert [len(batch) for batch in batches] == [4, 2] * 3
    for epoch in range(3):
        y = [*batches[2 * epoch], *batches[2 * epoch + 1]]
        assert y == data.train.y[order_of(2, epoch, 6), 0].tolist()


def test_it_stops_when_asked() -> None:
    data = dataset()
    stop = StopAt(lambda model, logs: int(model.optimizer.iterations) >= 6)
    model = new_model(config(), data, 0)
    fitted = fit(model, data.train, batch_size=8, epochs=9, seed=0, callbacks=[stop, Looks()])
    assert (len(fitted.history["loss"]), stop.epochs) == (2, 2)


def test_it_stops_at_a_loss_that_is_not_finite() -> None:
    data = dataset(Task.REGRESSION)
    data = replace(data, train=replace(data.train, y=data.train.y * 1e30))
    keep = KeepBest("val_loss")
    model = new_model(config(train__optimizer="sgd"), data, 0)
    fitted = fit(model, data.train, val=data.val, batch_size=8, epochs=9, seed=0,
                 callbacks=[keep, Looks()])  # fmt: skip
    assert fitted.diverged
    assert str(fitted.non_finite) == "loss in epoch 1, step 1"
    assert len(fitted.history["loss"]) == 1


def on_disk(split: Split) -> Split:
    """The same examples, read when they are asked for."""
    assert isinstance(split.x, np.ndarray)
    rows, dtype = np.arange(len(split)), split.x.dtype
    return replace(split, x=Stored(split.x.__getitem__, rows, split.x.shape[1:], dtype))


def test_examples_on_disk_train_as_those_in_memory() -> None:
    data = dataset(shape=(6, 6, 1))
    stored = replace(data, train=on_disk(data.train), val=on_disk(data.val))
    settings = config(model__family="cnn", model__filters=(2,), model__norm="batch")
    resident, streamed = (train(settings, some, seed=1) for some in (data, stored))
    assert resident.fallback is None
    assert "stay on disk" in str(streamed.fallback)
    assert streamed.history == resident.history
    assert unequal("variable", streamed.model.variables, resident.model.variables) == []
    np.testing.assert_array_equal(
        predict(streamed.model, stored.val.x), predict(resident.model, data.val.x)
    )
    assert zeroed_head_loss(settings, stored) == pytest.approx(zeroed_head_loss(settings, data))
