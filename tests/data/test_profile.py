"""The numbers about the data, against counts by other means."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from recipe.data import profile
from recipe.data.columns import infer
from recipe.data.equal import equal_groups
from recipe.data.profile import (
    across,
    channel_table,
    column_table,
    conflict_errors,
    conflict_floor,
    duplicate_share,
    far_values,
    image_properties,
)
from recipe.data.stored import Stored

RNG = np.random.default_rng(0)


def whole_numbers(examples: int, columns: int = 3, most: int = 4) -> np.ndarray:
    return RNG.integers(0, most, (examples, columns)).astype(np.float32)


def on_disk(x: np.ndarray) -> Stored:
    return Stored(lambda rows: x[rows], np.arange(len(x)), x.shape[1:], x.dtype)


# ---- tables -------------------------------------------------------------------------------------


def profiled(**columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    return column_table(table, infer(table, {}))


def test_the_columns_are_counted_as_pandas_counts() -> None:
    x = whole_numbers(200)
    x[:5, 0], x[:3, 1], x[3, 1] = np.nan, np.inf, -np.inf
    frame = pd.DataFrame(x.astype(np.float64), columns=["a", "b", "c"])
    finite = frame.replace([np.inf, -np.inf], np.nan)
    table = column_table(frame, infer(frame, {}))
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["missing"].tolist() == finite.isna().sum().tolist() == [5, 4, 0]
    assert table.loc[["a", "c"], "distinct"].tolist() == [4, 4]
    for name in ("min", "median", "mean", "max"):
        np.testing.assert_allclose(table[name], finite.agg(name))
    np.testing.assert_allclose(table["std"], finite.std(ddof=0))
    most = frame["c"].value_counts()
    assert float(table.loc["c", "most_frequent"]) == most.index[0]
    assert table.loc["c", "its_share"] == most.iloc[0] / 200


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["b", "a", "b", None] * 5,
                     {"kind": "category", "missing": 5, "distinct": 2, "most_frequent": "b",
                      "its_share": 0.5}, id="categories"),
        pytest.param(["1970-01-02", "1970-01-04"] * 10,
                     {"kind": "date", "missing": 0, "distinct": 2, "min": 1, "max": 3},
                     id="dates in days"),
        pytest.param([7.0] * 20, {"kind": "drop", "why": "it is 7 everywhere", "distinct": 1,
                                  "its_share": 1.0, "std": 0}, id="a constant"),
        pytest.param([np.nan] * 20, {"kind": "drop", "missing": 20, "distinct": 0,
                                     "most_frequent": ""}, id="nothing"),
        pytest.param([*map(str, range(95)), *"abcde"],
                     {"kind": "numeric", "missing": 5, "max": 94}, id="numbers and some words"),
        pytest.param(["x" * 99] * 9 + ["y"], {"most_frequent": "x" * 40}, id="a long text"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_column(values: list[Any], expected: dict[str, Any]) -> None:
    row = profiled(a=values).loc["a"]
    assert {name: row[name] for name in expected} == expected


# ---- images -------------------------------------------------------------------------------------

IMAGES = RNG.uniform(0, 255, (25, 4, 6, 3)).astype(np.float32)


@pytest.fixture(params=[1024, 7], ids=["at once", "in blocks"])
def _in_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "BLOCK", request.param)


@pytest.mark.usefixtures("_in_blocks")
@pytest.mark.parametrize("given", [np.asarray, on_disk], ids=["in memory", "on disk"])
def test_the_channels_are_counted_as_numpy_counts(given: Any) -> None:
    x = IMAGES.copy()
    x[0, 0, 0, 0], x[8:, :, :, 1], x[3, 1, 1, 2] = np.nan, np.nan, -np.inf
    table = channel_table(given(x))
    assert table.index.tolist() == ["channel_0", "channel_1", "channel_2"]
    assert table["missing"].tolist() == [1, 17 * 24, 0]
    assert table["infinite"].tolist() == [0, 0, 1]
    finite = np.where(np.isfinite(x), x, np.nan).reshape(-1, 3).astype(np.float64)
    for name in ("min", "mean", "max", "std"):
        np.testing.assert_allclose(table[name], getattr(np, f"nan{name}")(finite, axis=0))


def test_a_channel_of_nothing_has_no_range() -> None:
    table = channel_table(np.full((3, 2, 2, 1), np.nan, np.float32))
    assert table.loc["channel_0", "missing"] == 12
    assert table.loc["channel_0", ["min", "mean", "max", "std"]].isna().all()


def properties(image: Any) -> pd.Series:
    return image_properties(np.asarray(image, np.float32)[np.newaxis]).iloc[0]


@pytest.mark.usefixtures("_in_blocks")
def test_properties_of_images_are_what_numpy_says() -> None:
    found = image_properties(on_disk(IMAGES))
    gray = IMAGES.astype(np.float64).mean(axis=3)
    flat = gray.reshape(25, -1)
    np.testing.assert_allclose(found["brightness"], flat.mean(axis=1))
    np.testing.assert_allclose(found["contrast"], flat.std(axis=1))
    np.testing.assert_allclose(found["darkest"], flat.min(axis=1))
    np.testing.assert_allclose(found["brightest"], flat.max(axis=1))
    mirrored = [np.corrcoef(g.ravel(), g[:, ::-1].ravel())[0, 1] for g in gray]
    np.testing.assert_allclose(found["symmetry"], mirrored)
    np.testing.assert_allclose(found["color"], np.abs(IMAGES - gray[..., None]).mean((1, 2, 3)),
                               rtol=1e-5)  # fmt: skip
    assert (found["missing"] == 0).all()
    assert found.index.tolist() == list(range(25))


CHECKERS = np.indices((6, 6)).sum(axis=0)[..., None] % 2
CORNER = np.zeros((5, 5, 1))
CORNER[0, 4] = 1.0
RAMP = np.tile(np.arange(6.0), (6, 1))[..., None]


@pytest.mark.parametrize(
    ("image", "name", "value"),
    [
        pytest.param(CHECKERS, "sharpness", 1, id="every pixel differs from the next"),
        pytest.param(RAMP, "sharpness", 0.5, id="every pixel differs across alone"),
        pytest.param(RAMP, "symmetry", -1, id="the mirror image is the negative"),
        pytest.param(RAMP + 1, "symmetry", -1, id="brighter all over"),
        pytest.param(np.minimum(RAMP, RAMP[:, ::-1]), "symmetry", 1, id="a mirror image of itself"),
        pytest.param(CORNER, "center_x", 1, id="light at the right"),
        pytest.param(CORNER, "center_y", 0, id="light at the top"),
        pytest.param(CORNER, "ink", 1 / 25, id="one pixel of ink"),
        pytest.param(1 - CORNER, "ink", 24 / 25, id="all but one pixel of ink"),
        pytest.param(np.tile(CORNER, 3), "color", 0, id="gray in three channels"),
        pytest.param(CORNER * (1, 1, 1.3), "color", 4 / 30 / 25, id="some blue"),
        pytest.param(np.full((2, 2, 1), np.nan), "missing", 4, id="missing pixels"),
        pytest.param(np.zeros((2, 2, 1)), "symmetry", 0, id="one shade has none"),
        pytest.param(np.ones((1, 1, 1)), "sharpness", 0, id="one pixel"),
    ],
)
def test_a_property_of_an_image(image: Any, name: str, value: float) -> None:
    assert properties(image)[name] == pytest.approx(value, abs=1e-6)
    assert np.isfinite(properties(image)).all()


# ---- copies and conflicts -----------------------------------------------------------------------


@pytest.mark.parametrize("examples", [10, 60, 300])
def test_duplicates_are_what_pandas_counts(examples: int) -> None:
    x = whole_numbers(examples)
    expected = pd.DataFrame(x).duplicated().mean()
    assert duplicate_share(equal_groups(x)) == pytest.approx(expected)
    assert expected > 0 or examples == 10


def test_examples_whose_equal_stands_in_train() -> None:
    keys = np.array([1, 2, 3, 4, 1, 5, 5, 9, 2, 3])
    parts = {"train": np.arange(4), "val": np.arange(4, 7), "test": np.arange(7, 10)}
    assert across(keys, parts) == {"val": pytest.approx(1 / 3), "test": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("constant", "first"),
    [
        pytest.param(lambda y: y.mean(axis=0), [-3, -1, 4, 0], id="mean"),
        pytest.param(lambda y: np.median(y, axis=0), [-2, 0, 5, 0], id="median"),
    ],
)
def test_conflicting_targets_leave_errors_within_equal_inputs(constant: Any, first: Any) -> None:
    y = np.array([[1.0, 0.0], [3.0, 0.0], [8.0, 0.0], [7.0, 5.0]])
    errors = conflict_errors(np.array([4, 4, 4, 9]), y, constant)
    np.testing.assert_array_equal(errors, np.stack([first, np.zeros(4)], axis=1))


def best_guess(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Each input's own label shares, (examples, classes): the best prediction for it."""
    frame = pd.DataFrame(x).assign(y=y)
    shares = frame.groupby([0, 1])["y"].value_counts(normalize=True).unstack(fill_value=0)
    return shares.loc[list(map(tuple, x))].to_numpy()


def test_the_conflict_floor_is_the_best_that_a_table_of_inputs_can_say() -> None:
    x, y = whole_numbers(100, columns=2, most=3), RNG.integers(0, 3, 100)
    best = best_guess(x, y)
    accuracy, loss = conflict_floor(equal_groups(x), y)
    assert accuracy == pytest.approx(accuracy_score(y, best.argmax(axis=1)))
    assert loss == pytest.approx(log_loss(y, best))
    assert accuracy < 1


def test_of_several_labels_the_floor_is_the_mean_over_labels() -> None:
    x, y = whole_numbers(100, columns=2, most=3), RNG.integers(0, 2, (100, 3))
    each = [best_guess(x, label) for label in y.T]
    accuracy, loss = conflict_floor(equal_groups(x), y.astype(np.float32))
    expected = [accuracy_score(y[:, k], best.argmax(axis=1)) for k, best in enumerate(each)]
    assert accuracy == pytest.approx(np.mean(expected))
    assert loss == pytest.approx(np.mean([log_loss(y[:, k], p) for k, p in enumerate(each)]))


@pytest.mark.parametrize(
    ("groups", "y", "floor"),
    [
        pytest.param([1, 2, 3], [0, 1, 0], (1.0, 0.0), id="no duplicates"),
        pytest.param([1, 1, 2], [0, 0, 1], (1.0, 0.0), id="duplicates that agree"),
        pytest.param([1, 1], [0, 1], (0.5, np.log(2)), id="a coin"),
        pytest.param([1, 1, 1, 2], [5, 5, 7, 5], (0.75, 0.75 * 0.6365), id="two of three"),
        pytest.param([1, 1], [[0, 1], [1, 1]], (0.75, np.log(2) / 2), id="one of two labels"),
    ],
)
def test_conflict_floor(groups: list[int], y: Any, floor: tuple[float, float]) -> None:
    assert conflict_floor(np.array(groups), np.array(y)) == pytest.approx(floor, abs=1e-4)


# ---- far values ---------------------------------------------------------------------------------


def far(values: Any, **limit: float) -> dict[str, int]:
    table = pd.DataFrame({"a": values})
    return far_values(table, infer(table, {}), **limit).to_dict()


def column(*extra: Any) -> list[Any]:
    """1000 values, uniform in 0..1, and some more."""
    return [*np.linspace(0, 1, 1000), *extra]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(column(), {"a": 0}, id="healthy"),
        pytest.param(column(999, 999), {"a": 2}, id="a code for missing"),
        pytest.param(column(-999), {"a": 1}, id="below too"),
        pytest.param(column(np.nan, np.inf), {"a": 0}, id="not finite is not far"),
        pytest.param(column("999", "none"), {"a": 1}, id="numbers as text"),
        pytest.param(np.ones(10), {}, id="a constant has no usual range"),
        pytest.param(np.full(10, np.nan), {}, id="nothing but missing values"),
        pytest.param([0.0] * 999 + [1.0], {}, id="a rare event is no outlier"),
        pytest.param(["b", "a"] * 9, {}, id="a category has none"),
        pytest.param(["2020-01-02", "2020-01-03"] * 99 + ["2200-01-01"], {},
                     id="nor has a date"),
    ],
)  # fmt: skip
def test_far_values(values: Any, found: dict[str, int]) -> None:
    assert far(values) == found


def test_how_far_is_far() -> None:
    values = column(10.0, 30.0)
    assert far(values, limit=20.0) == {"a": 1}
    assert far(values, limit=5.0) == {"a": 2}
    assert far(values, limit=50.0) == {"a": 0}
