"""The numbers about the data, against counts by other means."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from recipe.data.profile import (
    conflict_floor,
    conflict_variance,
    duplicate_share,
    far_values,
    feature_table,
    shared_examples,
)

RNG = np.random.default_rng(0)


def whole_numbers(examples: int, features: int = 3, most: int = 4) -> np.ndarray:
    return RNG.integers(0, most, (examples, features)).astype(np.float32)


def test_the_feature_table_is_what_pandas_counts() -> None:
    x = whole_numbers(200)
    x[:5, 0] = np.nan
    x[:3, 1] = np.inf
    x[3, 1] = -np.inf
    frame = pd.DataFrame(x.astype(np.float64), columns=["a", "b", "c"])
    finite = frame.replace([np.inf, -np.inf], np.nan)
    table = feature_table(x, ("a", "b", "c"))
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["missing"].tolist() == frame.isna().sum().tolist() == [5, 0, 0]
    assert table["infinite"].tolist() == [0, 4, 0]
    assert table["distinct"].tolist() == finite.nunique().tolist()
    for name, count in (("min", "min"), ("mean", "mean"), ("max", "max")):
        np.testing.assert_allclose(table[name], finite.agg(count))
    np.testing.assert_allclose(table["std"], finite.std(ddof=0))


def test_the_feature_table_of_images_is_by_pixel() -> None:
    table = feature_table(np.zeros((3, 2, 2, 1), np.float32), ())
    assert table.index.tolist() == ["pixel_0", "pixel_1", "pixel_2", "pixel_3"]
    assert (table["distinct"] == 1).all()


def test_a_feature_without_any_value_has_none_distinct() -> None:
    table = feature_table(np.full((3, 1), np.nan, np.float32), ("a",))
    assert table.loc["a", ["missing", "distinct"]].tolist() == [3, 0]


@pytest.mark.parametrize("examples", [10, 60, 300])
def test_duplicates_are_what_pandas_counts(examples: int) -> None:
    x = whole_numbers(examples)
    assert duplicate_share(x) == pytest.approx(pd.DataFrame(x).duplicated().mean())


PARTS = {"train": np.arange(30), "val": np.arange(30, 45), "test": np.arange(45, 60)}


@pytest.mark.parametrize(
    "noise",
    [pytest.param(0.0, id="equal"), pytest.param(1e-3, id="with a little noise")],
)
def test_copies_of_training_examples_are_found(noise: float) -> None:
    x = np.round(RNG.normal(size=(60, 9)), 2)
    x[PARTS["val"][:6]] = x[:6] + noise * RNG.uniform(-1, 1, (6, 9))
    shares = shared_examples(x, PARTS)
    assert shares == {"val": pytest.approx(6 / 15), "test": 0.0}


def test_neighbours_are_no_copies() -> None:
    assert shared_examples(RNG.normal(size=(60, 9)), PARTS) == {"val": 0.0, "test": 0.0}


def test_with_few_features_copies_cannot_be_told_from_neighbours() -> None:
    assert shared_examples(np.zeros((60, 7)), PARTS) is None


def test_conflicting_targets_leave_the_variance_within_equal_inputs() -> None:
    x = np.array([[0.0], [0.0], [1.0]], np.float32)
    y = np.array([[1.0], [3.0], [7.0]], np.float32)
    assert conflict_variance(x, y) == pytest.approx((1 + 1 + 0) / 3)


def test_the_conflict_floor_is_the_best_that_a_table_of_inputs_can_say() -> None:
    x, y = whole_numbers(100, features=2, most=3), RNG.integers(0, 3, 100)
    frame = pd.DataFrame(x).assign(y=y)
    shares = (
        frame.groupby([0, 1])["y"].value_counts(normalize=True).unstack(fill_value=0)
    )  # each input's own label shares: the best possible prediction for it
    best = shares.loc[list(map(tuple, x))].to_numpy()
    accuracy, loss = conflict_floor(x, y)
    assert accuracy == pytest.approx(accuracy_score(y, best.argmax(axis=1)))
    assert loss == pytest.approx(log_loss(y, best))
    assert accuracy < 1


@pytest.mark.parametrize(
    ("x", "y", "floor"),
    [
        pytest.param([[1], [2], [3]], [0, 1, 0], (1.0, 0.0), id="no duplicates"),
        pytest.param([[1], [1], [2]], [0, 0, 1], (1.0, 0.0), id="duplicates that agree"),
        pytest.param([[1], [1]], [0, 1], (0.5, np.log(2)), id="a coin"),
        pytest.param([[1], [1], [1], [2]], [5, 5, 7, 5], (0.75, 0.75 * 0.6365), id="two of three"),
    ],
)
def test_conflict_floor(x: list[list[int]], y: list[int], floor: tuple[float, float]) -> None:
    got = conflict_floor(np.array(x, np.float32), np.array(y))
    assert got == pytest.approx(floor, abs=1e-4)


def column(*extra: float) -> np.ndarray:
    """1000 values, uniform in 0..1, and some more."""
    return np.r_[np.linspace(0, 1, 1000), extra][:, np.newaxis].astype(np.float32)


@pytest.mark.parametrize(
    ("x", "far"),
    [
        pytest.param(column(), {"a": 0}, id="healthy"),
        pytest.param(column(999, 999), {"a": 2}, id="a code for missing"),
        pytest.param(column(-999), {"a": 1}, id="below too"),
        pytest.param(column(np.nan, np.inf), {"a": 0}, id="not finite is not far"),
        pytest.param(np.ones((10, 1)), {}, id="a constant has no usual range"),
        pytest.param(np.full((10, 1), np.nan), {}, id="nothing but missing values"),
        pytest.param(np.r_[np.zeros(999), 1][:, None], {}, id="a rare event is no outlier"),
        pytest.param(np.ones((10, 2, 2, 1)), {}, id="images have none"),
    ],
)
def test_far_values(x: np.ndarray, far: dict[str, int]) -> None:
    assert far_values(x, ("a",)) == far


def test_how_far_is_far() -> None:
    x = column(10.0, 30.0)
    assert far_values(x, ("a",), limit=20.0) == {"a": 1}
    assert far_values(x, ("a",), limit=5.0) == {"a": 2}
    assert far_values(x, ("a",), limit=50.0) == {"a": 0}
