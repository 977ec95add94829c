"""The dumb models to beat."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from recipe.config import Task
from recipe.data.cheap import fitted_forest
from recipe.training import dumb_logits, probabilities, scores
from tests.training.tiny import dataset

PRESENT = [0, 2] * 11


@pytest.mark.parametrize("task", list(Task), ids=str)
def test_the_ignorant_model_says_the_prior_whatever_it_sees(task: Task) -> None:
    data = dataset(task)
    name = "mean" if task is Task.REGRESSION else "majority"
    said = dumb_logits(data, data.val.x)
    assert list(said) == [name, "linear", "trees"]
    assert said[name].shape == (len(data.val), len(data.prior))
    assert (said[name] == said[name][0]).all()
    if task is Task.REGRESSION:
        np.testing.assert_allclose(said[name][0], data.train.y.mean(axis=0), atol=1e-6)
    else:
        several = task is Task.MULTILABEL
        shares = data.train.y.mean(axis=0) if several else np.bincount(data.train.y) / 22
        np.testing.assert_allclose(probabilities(said[name], task)[0], shares, rtol=1e-6)


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.BINARY], ids=str)
def test_the_linear_model_of_classes_is_logistic_regression(task: Task) -> None:
    data = dataset(task, train=60)
    model = LogisticRegression(max_iter=1000).fit(data.train.x, data.train.y)
    logits = dumb_logits(data, data.val.x)["linear"]
    expected = model.predict_proba(data.val.x)
    np.testing.assert_allclose(probabilities(logits, task), expected, rtol=1e-5)
    assert scores(logits, data.val.y, data)["accuracy"] > 0.8


def test_the_linear_model_of_several_labels_is_a_logistic_regression_of_each() -> None:
    data = dataset(Task.MULTILABEL, train=60)
    labels = data.train.y.copy()
    labels[:, 2] = 1  # all have it
    data = replace(data, train=replace(data.train, y=labels))
    p = probabilities(dumb_logits(data, data.val.x)["linear"], data.task)
    for label in (0, 1):
        model = LogisticRegression(max_iter=1000).fit(data.train.x, data.train.y[:, label])
        np.testing.assert_allclose(p[:, label], model.predict_proba(data.val.x)[:, 1], rtol=1e-5)
    assert (p[:, 2] > 0.999).all()


@pytest.mark.parametrize("targets", [1, 2])
def test_the_linear_model_of_quantities_is_ridge_regression(targets: int) -> None:
    data = dataset(Task.REGRESSION, train=60, targets=targets)
    answers = dumb_logits(data, data.val.x)["linear"]
    assert answers.shape == (12, targets)
    expected = Ridge().fit(data.train.x, data.train.y).predict(data.val.x).reshape(12, -1)
    np.testing.assert_allclose(answers, expected)
    assert scores(answers, data.val.y, data)["r2"] > 0.95


@pytest.mark.parametrize("task", list(Task), ids=str)
def test_the_trees_are_those_that_judge_the_data(task: Task) -> None:
    targets = 2 if task is Task.REGRESSION else 1
    data = dataset(task, train=150, val=60, targets=targets)
    logits = dumb_logits(data, data.val.x)["trees"]
    assert logits.shape == (60, len(data.prior))
    score = scores(logits, data.val.y, data)
    assert score.get("accuracy", score.get("r2", 0.0)) > 0.75
    if task is Task.MULTICLASS:
        forest = fitted_forest(data.train.x, data.train.y, False, seed=0)
        expected = (100 * forest.predict_proba(data.val.x) + data.prior) / 101
        np.testing.assert_allclose(probabilities(logits, task), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "name", "said"),
    [("mean_squared_error", "mean", 2.7), ("mean_absolute_error", "median", 0.4),
     ("huber", "constant", 0.6)],
)  # fmt: skip
def test_the_dumbest_model_of_quantities_says_what_the_loss_likes_best(
    loss: str, name: str, said: float
) -> None:
    data = dataset(Task.REGRESSION, train=4, y=[0.0, 0.4, 0.4, 10.0])
    np.testing.assert_allclose(dumb_logits(data, data.val.x, loss)[name], said, rtol=1e-6)


def test_images_are_flattened() -> None:
    data = dataset(shape=(2, 2, 1))
    for logits in dumb_logits(data, data.val.x).values():
        assert logits.shape == (12, 3)


@pytest.mark.parametrize(
    ("task", "classes", "labels", "absent"),
    [
        pytest.param(Task.MULTICLASS, 3, PRESENT, [1], id="two of three classes"),
        pytest.param(Task.MULTICLASS, 4, [0, 2, 3] * 7 + [0], [1], id="three of four"),
        pytest.param(Task.MULTICLASS, 3, [1] * 22, [0, 2], id="one of three"),
        pytest.param(Task.BINARY, 2, [0] * 22, [1], id="one of two"),
        pytest.param(Task.BINARY, 2, [1] * 22, [0], id="the other of two"),
    ],
)
def test_a_class_that_train_lacks_is_never_predicted(
    task: Task, classes: int, labels: list[int], absent: list[int]
) -> None:
    data = dataset(task, classes=classes, y=np.array(labels))
    for name, logits in dumb_logits(data, data.val.x).items():
        assert logits.shape == (len(data.val), len(data.prior)), name
        assert np.isfinite(logits).all(), name
        p = probabilities(logits, task)
        assert not np.isin(p.argmax(axis=1), absent).any(), name
        assert (p[:, absent] < 0.05).all(), name


@pytest.mark.parametrize("task", list(Task), ids=str)
def test_unscaled_inputs_are_no_reason_to_warn(task: Task) -> None:
    """A fit that has not converged is a baseline all the same."""
    data = dataset(task, train=200)
    units: Any = np.array([1, 1e4, 1e-3], np.float32)
    wild = replace(data, train=replace(data.train, x=data.train.x * units))
    for logits in dumb_logits(wild, data.val.x * units).values():
        assert np.isfinite(logits).all()
