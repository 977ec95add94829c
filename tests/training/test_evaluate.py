"""Losses and scores from logits, against scikit-learn."""

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics

from recipe.config import Task
from recipe.data import Split
from recipe.training import evaluate, losses, new_model, predict, probabilities, scores
from tests.training.tiny import config, dataset

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (200, 3)).astype(np.float32)
LABELS = RNG.integers(0, 3, 200).astype(np.int32)
ONE = LOGITS[:, :1]
BITS = LABELS % 2
SEVERAL = RNG.integers(0, 2, (200, 3)).astype(np.float32)


def test_multiclass() -> None:
    data = dataset(Task.MULTICLASS)
    p = softmax(LOGITS.astype(np.float64), axis=1)
    np.testing.assert_allclose(probabilities(LOGITS, Task.MULTICLASS), p)
    got = scores(LOGITS, LABELS, data)
    assert got.keys() == {"loss", "accuracy"}
    assert got["loss"] == pytest.approx(metrics.log_loss(LABELS, p))
    assert got["accuracy"] == metrics.accuracy_score(LABELS, p.argmax(axis=1))


def test_binary() -> None:
    data = dataset(Task.BINARY)
    p = expit(ONE[:, 0].astype(np.float64))
    np.testing.assert_allclose(probabilities(ONE, Task.BINARY), np.c_[1 - p, p])
    got = scores(ONE, BITS, data)
    assert got.keys() == {"loss", "accuracy"}
    assert got["loss"] == pytest.approx(metrics.log_loss(BITS, p))
    assert got["accuracy"] == metrics.accuracy_score(BITS, p > 0.5)


def test_multilabel() -> None:
    data = dataset(Task.MULTILABEL)
    p = expit(LOGITS.astype(np.float64))
    np.testing.assert_allclose(probabilities(LOGITS, Task.MULTILABEL), p)
    got = scores(LOGITS, SEVERAL, data)
    assert got.keys() == {"loss", "accuracy"}
    each = [metrics.log_loss(SEVERAL[:, k], p[:, k]) for k in range(3)]
    assert got["loss"] == pytest.approx(np.mean(each))
    assert got["accuracy"] == 1 - metrics.hamming_loss(SEVERAL, p > 0.5)


@pytest.mark.parametrize("targets", [1, 2])
def test_regression_in_the_original_unit(targets: int) -> None:
    data = dataset(Task.REGRESSION, targets=targets)
    assert data.target_scaling is not None
    y = data.train.y
    guess = (y + RNG.normal(0, 0.5, y.shape)).astype(np.float32)
    got = scores(guess, y, data)
    assert got.keys() == {"loss", "r2", "mae", "rmse"}
    assert got["loss"] == pytest.approx(metrics.mean_squared_error(y, guess))
    assert got["r2"] == pytest.approx(metrics.r2_score(y, guess))
    error = (guess - y) * data.target_scaling.std  # tens, not ones
    assert got["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert got["rmse"] == pytest.approx(np.sqrt((error**2).mean(axis=0)).mean(), rel=1e-5)
    assert got["mae"] > 5


@pytest.mark.parametrize(
    ("task", "logits", "y"),
    [(Task.MULTICLASS, LOGITS, LABELS), (Task.BINARY, ONE, BITS),
     (Task.MULTILABEL, LOGITS, SEVERAL), (Task.REGRESSION, LOGITS, LOGITS[::-1])],
    ids=str,
)  # fmt: skip
def test_each_examples_loss_is_keras_own(task: Task, logits: np.ndarray, y: np.ndarray) -> None:
    keras_loss = {
        Task.MULTICLASS: keras.losses.SparseCategoricalCrossentropy(True, reduction=None),
        Task.BINARY: keras.losses.BinaryCrossentropy(True, reduction=None),
        Task.MULTILABEL: keras.losses.BinaryCrossentropy(True, reduction=None),
        Task.REGRESSION: keras.losses.MeanSquaredError(reduction=None),
    }[task]
    truth = y[:, np.newaxis] if task is Task.BINARY else y
    got = losses(logits, y, task)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, keras_loss(truth, logits).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("mean_absolute_error", keras.losses.MeanAbsoluteError), ("huber", keras.losses.Huber)],
)
def test_the_loss_of_a_quantity_is_the_one_that_is_trained(name: str, kind: Any) -> None:
    data = dataset(Task.REGRESSION, targets=2)
    model = new_model(config(train__loss=name), data, 0)
    assert type(model.loss) is kind
    each = losses(predict(model, data.val.x), data.val.y, data.task, name)
    expected = kind(reduction=None)(data.val.y, model(data.val.x))
    np.testing.assert_allclose(each, expected, rtol=1e-4)
    got = evaluate(model, data.val, data, name)
    plain = evaluate(model, data.val, data)
    assert got["loss"] == pytest.approx(float(model.evaluate(data.val.x, data.val.y, verbose=0)[0]))
    assert {key for key in got if got[key] != plain[key]} == {"loss"}


@pytest.mark.parametrize(
    ("task", "logits", "y", "loss"),
    [
        pytest.param(Task.MULTICLASS, [[1000.0, 0, 0]], 1, 1000, id="sure and wrong, softmax"),
        pytest.param(Task.MULTICLASS, [[1000.0, 0, 0]], 0, 0, id="sure and right, softmax"),
        pytest.param(Task.BINARY, [[1000.0]], 0, 1000, id="sure and wrong, sigmoid"),
        pytest.param(Task.BINARY, [[-1000.0]], 1, 1000, id="sure and wrong the other way"),
        pytest.param(Task.BINARY, [[1000.0]], 1, 0, id="sure and right, sigmoid"),
    ],
)
def test_a_large_logit_does_not_overflow(task: Task, logits: Any, y: int, loss: float) -> None:
    got = losses(np.array(logits, np.float32), np.array([y]), task)
    assert got == pytest.approx([loss])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("where", [np.s_[:], np.s_[7:8]], ids=["all", "one"])
@pytest.mark.parametrize("task", list(Task), ids=str)
def test_a_net_that_diverged_has_no_score(task: Task, where: Any, bad: float) -> None:
    """Nor the accuracy of the class that argmax makes of NaN."""
    data = dataset(task)
    logits = np.zeros((22, max(len(data.prior), 1)), np.float32)
    assert np.isfinite(list(scores(logits, data.train.y, data).values())).all()
    logits[where] = bad
    assert np.isnan(list(scores(logits, data.train.y, data).values())).all()


def test_predict_is_the_model_in_inference_mode_on_every_example() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.BatchNormalization(),
         keras.layers.Dense(2)]
    )  # fmt: skip
    x = RNG.normal(size=(2500, 3)).astype(np.float32)  # blocks of 1,024
    got = predict(model, x)
    assert got.shape == (2500, 2)
    np.testing.assert_allclose(got, model(x, training=False).numpy(), rtol=1e-5, atol=1e-6)
    data = dataset(Task.BINARY)
    rows = np.arange(2500)
    split = Split(x, (x[:, 0] > 0).astype(np.int32), rows, rows)
    logits = got[:, :1]
    single = keras.Model(model.inputs[0], model.outputs[0][:, :1])
    assert evaluate(single, split, data) == pytest.approx(scores(logits, split.y, data), rel=1e-5)
