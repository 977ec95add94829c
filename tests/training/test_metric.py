"""The number that decides, and which way it goes."""

import pytest

from recipe.config import RequestError, Task
from recipe.training import deciding_metric, gain
from tests.training.tiny import config


@pytest.mark.parametrize(
    ("asked", "task", "name"),
    [
        ("auto", Task.MULTICLASS, "accuracy"),
        ("auto", Task.BINARY, "accuracy"),
        ("auto", Task.REGRESSION, "r2"),
        ("loss", Task.BINARY, "loss"),
        ("loss", Task.REGRESSION, "loss"),
        ("accuracy", Task.BINARY, "accuracy"),
        ("r2", Task.REGRESSION, "r2"),
    ],
)
def test_the_deciding_metric(asked: str, task: Task, name: str) -> None:
    assert deciding_metric(config(train__metric=asked), task) == name


@pytest.mark.parametrize(
    ("asked", "task", "problem"),
    [
        ("r2", Task.MULTICLASS,
         "r2 can't be measured for multiclass; write auto, accuracy or loss"),
        ("accuracy", Task.REGRESSION,
         "accuracy can't be measured for regression; write auto, r2 or loss"),
    ],
)  # fmt: skip
def test_a_metric_of_another_task_is_refused(asked: str, task: Task, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        deciding_metric(config(train__metric=asked), task)
    assert str(caught.value) == f"train.metric: {problem}"


@pytest.mark.parametrize(
    ("name", "new", "old", "sign"),
    [
        ("accuracy", 0.9, 0.8, 1), ("accuracy", 0.8, 0.9, -1), ("r2", 0.5, -0.5, 1),
        ("loss", 0.2, 0.3, 1), ("loss", 0.3, 0.2, -1), ("loss", 0.2, 0.2, 0),
    ],
)  # fmt: skip
def test_gain_is_positive_where_it_is_better(name: str, new: float, old: float, sign: int) -> None:
    assert gain(name, new, old) == pytest.approx(sign * abs(new - old))
