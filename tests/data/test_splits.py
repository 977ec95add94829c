"""Who is in train, val and test."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import RequestError, SplitConfig
from recipe.data.equal import content_keys, equal_groups
from recipe.data.splits import as_table, split


def some(examples: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(examples, 3)).astype(np.float32)


def divide(x: np.ndarray, labels: Any = None, **settings: Any) -> dict[str, np.ndarray]:
    y = None if labels is None else np.asarray(labels)
    return split(content_keys(x), y, SplitConfig(**settings))


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


def members(x: np.ndarray, parts: dict[str, np.ndarray]) -> dict[str, set[float]]:
    """The examples of each part by their first number, whatever their row."""
    return {name: set(x[ids, 0].tolist()) for name, ids in parts.items()}


@pytest.mark.parametrize("classes", [1, 3])
def test_read_in_another_order_examples_keep_their_part(classes: int) -> None:
    x, order = some(200), np.random.default_rng(0).permutation(200)
    labels = (x[:, 1] > 0).astype(int) * (classes - 1)
    assert members(x, divide(x, labels)) == members(x[order], divide(x[order], labels[order]))


def test_a_few_more_examples_move_hardly_any() -> None:
    x = some(1010)
    before, after = members(x, divide(x[:1000])), members(x, divide(x))
    moved = sum(len(before[name] - after[name]) for name in before)
    assert 0 < moved <= 20  # those at the borders between the parts


def test_kept_parts_stay_as_they_were_and_new_examples_are_divided(tmp_path: Path) -> None:
    x, stored = some(1100), tmp_path / "splits.csv"
    old = divide(x[:1000])
    as_table(old, content_keys(x[:1000]), np.arange(1000).astype(str)).to_csv(stored, index=False)
    new = members(x, divide(x, keep=str(stored)))
    for name, known in members(x, old).items():
        assert known < new[name]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "no such file", id="no file"),
        pytest.param("a,b\n1,2\n", "must be a splits.csv of a data stage", id="other columns"),
        pytest.param("example,key,part\n1,xyz,val\n", "must be a splits.csv", id="no key"),
        pytest.param("example,key,part\n1,0f,dev\n", "part must be one of train, val, test",
                     id="another part"),
        pytest.param("", "must be a splits.csv", id="empty"),
        pytest.param("example,key,part\n1,0f,val\n", "none of its 1 examples is in the data",
                     id="of other examples"),
    ],
)  # fmt: skip
def test_a_file_of_kept_parts_that_is_none(
    tmp_path: Path, content: str | None, problem: str
) -> None:
    path = tmp_path / "splits.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RequestError, match=r"^data\.split\.keep: ") as caught:
        divide(some(50), keep=str(path))
    assert problem in str(caught.value)


def test_a_group_is_in_one_part_and_parts_have_about_their_size() -> None:
    x, group = some(3000), pd.Series(np.arange(3000) % 60, name="person")
    config = SplitConfig(by="group", column="person")
    parts = split(content_keys(x), np.arange(3000) % 2, config, column=group)
    persons = {name: set(group[ids]) for name, ids in parts.items()}
    assert sum(map(len, persons.values())) == 60
    assert [len(parts[name]) for name in ("val", "test")] == pytest.approx([600, 600], abs=100)


def test_the_latest_are_the_test_set_and_what_happened_at_once_stays_together() -> None:
    x, day = some(100), pd.Series(np.random.default_rng(0).integers(0, 20, 100), name="day")
    parts = split(content_keys(x), None, SplitConfig(by="time", column="day"), column=day)
    assert day[parts["train"]].max() < day[parts["val"]].min()
    assert day[parts["val"]].max() < day[parts["test"]].min()
    assert 10 <= len(parts["test"]) <= 30


@pytest.mark.parametrize("by", ["group", "time"])
def test_an_example_without_group_or_time_is_refused(by: str) -> None:
    column = pd.Series([1.0, np.nan] * 20, name="when")
    with pytest.raises(RequestError, match=f"when: 20 examples have no {by}"):
        split(content_keys(some(40)), None, SplitConfig(by=by, column="when"), column=column)


def test_folds_are_disjoint_cover_all_but_test_and_keep_the_classes() -> None:
    x, labels = some(500), np.arange(500) % 5
    folds = [divide(x, labels, folds=4, fold=fold) for fold in range(4)]
    vals = np.concatenate([fold["val"] for fold in folds])
    assert len(vals) == len(np.unique(vals)) == 400
    for fold in folds:
        assert fold["test"].tolist() == folds[0]["test"].tolist()
        assert np.bincount(labels[fold["val"]]).tolist() == [20] * 5


GIVEN = {
    "train and test": (["train", "test"], [80, 20]),
    "all three": (["train", "val", "test"], [60, 15, 25]),
    "train alone": (["train"], [100]),
}


@pytest.mark.parametrize("which", GIVEN)
def test_parts_that_the_source_gives_are_kept_and_the_missing_ones_drawn(which: str) -> None:
    x, given = some(100), np.repeat(*GIVEN[which])
    parts = split(content_keys(x), None, SplitConfig(), given=given)
    for name in set(given) - {"train"}:
        assert parts[name].tolist() == np.flatnonzero(given == name).tolist()
    free = (given == "train").sum()
    for name in {"val", "test"} - set(given):
        assert len(parts[name]) == pytest.approx(0.2 * free, abs=4)
    assert np.sort(np.concatenate([*parts.values()])).tolist() == list(range(100))


def test_parts_that_the_source_gives_can_be_mixed_again() -> None:
    x, given = some(100), np.repeat(["train", "test"], [80, 20])
    parts = split(content_keys(x), None, SplitConfig(by="random"), given=given)
    assert parts["test"].min() < 80


def test_a_source_without_parts_cannot_be_divided_by_them() -> None:
    with pytest.raises(RequestError, match=r"data\.split\.by: files needs a source with a train"):
        divide(some(50), by="files")


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
