"""Our epochs do what `keras.Model.fit` does, with its callbacks, to the bit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Config, Task
from recipe.data import Dataset, Split
from recipe.training import (
    StopAt,
    compiled_loss,
    evaluate,
    fit,
    new_model,
    predict,
    restore_best,
    train,
)
from recipe.training.fit import early_stopping
from tests.training.tiny import config, dataset

TASKS = pytest.mark.parametrize("task", list(Task), ids=str)


def column(y: np.ndarray) -> np.ndarray:
    return y[:, np.newaxis] if y.ndim == 1 else y


def keras_fit(
    config: Config, data: Dataset, seed: int
) -> tuple[keras.Model, dict[str, list[float]]]:
    """The same training by Keras's own `fit`, an epoch at a time in the same order."""
    model = new_model(config, data, seed)
    rng = np.random.default_rng(seed)
    history: dict[str, list[float]] = {}
    for _ in range(config.train.epochs):
        order = rng.permutation(len(data.train))
        said = model.fit(
            data.train.x[order],
            column(data.train.y[order]),
            batch_size=config.train.batch_size,
            validation_data=(data.val.x, column(data.val.y)),
            shuffle=False,
            verbose=0,
        )
        for name, values in said.history.items():
            history.setdefault(name, []).extend(values)
    return model, history


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        pytest.param(Task.MULTICLASS, {"model__norm": "batch", "train__weight_decay": 0.1},
                     id="multiclass, batch norm, decay"),
        pytest.param(Task.BINARY, {"model__l2": 0.01, "train__optimizer": "rmsprop"},
                     id="binary, L2, RMSprop"),
        pytest.param(Task.REGRESSION, {"train__optimizer": {"class_name": "SGD", "config": {
                     "momentum": 0.9, "clipnorm": 0.5}}}, id="regression, momentum, clipping"),
        pytest.param(Task.MULTICLASS, {"train__epochs": 1, "train__optimizer": {
                     "class_name": "Adam", "config": {"use_ema": True, "ema_momentum": 0.5}}},
                     id="averaged weights"),
    ],
)  # fmt: skip
def test_an_epoch_is_keras_own(task: Task, changes: dict[str, Any]) -> None:
    data, settings = dataset(task), config(**changes)
    expected, logs = keras_fit(settings, data, seed=3)
    history = train(settings, data, seed=3)
    for ours, theirs in zip(history.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert set(history.history) == set(logs)
    for name, values in logs.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5, err_msg=name)


@TASKS
def test_validation_is_what_evaluate_says_of_all_examples(task: Task) -> None:
    data = dataset(task, val=1100)  # more than one block of 1,024
    history = train(config(train__epochs=1), data, seed=0)
    said = history.model.evaluate(data.val.x, column(data.val.y), verbose=0, return_dict=True)
    for name, value in said.items():
        assert history.history[f"val_{name}"] == pytest.approx([value], rel=1e-5)
    assert compiled_loss(history.model, data.val) == pytest.approx(said["loss"], rel=1e-5)
    ours = evaluate(history.model, data.val, data)
    for name, value in said.items():
        assert ours[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize(
    ("examples", "batch_size", "steps"),
    [
        pytest.param(16, 8, 2, id="whole batches"),
        pytest.param(17, 8, 3, id="a last batch of one"),
        pytest.param(17, 1, 17, id="one example a step"),
        pytest.param(17, "full", 1, id="all at once"),
        pytest.param(17, 100, 1, id="a batch larger than the data"),
    ],
)
def test_steps_of_an_epoch(examples: int, batch_size: Any, steps: int) -> None:
    settings = config(train__batch_size=batch_size, train__epochs=1)
    model = train(settings, dataset(train=examples), seed=0).model
    assert int(model.optimizer.iterations) == steps


def test_each_epoch_has_an_order_of_its_own_and_every_example_once() -> None:
    data = dataset(Task.REGRESSION, train=6)
    model = new_model(config(), data, seed=0)
    seen: list[float] = []
    model.train_step = lambda batch: tf.py_function(lambda y: seen.extend(y.numpy()), batch[1:], [])
    fit(model, data.train, batch_size=4, epochs=3, seed=0)
    epochs = np.reshape(seen, (3, 6)).tolist()
    assert [sorted(epoch) for epoch in epochs] == [sorted(data.train.y[:, 0].tolist())] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert data.train.y[:, 0].tolist() not in epochs


class Recorder(keras.callbacks.Callback):
    """What is called, with which logs, and the weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.logs: list[dict[str, float]] = []
        self.weights: list[list[np.ndarray]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append("train begins")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} ends")
        self.logs.append(dict(logs))
        self.weights.append(self.model.get_weights())

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append("train ends")
        self.logs.append(dict(logs))


@TASKS
def test_callbacks_are_called_in_keras_order_with_its_logs(task: Task) -> None:
    recorder = Recorder()
    history = train(config(train__epochs=2), dataset(task), seed=0, callbacks=[recorder])
    assert recorder.calls == [
        "train begins",
        *("epoch 0 begins", "epoch 0 ends", "epoch 1 begins", "epoch 1 ends"),
        "train ends",
    ]
    metric = "r2" if task is Task.REGRESSION else "accuracy"
    names = {"loss", metric, "val_loss", f"val_{metric}"}
    assert all(set(logs) == names for logs in recorder.logs)
    assert recorder.logs[-1] == recorder.logs[-2]
    for name in names:
        assert history.history[name] == [logs[name] for logs in recorder.logs[:2]]
    assert history.params["epochs"] == 2
    assert history.epoch == [0, 1]


def test_without_validation_there_are_no_validation_logs() -> None:
    data = dataset()
    model = new_model(config(), data, seed=0)
    history = fit(model, data.train, batch_size=8, epochs=1, seed=0)
    assert set(history.history) == {"loss", "accuracy"}


@pytest.mark.parametrize(
    ("when", "epochs"),
    [
        pytest.param(lambda logs, count: count == 2, 2, id="later"),
        pytest.param(lambda logs, count: False, None, id="never"),
        pytest.param(lambda logs, count: logs["val_loss"] < 1e9, 1, id="by the logs"),
    ],
)
def test_stop_at(when: Callable[..., bool], epochs: int | None) -> None:
    asked = []

    def reached(model: keras.Model, logs: dict[str, float]) -> bool:
        asked.append(model)
        return when(logs, len(asked))

    stop = StopAt(reached)
    history = train(config(train__epochs=3), dataset(), seed=0, callbacks=[stop])
    assert stop.epochs == epochs
    assert len(history.epoch) == (epochs or 3)
    assert all(model is history.model for model in asked)


class Script(keras.callbacks.Callback):
    """Puts scores into the logs, as if the net had reached them."""

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.name] = self.values[epoch]


@pytest.mark.parametrize(
    ("monitor", "values", "patience", "epochs", "best"),
    [
        pytest.param("val_loss", [3, 1, 2, 2, 2, 2], 2, 4, 1, id="the loss worsens"),
        pytest.param("val_loss", [3, 1, 2, 0.5, 2, 2], 2, 6, 3, id="one worse epoch is noise"),
        pytest.param("val_loss", [3, 1, 2, 2, 2, 2], None, 6, 1, id="to the end, then the best"),
        pytest.param("val_accuracy", [0.1, 0.9, 0.8, 0.8, 0.8, 0.8], 1, 3, 1,
                     id="more accuracy is better"),
        pytest.param("val_loss", [6, 5, 4, 3, 2, 1], 1, 6, 5, id="it always improves"),
    ],
)  # fmt: skip
def test_the_best_weights_are_restored(
    monitor: str, values: list[float], patience: int | None, epochs: int, best: int
) -> None:
    data, recorder = dataset(), Recorder()
    model = new_model(config(), data, seed=0)
    callbacks = [Script(monitor, values), recorder, restore_best(monitor, patience)]
    history = fit(model, data.train, val=data.val, batch_size=8, epochs=6, seed=0,
                  callbacks=callbacks)  # fmt: skip
    assert len(history.epoch) == epochs
    for now, then in zip(model.get_weights(), recorder.weights[best], strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("task", "metric", "monitor", "mode"),
    [
        (Task.MULTICLASS, "auto", "val_accuracy", np.greater),
        (Task.REGRESSION, "auto", "val_r2", np.greater),
        (Task.REGRESSION, "loss", "val_loss", np.less),
    ],
    ids=["accuracy", "r2", "loss"],
)
def test_early_stopping_follows_the_deciding_metric(
    task: Task, metric: str, monitor: str, mode: Any
) -> None:
    settings = config(train__early_stopping=3, train__metric=metric)
    (callback,) = early_stopping(settings, dataset(task))
    assert (callback.monitor, callback.patience) == (monitor, 3)
    assert callback.restore_best_weights
    callback._set_monitor_op()
    assert bool(callback.monitor_op(2, 1)) == bool(mode(2, 1))
    assert early_stopping(config(), dataset(task)) == []


def test_early_stopping_ends_a_training_by_itself() -> None:
    recorder = Recorder()
    settings = config(train__early_stopping=1, train__epochs=30, train__learning_rate=5.0)
    history = train(settings, dataset(), seed=0, callbacks=[recorder])
    scores = history.history["val_accuracy"]
    assert len(scores) < 30
    best = int(np.argmax(scores))
    for now, then in zip(history.model.get_weights(), recorder.weights[best], strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    recorder = Recorder()
    settings = config(train__epochs=5, train__optimizer="sgd", train__learning_rate=1e30)
    data = dataset(Task.REGRESSION)
    history = train(settings, data, seed=0, callbacks=[recorder])
    losses = history.history["loss"]
    assert len(losses) < 5
    assert not np.isfinite(losses[-1])
    assert np.isfinite(losses[:-1]).all()
    assert recorder.calls[-1] == "train ends"


def changed(data: Dataset, scale: float) -> Dataset:
    return replace(data, val=replace(data.val, x=data.val.x * scale))


def test_validation_examples_are_never_learnt_from() -> None:
    weights = [
        train(config(model__norm="batch"), changed(dataset(), scale), seed=0).model.get_weights()
        for scale in (1.0, 100.0)
    ]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_seed_decides_to_the_bit() -> None:
    settings = config(model__dropout=0.5, model__noise={"input": 0.1}, model__norm="batch")
    runs = [train(settings, dataset(), seed=seed) for seed in (0, 0, 1)]
    first, again, other = ([weight.tobytes() for weight in run.model.get_weights()] for run in runs)
    assert first == again
    assert runs[0].history == runs[1].history
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    "changes",
    [{"model__dropout": 0.5}, {"model__noise": {"input": 1.0}},
     {"model__noise": {"activation": 1.0}}],
    ids=["dropout", "input noise", "activation noise"],
)  # fmt: skip
def test_what_is_random_in_training_is_off_in_validation(changes: dict[str, Any]) -> None:
    data = dataset(train=16)
    data = replace(data, val=data.train)
    settings = config(train__learning_rate=1e-30, train__optimizer="sgd", **changes)
    history = train(settings, data, seed=0)
    logs = history.history
    assert logs["loss"][0] != pytest.approx(logs["loss"][1], rel=1e-6)
    assert logs["val_loss"][0] == logs["val_loss"][1]
    np.testing.assert_array_equal(*(predict(history.model, data.val.x) for _ in range(2)))


def test_a_fit_goes_on_where_the_last_one_ended() -> None:
    data = dataset()
    model = new_model(config(), data, seed=0)
    stop = StopAt(lambda model, logs: int(model.optimizer.iterations) >= 24)
    first = fit(model, data.train, batch_size=8, epochs=99, seed=0, callbacks=[stop])
    then = fit(model, data.train, batch_size=8, epochs=2, seed=1)
    assert (len(first.epoch), len(then.epoch)) == (8, 2)  # stopped once is not stopped for ever
    assert then.history["loss"][0] < first.history["loss"][0]
    assert int(model.optimizer.iterations) == 30


def test_every_step_is_on_the_examples_and_their_own_targets() -> None:
    """Full batches of a linear net: the loss of gradient descent, computed by hand."""
    data = dataset(Task.REGRESSION, train=10)
    settings = config(model__widths=(), train__batch_size="full", train__optimizer="sgd",
                      train__learning_rate=0.1, train__epochs=5)  # fmt: skip
    model = new_model(settings, data, seed=0)
    w, b = (weight.astype(np.float64) for weight in model.get_weights())
    losses = []
    for _ in range(5):
        error = data.train.x @ w + b - data.train.y
        losses.append((error**2).mean())
        w -= 0.1 * 2 * data.train.x.T @ error / len(error)
        b -= 0.1 * 2 * error.mean(axis=0)
    history = fit(model, data.train, batch_size=10, epochs=5, seed=0)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_a_batch_loss_is_weighted_by_its_examples() -> None:
    """A partial batch must not count as much as a whole one."""
    data = dataset(Task.REGRESSION, train=9)
    train_split = Split(data.train.x, data.train.y, data.train.ids)
    settings = config(train__learning_rate=1e-30, train__optimizer="sgd")
    model = new_model(settings, data, seed=0)
    logs = fit(model, train_split, batch_size=8, epochs=1, seed=0).history
    every = (predict(model, data.train.x) - data.train.y) ** 2
    assert logs["loss"] == pytest.approx([every.mean()], rel=1e-5)
