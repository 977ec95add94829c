"""Drift: shifts that were planted are found, clean random splits are quiet."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from recipe.data.drift import Drift, drift
from tests.data import planted

RNG = np.random.default_rng(0)
PARTS = planted.random_parts(600, seed=0)
CLEAN = pd.DataFrame(
    {
        "a": RNG.normal(size=600),
        "b": RNG.integers(0, 3, 600).astype(float),
        "word": RNG.choice(["x", "y", "z"], 600),
    }
)


def named(found: list[Drift]) -> list[tuple[str, str]]:
    return [(one.column, one.part) for one in found]


@pytest.mark.parametrize(
    "load",
    [load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine],
    ids=lambda load: load.__name__[5:],
)
def test_clean_random_splits_are_quiet(load: Callable[..., pd.DataFrame]) -> None:
    table = load(as_frame=True).data
    for seed in range(10):
        assert drift(table, planted.random_parts(len(table), seed)) == []


def test_a_shift_by_a_standard_deviation_is_found() -> None:
    table = CLEAN.copy()
    table.loc[PARTS["val"], "a"] += 1
    assert named(drift(table, PARTS)) == [("a", "val")]


def test_a_sorted_split_differs_in_the_column_it_is_sorted_by() -> None:
    rows = np.argsort(CLEAN["a"].to_numpy())
    parts = {"train": rows[:420], "val": rows[420:510], "test": rows[510:]}
    assert sorted(named(drift(CLEAN, parts))) == [("a", "test"), ("a", "val")]


def test_a_category_that_only_test_has_is_found() -> None:
    table = CLEAN.copy()
    table.loc[PARTS["test"][:25], "word"] = "new"
    assert named(drift(table, PARTS)) == [("word", "test")]


@pytest.mark.parametrize("column", ["a", "word"])
def test_missing_values_of_one_part_are_a_drift(column: str) -> None:
    table = CLEAN.copy()
    table.loc[PARTS["test"][:45], column] = np.nan
    assert named(drift(table, PARTS)) == [(column, "test")]


def test_the_largest_shift_comes_first() -> None:
    table = CLEAN.copy()
    table.loc[PARTS["test"], "a"] += 1
    table.loc[PARTS["val"], "a"] += 3
    found = drift(table, PARTS)
    assert named(found) == [("a", "val"), ("a", "test")]
    assert found[0].psi > found[1].psi > 0.25
    assert max(one.p for one in found) < 0.001


def test_a_small_shift_of_much_data_is_none() -> None:
    """Its p-value is 1e-30; nobody would care."""
    table = pd.DataFrame({"a": RNG.normal(size=40_000)})
    parts = planted.random_parts(40_000, seed=0)
    table.loc[parts["test"], "a"] += 0.2
    assert drift(table, parts) == []


def test_identifiers_do_not_drift() -> None:
    table = pd.DataFrame({"id": [f"id{i}" for i in range(600)]})
    assert drift(table, PARTS) == []


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(pd.DataFrame({"a": np.ones(600), "b": ["x"] * 600}), id="constants"),
        pytest.param(pd.DataFrame({"a": np.full(600, np.nan), "b": [None] * 600}), id="gaps"),
        pytest.param(pd.DataFrame(index=range(600)), id="no columns"),
        pytest.param(pd.DataFrame({"a": RNG.random(600) < 0.5}), id="truths"),
    ],
)
def test_nothing_to_compare_is_no_drift(table: pd.DataFrame) -> None:
    assert drift(table, PARTS) == []


def test_twenty_examples_are_enough_to_run() -> None:
    assert drift(CLEAN[:20], planted.random_parts(20, seed=0)) == []


def test_many_columns_make_chance_less_surprising() -> None:
    """The same shift, alone and among 400 columns without one."""
    rng = np.random.default_rng(1)
    many = pd.DataFrame(rng.normal(size=(200, 400)))
    parts = planted.random_parts(200, seed=0)
    many.loc[parts["test"], 0] += 1.1
    assert named(drift(many[[0]], parts)) == [("0", "test")]
    assert drift(many, parts) == []
