"""Who is in train, val and test."""

from typing import Any

import numpy as np
import pytest

from recipe.config import RequestError, SplitConfig
from recipe.data.splits import equal_groups, split


def some(examples: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(examples, 3)).astype(np.float32)


def divide(x: np.ndarray, labels: Any = None, **settings: Any) -> dict[str, np.ndarray]:
    y = None if labels is None else np.asarray(labels)
    return split(x, y, SplitConfig(**settings))


@pytest.mark.parametrize("examples", [30, 31, 57, 1000])
@pytest.mark.parametrize("fractions", [(0.2, 0.2), (0.1, 0.3), (0.33, 0.5)])
@pytest.mark.parametrize("stratified", [True, False])
def test_each_class_is_divided_by_the_fractions_and_every_example_is_in_one_part(
    examples: int, fractions: tuple[float, float], stratified: bool
) -> None:
    labels = np.sort(np.arange(examples) % 3) * stratified
    val, test = fractions
    parts = divide(some(examples), labels if stratified else None, val=val, test=test)
    assert list(parts) == ["train", "val", "test"]
    assert np.sort(np.concatenate([*parts.values()])).tolist() == list(range(examples))
    for label in np.unique(labels):
        members = (labels == label).sum()
        for name, fraction in (("val", val), ("test", test)):
            got = (labels[parts[name]] == label).sum()
            assert abs(got - members * fraction) <= 0.5


def test_row_numbers_are_sorted() -> None:
    for ids in divide(some(100)).values():
        assert (np.diff(ids) > 0).all()


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_part_is_drawn_from_the_whole_file(name: str) -> None:
    x = np.arange(1000, dtype=np.float32)[:, np.newaxis]  # a file in the order of its values
    ids = divide(x)[name]
    in_each_quarter = np.bincount(ids // 250, minlength=4)
    assert in_each_quarter.min() > 25  # 50 are expected, 4 standard deviations are 25


@pytest.mark.parametrize("labels", [None, np.arange(90) % 3], ids=["no classes", "three classes"])
def test_the_seed_decides(labels: np.ndarray | None) -> None:
    first, again, other = (divide(some(90), labels, seed=seed) for seed in (0, 0, 1))
    for name in ("train", "val", "test"):
        assert first[name].tolist() == again[name].tolist()
        assert first[name].tolist() != other[name].tolist()


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(None, id="a quantity"),
        pytest.param(np.tile(np.arange(40) % 2, 3), id="one class each"),
        pytest.param(np.arange(120) % 7, id="with different labels"),
    ],
)
def test_equal_examples_stay_together(labels: np.ndarray | None) -> None:
    parts = divide(np.tile(some(40), (3, 1)), labels)  # each example three times
    members = {name: set(ids % 40) for name, ids in parts.items()}
    assert sum(map(len, members.values())) == 40
    assert all(len(ids) == 3 * len(members[name]) for name, ids in parts.items())


@pytest.mark.parametrize(
    ("x", "groups"),
    [
        pytest.param([[1, 2], [3, 4], [1, 2]], 2, id="a table"),
        pytest.param([[1, 2], [2, 1]], 2, id="the same numbers in another order"),
        pytest.param([[np.nan], [np.nan], [1]], 2, id="missing values are equal"),
        pytest.param([[[1], [2]], [[1], [2]]], 1, id="images"),
        pytest.param([[1.0], [1.0 + 1e-7]], 2, id="almost equal is not equal"),
    ],
)
def test_equal_groups(x: Any, groups: int) -> None:
    numbers = equal_groups(np.asarray(x, np.float32))
    assert sorted(set(numbers)) == list(range(groups))
    assert (numbers[0] == numbers[-1]) == (np.array_equal(x[0], x[-1], equal_nan=True))


def test_a_class_of_one_example_is_trained_on() -> None:
    labels = np.r_[np.zeros(99, int), 1]
    assert 99 in divide(some(100), labels)["train"]


@pytest.mark.parametrize(
    ("x", "labels", "problem"),
    [
        pytest.param(some(2), None, "val is empty: 2 distinct examples", id="two examples"),
        pytest.param(np.ones((50, 3)), None, "val is empty: 1 distinct examples", id="all equal"),
        pytest.param(some(40), np.arange(40), "val is empty: 40 distinct examples",
                     id="every example a class of its own"),
    ],
)  # fmt: skip
def test_an_empty_part_is_refused(x: np.ndarray, labels: Any, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        divide(x, labels)
    said = f"data.split: {problem} can't be divided with val=0.2, test=0.2"
    assert str(caught.value) == said
