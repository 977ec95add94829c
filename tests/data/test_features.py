"""Scaling: learnt on train, applied to all, undone, and the same as layers."""

import keras
import numpy as np
import pytest

from recipe.config import DataConfig, RequestError
from recipe.data import features as module
from recipe.data.features import ImageFeatures, Scaling, learn_features, learn_scaling
from recipe.data.stored import Stored

RNG = np.random.default_rng(0)
TABLE = RNG.normal([5, -2000, 1e-3], [2, 300, 1e-6], (500, 3)).astype(np.float32)
IMAGES = RNG.uniform(0, 255, (20, 4, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("values", [TABLE, IMAGES], ids=["by feature", "by channel"])
@pytest.mark.parametrize("kind", ["auto", "standardize"])
def test_scaled_values_have_mean_0_and_std_1(values: np.ndarray, kind: str) -> None:
    scaling = learn_scaling(values, kind)
    scaled = scaling.apply(values)
    columns = scaled.reshape(-1, values.shape[-1]).astype(np.float64)
    assert scaling.mean.shape == scaling.std.shape == values.shape[-1:]
    assert scaled.dtype == np.float32
    assert scaled.shape == values.shape
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), 1, rtol=1e-6)


def test_none_leaves_values_as_they_are() -> None:
    np.testing.assert_array_equal(learn_scaling(TABLE, "none").apply(TABLE), TABLE)


@pytest.mark.parametrize("values", [TABLE, IMAGES], ids=["a table", "images"])
@pytest.mark.parametrize("kind", ["none", "standardize"])
def test_undo_inverts(values: np.ndarray, kind: str) -> None:
    scaling = learn_scaling(values, kind)
    back = scaling.undo(scaling.apply(values))
    assert (np.abs(back - values) <= 1e-6 * (np.abs(values) + scaling.std)).all()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.0, id="zero"),
        pytest.param(0.1, id="no power of two"),
        pytest.param(-1234.567, id="negative"),
        pytest.param(1e8, id="large"),
        pytest.param(1e-8, id="small"),
    ],
)
def test_a_constant_column_is_centred_and_not_blown_up(value: float) -> None:
    scaling = learn_scaling(np.full((1437, 1), value, np.float32), "standardize")
    assert scaling.std[0] == 1
    assert abs(scaling.apply(np.full((3, 1), value, np.float32))).max() <= 1e-7 * abs(value)
    step = max(1.0, abs(value))
    other = scaling.apply(np.full((1, 1), value + step, np.float32))  # val may hold another value
    assert other[0, 0] == pytest.approx(step, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "std"),
    [
        pytest.param([1.0, 1.0 + 2**-23] * 50, 1.0, id="one bit of float32 is rounding"),
        pytest.param([1.0, 1.001] * 50, 5e-4, id="a thousandth is a signal"),
        pytest.param([16777216.0, 16777248.0] * 50, 16.0, id="a clock that ticks"),
        pytest.param([1e-9, 2e-9] * 50, 5e-10, id="a small unit"),
        pytest.param([0.0] * 99 + [1.0], np.sqrt(0.01 * 0.99), id="a rare event"),
    ],
)
def test_a_column_that_hardly_changes(values: list[float], std: float) -> None:
    scaling = learn_scaling(np.array(values, np.float32)[:, np.newaxis], "standardize")
    assert scaling.std[0] == pytest.approx(std, rel=1e-3)


def test_missing_and_infinite_values_are_left_out_of_the_statistics() -> None:
    values = TABLE.copy()
    values[0, 0], values[1, 1] = np.nan, np.inf
    scaling = learn_scaling(values, "standardize")
    assert scaling.mean[0] == pytest.approx(TABLE[1:, 0].mean(dtype=np.float64))
    assert scaling.std[1] == pytest.approx(np.delete(TABLE[:, 1], 1).std(dtype=np.float64))


def test_a_column_of_nothing_but_missing_values_scales_by_nothing() -> None:
    scaling = learn_scaling(np.full((9, 1), np.nan, np.float32), "standardize")
    assert (scaling.mean[0], scaling.std[0]) == (0, 1)


def test_a_scaling_of_several_targets_keeps_them_apart() -> None:
    scaling = Scaling(np.array([10.0, -3.0]), np.array([2.0, 0.5]))
    assert scaling.apply(np.array([[12.0, -3.0]])).tolist() == [[1.0, 0.0]]
    assert scaling.undo(np.array([[1.0, 0.0]])).tolist() == [[12.0, -3.0]]


# ---- images -------------------------------------------------------------------------------------


def on_disk(x: np.ndarray, asked: list[int] | None = None) -> Stored:
    def read(rows: np.ndarray) -> np.ndarray:
        if asked is not None:
            asked.append(len(rows))
        return x[rows]

    return Stored(read, np.arange(len(x)), x.shape[1:], x.dtype)


def test_scaling_learnt_block_by_block_from_disk_is_that_of_arrays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = IMAGES.copy()
    images[:9] += 1e4  # the first block is unlike the others
    images[0, 0, 0, 0], images[7:, :, :, 2] = np.inf, np.nan
    monkeypatch.setattr(module, "BLOCK", 7)
    asked: list[int] = []
    learnt = learn_scaling(on_disk(images, asked), "standardize")
    assert max(asked) == 7
    finite = np.where(np.isfinite(images), images, np.nan).astype(np.float64)
    np.testing.assert_allclose(learnt.mean, np.nanmean(finite, axis=(0, 1, 2)))
    np.testing.assert_allclose(learnt.std, np.nanstd(finite, axis=(0, 1, 2)))
    in_memory = learn_scaling(images, "standardize")
    np.testing.assert_array_equal(learnt.mean, in_memory.mean)
    np.testing.assert_array_equal(learnt.std, in_memory.std)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_on_disk_are_scaled_as_they_are_read(
    monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)
    images = IMAGES.astype(dtype)
    features = learn_features(images, None, DataConfig())
    here = features.apply(images)
    asked: list[int] = []
    there = features.apply(on_disk(images, asked))
    assert isinstance(there, Stored)
    assert asked == []
    assert there.shape == here.shape
    assert there.dtype == here.dtype == np.float32
    np.testing.assert_array_equal(there[3:9], here[3:9])
    np.testing.assert_array_equal(here, learn_scaling(images, "standardize").apply(images))


@pytest.mark.parametrize("mean", [100.0, 1e6], ids=["a byte", "far from 0"])
def test_the_layers_of_images_scale_as_before_training(mean: float) -> None:
    images = (IMAGES + np.float32(mean)).astype(np.float32)
    features = learn_features(images, None, DataConfig())
    inputs, output = features.layers()
    given = features.inputs(images)
    assert given.keys() == inputs.keys()
    answers = np.asarray(keras.Model(inputs, output)(given))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, np.asarray(features.apply(images)), rtol=1e-5, atol=1e-6)


def test_images_have_no_columns() -> None:
    features = learn_features(IMAGES, None, DataConfig(scaling="none"))
    assert isinstance(features, ImageFeatures)
    assert features.names == features.origin == ()
    np.testing.assert_array_equal(np.asarray(features.apply(IMAGES)), IMAGES)


def test_images_are_not_scaled_by_quartiles() -> None:
    with pytest.raises(RequestError, match=r"^data\.scaling: robust is for tables"):
        learn_features(IMAGES, None, DataConfig(scaling="robust"))
