"""Permutation importance: of columns that matter, that don't, and that stand in for each other."""

from dataclasses import replace

import numpy as np
import pytest

from recipe.config import Task
from recipe.data import Dataset, Split
from recipe.data.features import ImageFeatures, learn_scaling
from recipe.training.importance import importance
from tests.training.tiny import dataset


def table(columns: dict[str, int], x: np.ndarray, y: np.ndarray) -> Dataset:
    """A regression on a table; name of a column -> how many features it has."""
    some = dataset(Task.REGRESSION)
    origin = tuple(name for name, count in columns.items() for _ in range(count))
    scaling = learn_scaling(x, "none")
    val = Split(x.astype(np.float32), y.astype(np.float32), np.arange(len(x)), np.arange(len(x)))
    features = ImageFeatures(scaling, (len(origin),), names=origin, origin=origin)
    return replace(some, val=val, features=features)


RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 4))


def test_a_column_costs_what_it_explains_and_noise_nothing() -> None:
    y = 2 * X[:, :1] + X[:, 1:2]
    data = table({"strong": 1, "weak": 1, "unused": 1, "nothing": 1}, X, y)
    found = importance(lambda x: 2 * x[:, :1] + x[:, 1:2], data)
    # of a shuffled column the squared error is 2 Var = 2 weight^2
    assert found.rise == pytest.approx([8, 2, 0, 0], rel=0.2, abs=1e-9)
    assert found.useless == ("unused", "nothing")
    assert found.rise_together == pytest.approx(0, abs=1e-9)


def test_of_two_columns_that_say_the_same_one_stays() -> None:
    """Each alone costs less than noise; both at once cost all."""
    noise = RNG.normal(0, 0.01, (300, 1))
    x = np.concatenate([X[:, :1], X[:, :1] + noise, X[:, 1:2]], axis=1)

    def answer(x: np.ndarray) -> np.ndarray:
        """What either says is believed if the other is far from it."""
        apart = np.abs(x[:, :1] - x[:, 1:2]) > 0.1
        return np.where(apart & (np.abs(x[:, :1]) > np.abs(x[:, 1:2])), x[:, 1:2], x[:, :1])

    data = table({"one": 1, "other": 1, "noise": 1}, x, X[:, :1] + RNG.normal(0, 3, (300, 1)))
    found = importance(answer, data)
    assert "noise" in found.useless
    assert len({"one", "other"} & set(found.useless)) <= 1


def test_all_features_of_a_column_are_shuffled_together() -> None:
    """One-hot indicators: shuffled apart they would say what no example says."""
    hot = np.eye(3)[RNG.integers(0, 3, 300)]
    seen: list[np.ndarray] = []

    def answer(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return x @ np.array([[1.0], [2], [4]])

    data = table({"category": 3}, hot, hot @ np.array([[1.0], [2], [4]]))
    found = importance(answer, data)
    assert found.columns == ("category",)
    assert found.useless == ()  # one column must stay, useless or not
    assert all((x.sum(axis=1) == 1).all() for x in seen)
