"""Our epochs do what `keras.Model.fit` does, with its callbacks, to the bit."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Task
from recipe.data import Dataset
from recipe.training import StopAt, evaluate, fit, new_model, predict, train
from recipe.training.batches import column, first_batch, order_of
from tests.training.random_configs import differences, keras_fit, unequal
from tests.training.tiny import compiled_loss, config, dataset

FIT = import_module("recipe.training.fit")  # the package's own `fit` is the function
TASKS = pytest.mark.parametrize("task", list(Task), ids=str)


@pytest.mark.parametrize("seed", [*range(20), 149])  # 149: weight decay with a schedule
def test_a_random_training_is_keras_own(seed: int) -> None:
    """`make proof ONLY=fast-path` draws 100."""
    assert differences(seed) == []


def test_a_wrong_training_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: one other permutation in the second epoch is seen everywhere."""
    changed = lambda seed, epoch, n: order_of(seed + epoch, epoch, n)  # noqa: E731
    monkeypatch.setattr(FIT, "order_of", changed)
    found = " ".join(differences(7))
    for part in ("variable head/kernel", "optimizer variable", "history", "Rows.weights"):
        assert part in found


@pytest.mark.parametrize("eagerly", [False, True], ids=["our epochs", "Keras's fit"])
def test_what_is_shown_just_before_the_net_is_what_the_first_step_is_given(
    eagerly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen by a layer that is first to read it, also within a compiled step."""
    batches: list[np.ndarray] = []

    def seen(_: keras.layers.Flatten, x: Any) -> Any:
        tf.numpy_function(lambda batch: batches.append(batch.copy()), [x], [])
        return x

    monkeypatch.setattr(keras.layers.Flatten, "call", seen)
    data = dataset(train=30)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=eagerly)
    fitted = fit(model, data.train, batch_size=8, epochs=1, seed=3)
    assert (fitted.fallback is not None) is eagerly
    given = next(batch for batch in batches if len(batch) == 8)
    np.testing.assert_array_equal(given, first_batch(data.train, 8, 3).x)


def test_xla_computes_the_same_for_20_steps() -> None:
    """It adds up in another order, so not to the bit.

    It draws other random numbers, so nets with dropout or noise can't be compared, and
    `train.jit: auto` leaves them alone.
    """
    data = dataset(train=40)
    settings = config(train__learning_rate=0.003, model__norm="batch", model__l2=0.01)
    fitted = [
        fit(new_model(settings, data, 1), data.train, val=data.val, batch_size=8, epochs=4, seed=1,
            jit=jit)
        for jit in (False, True)
    ]  # fmt: skip
    plain, compiled = (run.model for run in fitted)
    assert int(compiled.optimizer.iterations) == 20
    for a, b in zip(plain.trainable_variables, compiled.trainable_variables, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5 * float(np.abs(a).max()))
    for name, values in fitted[0].history.items():
        np.testing.assert_allclose(fitted[1].history[name], values, rtol=1e-5, err_msg=name)


@TASKS
def test_validation_is_what_evaluate_says_of_all_examples(task: Task) -> None:
    data = dataset(task, val=1100)  # more than one block of 1,024
    fitted = train(config(train__epochs=1), data, seed=0)
    said = fitted.model.evaluate(data.val.x, column(data.val.y), verbose=0, return_dict=True)
    for name, value in said.items():
        assert fitted.history[f"val_{name}"] == pytest.approx([value], rel=1e-5)
    assert compiled_loss(fitted.model, data.val) == pytest.approx(said["loss"], rel=1e-5)
    ours = evaluate(fitted.model, data.val, data)
    for name, value in said.items():
        assert ours[name] == pytest.approx(value, rel=1e-4), name


def test_compiled_loss_changes_nothing() -> None:
    data = dataset()
    model = new_model(config(model__norm="batch", model__dropout=0.5), data, seed=0)
    before = [np.array(variable.numpy()) for variable in model.variables]
    losses = [compiled_loss(model, data.train) for _ in range(2)]
    assert losses[0] == losses[1]
    assert unequal("variable", before, model.variables) == []


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


@pytest.mark.parametrize("block", [1, 2, 1000])
def test_where_a_block_ends_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data, settings = dataset(), config(model__dropout=0.3)
    whole = train(settings, data, seed=0)
    monkeypatch.setattr(FIT, "BLOCK_STEPS", block)
    again = train(settings, data, seed=0)
    assert unequal("variable", again.model.variables, whole.model.variables) == []
    assert again.history == whole.history


def test_each_epoch_has_an_order_of_its_own_and_every_example_once() -> None:
    orders = [order_of(0, epoch, 6).tolist() for epoch in range(3)]
    assert all(sorted(order) == [*range(6)] for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert [*range(6)] not in orders
    assert orders != [order_of(1, epoch, 6).tolist() for epoch in range(3)]
    assert orders[2] == order_of(0, 2, 6).tolist()  # whatever was drawn before


class Recorder(keras.callbacks.Callback):
    """What is called, with which logs, and the weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.logs: list[dict[str, float]] = []
        self.rates: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append("train begins")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} begins")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(f"epoch {epoch} ends")
        self.logs.append(dict(logs))
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append("train ends")
        self.logs.append(dict(logs))


@TASKS
def test_callbacks_are_called_in_keras_order_with_its_logs(task: Task) -> None:
    recorder = Recorder()
    fitted = train(config(train__epochs=2), dataset(task), seed=0, callbacks=[recorder])
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
        assert fitted.history[name] == [logs[name] for logs in recorder.logs[:2]]
    assert recorder.params == {"verbose": 0, "epochs": 2, "steps": 3}
    assert recorder.rates == [pytest.approx(0.01)] * 2
    assert recorder.model is fitted.model
    assert (fitted.fallback, fitted.non_finite, fitted.diverged) == (None, None, False)


def test_without_validation_there_are_no_validation_logs() -> None:
    data = dataset()
    model = new_model(config(), data, seed=0)
    fitted = fit(model, data.train, batch_size=8, epochs=1, seed=0)
    assert set(fitted.history) == {"loss", "accuracy"}


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
        asked.append(int(model.optimizer.iterations))
        return when(logs, len(asked))

    stop = StopAt(reached)
    fitted = train(config(train__epochs=3), dataset(), seed=0, callbacks=[stop])
    assert stop.epochs == epochs
    assert len(fitted.history["loss"]) == (epochs or 3)
    assert asked == [3, 6, 9][: epochs or 3]  # it is asked about the net that trains


@pytest.mark.parametrize("what", ["training", "loss"])
def test_a_callback_may_use_another_net_of_the_same_structure(what: str) -> None:
    """It must not get the graph in which the outer training's weights are."""
    data, settings = dataset(), config()

    def use_another(epoch: int, logs: Any) -> None:
        other = new_model(settings, data, seed=7)
        if what == "training":
            fit(other, data.train, batch_size=4, epochs=1, seed=7)
        else:
            compiled_loss(other, data.train)

    alone = fit(new_model(settings, data, 0), data.train, batch_size=8, epochs=2, seed=0)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=use_another)
    model = new_model(settings, data, 0)
    outer = fit(model, data.train, batch_size=8, epochs=2, seed=0, callbacks=[callback])
    assert unequal("variable", outer.model.variables, alone.model.variables) == []
    assert outer.history == alone.history


def changed(data: Dataset, scale: float) -> Dataset:
    return replace(data, val=replace(data.val, x=data.val.x * scale))


def test_validation_examples_are_never_learnt_from() -> None:
    settings = config(model__norm="batch", train__epochs=1)
    weights = [
        train(settings, changed(dataset(), scale), seed=0).model.get_weights()
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


def test_a_training_leaves_the_random_numbers_of_others_alone() -> None:
    """Whether a graph had to be made first must not change what is drawn next."""
    drawn = []
    for widths in ((4,), (4,), (7,)):  # the last one is new
        keras.utils.set_random_seed(5)
        model = new_model(config(model__widths=widths), dataset(), seed=0)
        fit(model, dataset().train, batch_size=8, epochs=1, seed=0)
        drawn.append((np.random.random(), int(keras.random.SeedGenerator().state.numpy()[0])))
    assert drawn[0] == drawn[1] == drawn[2]


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
    fitted = train(settings, data, seed=0)
    logs = fitted.history
    assert logs["loss"][0] != pytest.approx(logs["loss"][1], rel=1e-6)
    assert logs["val_loss"][0] == logs["val_loss"][1]
    np.testing.assert_array_equal(*(predict(fitted.model, data.val.x) for _ in range(2)))


def test_a_fit_goes_on_where_the_last_one_ended() -> None:
    """With the optimizer's state too, as Keras's does."""
    data = dataset()
    model, theirs = (new_model(config(), data, seed=0) for _ in range(2))
    stop = StopAt(lambda model, logs: int(model.optimizer.iterations) >= 24)
    first = fit(model, data.train, batch_size=8, epochs=99, seed=0, callbacks=[stop])
    then = fit(model, data.train, batch_size=8, epochs=2, seed=1)
    # stopped once is not stopped for ever
    assert (len(first.history["loss"]), len(then.history["loss"])) == (8, 2)
    assert int(model.optimizer.iterations) == 30
    for epochs, seed in ((8, 0), (2, 1)):
        keras_fit(theirs, data, size=8, epochs=epochs, seed=seed, validates=False)
    assert unequal("variable", model.variables, theirs.variables) == []
    assert unequal("variable", model.optimizer.variables, theirs.optimizer.variables) == []


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
    history = fit(model, data.train, batch_size=10, epochs=5, seed=0).history
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_a_batch_loss_is_weighted_by_its_examples() -> None:
    """A partial batch must not count as much as a whole one."""
    data = dataset(Task.REGRESSION, train=9)
    settings = config(train__learning_rate=1e-30, train__optimizer="sgd")
    model = new_model(settings, data, seed=0)
    logs = fit(model, data.train, batch_size=8, epochs=1, seed=0).history
    every = (predict(model, data.train.x) - data.train.y) ** 2
    assert logs["loss"] == pytest.approx([every.mean()], rel=1e-5)
