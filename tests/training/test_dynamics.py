"""Predictions on fixed examples as they move: kept, counted, stretched, and put back."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.checks.learning import check_prediction_jitter
from recipe.config import Task
from recipe.findings import Verdict
from recipe.training import dynamics as module
from recipe.training import fit, new_model, predict
from recipe.training.checkpoint import Saved, of_callbacks, put_back
from recipe.training.dynamics import Dynamics
from recipe.training.fast_path import why_not_fast
from tests.training.tiny import config, dataset

TASKS = pytest.mark.parametrize("task", list(Task), ids=str)
LABELS = np.array([0, 1, 2])


class Script:
    """A net whose outputs are given, one after the other."""

    def __init__(self, outputs: Any) -> None:
        self.outputs = np.asarray(outputs, np.float32)
        self.epoch = 0


@pytest.fixture(autouse=True)
def _scripts_need_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._predict

    def said(model: Any, x: Any) -> Any:
        return model.outputs[model.epoch] if isinstance(model, Script) else real(model, x)

    monkeypatch.setattr(module, "_predict", said)


def run(look: Dynamics, model: Any, epochs: range, known: bool = True) -> Dynamics:
    look.set_params({"epochs": len(model.outputs)} if known else {})
    look.set_model(model)
    for model.epoch in epochs:
        look.on_epoch_end(model.epoch)
    return look


def follow(
    outputs: Any, y: Any = LABELS, task: Task = Task.MULTICLASS, **settings: Any
) -> Dynamics:
    model: Any = Script(outputs)
    look = Dynamics(np.zeros((len(y), 1)), y, task, **settings)
    look.on_train_begin()
    return run(look, model, range(len(model.outputs)))


@TASKS
def test_it_keeps_what_the_net_says_after_each_epoch(task: Task) -> None:
    data = dataset(task)
    model = new_model(config(), data, seed=0)
    look = Dynamics(data.val.x, data.val.y, task)
    assert why_not_fast(model, [look]) is None
    kept: list[np.ndarray] = []
    beside = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(predict(look.model, data.val.x))
    )
    fit(model, data.train, batch_size=8, epochs=3, seed=0, callbacks=[look, beside])
    np.testing.assert_allclose(look.outputs, kept, rtol=1e-5, atol=1e-6)
    assert look.epochs == [1, 2, 3]
    assert look.p_true.shape == (3, len(data.val))
    if task is Task.REGRESSION:
        assert look.flips is look.argmax is None
        return
    if task is Task.MULTILABEL:
        right = np.where(data.val.y == 1, look.p, 1 - look.p)
        np.testing.assert_allclose(look.p_true, right.mean(axis=2))
    else:
        np.testing.assert_allclose(look.p.sum(axis=2), 1)
        rows = np.arange(len(data.val))
        np.testing.assert_allclose(look.p_true, look.p[:, rows, data.val.y])
    assert look.argmax is not None
    assert look.argmax.shape == (3, len(data.val))


def test_with_several_labels_a_flip_is_of_any_of_them() -> None:
    said = np.array([[[-1, -1], [1, 1]], [[-1, 1], [1, 1]], [[-1, 2], [1, -1]], [[1, -1], [1, -1]]])
    look = follow(said, np.array([[0, 1], [1, 1]]), Task.MULTILABEL)
    assert look.flipped is not None
    assert look.flipped.tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [pytest.param(0.003, Verdict.PASS, id="sound"), pytest.param(1.0, Verdict.WARN, id="too high")],
)
def test_a_learning_rate_shows(rate: float, verdict: Verdict) -> None:
    data = dataset(train=120, val=64)
    model = new_model(config(model__widths=(16,), train__learning_rate=rate), data, seed=0)
    look = Dynamics(data.val.x, data.val.y, data.task)
    fit(model, data.train, batch_size=8, epochs=24, seed=0, callbacks=[look])
    finding = check_prediction_jitter(look.flips, look.jitter, len(look.epochs))
    assert finding.verdict is verdict


def test_a_net_at_rest() -> None:
    look = follow(np.tile(np.eye(3) * 5, (8, 1, 1)))
    assert (look.jitter, look.flips) == (0, 0)


def test_a_net_that_says_something_else_each_time() -> None:
    sure = np.eye(3) * 20
    look = follow([sure if epoch % 2 else np.roll(sure, 1, axis=1) for epoch in range(8)])
    assert look.jitter == pytest.approx(1, abs=1e-6)
    assert look.flips == 1
    assert look.flipped is not None
    assert not look.flipped[0].any()
    assert look.flipped[1:].all()


def test_only_the_last_quarter_counts() -> None:
    wild = [np.eye(3) * 20 if epoch % 2 else -np.eye(3) * 20 for epoch in range(6)]
    look = follow([*wild, wild[-1], wild[-1]])
    assert (look.jitter, look.flips) == (0, 0)
    assert follow(wild).flips == 1


def test_one_example_of_four_flips() -> None:
    calm = np.array([[5.0], [5], [-5], [-5]])
    other = calm * [[1], [1], [1], [-1]]
    look = follow([calm, other] * 4, y=np.array([1, 1, 0, 0]), task=Task.BINARY)
    p = 1 / (1 + np.exp(-5.0))
    assert look.flips == 0.25
    assert look.jitter == pytest.approx((2 * p - 1) / 4)


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.BINARY], ids=str)
def test_a_net_may_put_out_probabilities(task: Task) -> None:
    width = 3 if task is Task.MULTICLASS else 1
    outputs = np.full((8, 3, width), 0.3)
    y = np.array([0, 1, 1])
    look = follow(outputs, y, task, from_logits=False)
    expected = [0.3, 0.3, 0.3] if width == 3 else [0.7, 0.3, 0.3]
    np.testing.assert_allclose(look.p_true[0], expected, rtol=1e-6)


def test_of_a_regression_the_prediction_moves() -> None:
    look = follow(np.arange(8.0).reshape(8, 1, 1) / 2, y=np.zeros((1, 1)), task=Task.REGRESSION)
    assert look.jitter == 0.5
    assert look.flips is None
    assert look.flipped is None


def test_without_two_looks_nothing_is_known() -> None:
    look = follow(np.ones((1, 3, 3)))
    assert np.isnan([look.jitter, look.flips]).all()
    none = Dynamics(np.zeros((3, 1)), LABELS, Task.MULTICLASS)
    assert none.p_true.shape == (0, 3)
    assert np.isnan(none.jitter)


def test_a_net_of_nan_has_no_class() -> None:
    outputs = np.tile(np.eye(3), (8, 1, 1))
    outputs[-1] = np.nan
    look = follow(outputs)
    assert np.isnan(look.flips)
    assert np.isnan(look.jitter)


@pytest.mark.parametrize("known", [True, False], ids=["epochs known", "epochs unknown"])
def test_a_long_training_is_looked_at_more_rarely(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 8)
    model: Any = Script(np.arange(40.0).reshape(40, 1, 1))
    look = Dynamics(np.zeros((1, 1)), np.zeros((1, 1)), Task.REGRESSION)
    run(look, model, range(40), known)
    assert look.epochs == [1, 9, 17, 25, 33]  # every second one was dropped, three times
    assert look.p_true[:, 0].tolist() == [epoch - 1 for epoch in look.epochs]
    assert look.kept is not None
    assert len(look.kept) == 8


def test_every_so_many_epochs() -> None:
    look = follow(np.arange(10.0).reshape(10, 1, 1), np.zeros((1, 1)), Task.REGRESSION, every=3)
    assert look.epochs == [1, 4, 7, 10]


def test_it_goes_on_after_a_kill_where_it_was() -> None:
    outputs = np.random.default_rng(0).normal(size=(12, 3, 3))
    whole = follow(outputs)
    model: Any = Script(outputs)
    killed = run(Dynamics(np.zeros((3, 1)), LABELS, Task.MULTICLASS), model, range(7))
    records, arrays = of_callbacks([killed])
    again = Dynamics(np.zeros((3, 1)), LABELS, Task.MULTICLASS)
    again.on_train_begin()
    # arrays come back from a file read-only
    arrays = {
        name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in arrays.items()
    }
    put_back([again], Saved(arrays, {"callbacks": records}))
    run(again, model, range(7, 12))
    np.testing.assert_array_equal(again.outputs, whole.outputs)
    assert (again.epochs, again.jitter, again.flips) == (whole.epochs, whole.jitter, whole.flips)


def test_a_second_training_begins_anew() -> None:
    look = follow(np.ones((4, 3, 3)))
    look.on_train_begin()
    assert look.epochs == []
    assert look.outputs.shape[0] == 0
