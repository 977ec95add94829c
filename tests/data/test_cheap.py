"""Cheap models: flipped labels and planted leaks are found, sound data is left alone."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from recipe.data.cheap import compress, label_quality
from recipe.data.leaks import leaks, row_order
from recipe.data.needs import LearningCurve, detail, learning_curve, shrink
from tests.data import planted

Load = Callable[..., tuple[np.ndarray, np.ndarray]]
RNG = np.random.default_rng(0)


def scaled(load: Load) -> tuple[np.ndarray, np.ndarray]:
    x, y = load(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@pytest.mark.parametrize(
    ("load", "most"),
    [
        pytest.param(load_digits, 0.01, id="digits"),
        pytest.param(load_breast_cancer, 0.02, id="breast_cancer"),
        pytest.param(load_wine, 0.01, id="wine"),
        pytest.param(load_iris, 0.01, id="iris"),
    ],
)
def test_flipped_labels_are_the_first_suspects(load: Load, most: float) -> None:
    x, y = scaled(load)
    sound = label_quality(x, y, seed=0)
    assert sound is not None
    assert sound.noise <= most
    for share in (0.05, 0.1):
        changed, rows = planted.flipped_labels(y, share, seed=0)
        quality = label_quality(x, changed, seed=0)
        assert quality is not None
        suspects = np.argsort(quality.scores)[: len(y) // 10]
        assert np.isin(rows, suspects).mean() >= 0.85
        assert share * 0.6 <= quality.noise <= share * 1.4
        assert quality.unexplained < 0.065


def test_flipped_labels_of_images_are_found() -> None:
    x, y = load_digits(return_X_y=True)
    images = np.kron(x.reshape(-1, 8, 8, 1), np.ones((1, 3, 3, 1)))
    changed, rows = planted.flipped_labels(y, 0.05, seed=0)
    quality = label_quality(images, changed, seed=0)
    assert quality is not None
    assert np.isin(rows, np.argsort(quality.scores)[: len(y) // 10]).mean() >= 0.85


def test_classes_that_overlap_are_not_explained() -> None:
    """Labels that are a coin with a bias of the input: no noise, and no classes apart."""
    x = RNG.normal(size=(800, 3))
    y = (RNG.random(800) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(int)
    quality = label_quality(x, y, seed=0)
    assert quality is not None
    assert quality.unexplained > 0.065


def test_a_class_of_one_has_no_score() -> None:
    x, y = scaled(load_wine)
    y = y.copy()
    y[7] = 9
    quality = label_quality(x, y, seed=0)
    assert quality is not None
    assert np.flatnonzero(np.isnan(quality.scores)).tolist() == [7]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(RNG.normal(size=(50, 3)), np.zeros(50, int), id="one class"),
        pytest.param(RNG.normal(size=(50, 3)), np.arange(50), id="classes of one"),
        pytest.param(RNG.normal(size=(12, 3)), np.arange(12) % 2, id="twelve examples"),
        pytest.param(np.zeros((0, 3)), np.zeros(0, int), id="none"),
    ],
)
def test_labels_that_cannot_be_judged(x: np.ndarray, y: np.ndarray) -> None:
    assert label_quality(x, y, seed=0) is None


def test_without_cleanlab_labels_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    assert label_quality(*scaled(load_wine), seed=0) is None


def test_the_same_seed_gives_the_same_scores() -> None:
    x, y = scaled(load_wine)
    one, two, other = (label_quality(x, y, seed) for seed in (0, 0, 1))
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.scores.tolist() == two.scores.tolist() != other.scores.tolist()


@pytest.mark.parametrize(
    ("x", "features"),
    [
        pytest.param(RNG.normal(size=(80, 7)), 7, id="a table"),
        pytest.param(RNG.normal(size=(80, 300)), 300, id="a wide table"),
        pytest.param(RNG.normal(size=(80, 10, 10, 1)), 50, id="images"),
        pytest.param(RNG.normal(size=(80, 5, 5, 1)), 25, id="small images"),
        pytest.param(np.zeros((80, 10, 10, 1)), 100, id="black images"),
        pytest.param(np.full((80, 10, 10, 1), np.nan), 100, id="images of gaps"),
    ],
)
def test_only_large_images_are_compressed(x: np.ndarray, features: int) -> None:
    small = compress(x, seed=0)
    assert small.shape == (80, features)
    assert np.isfinite(small).all()


ALL = [load_breast_cancer, load_digits, load_wine, load_iris, load_diabetes]


def some(load: Load) -> tuple[np.ndarray, np.ndarray]:
    """At most 500 examples: the 64 columns of all digits take seconds."""
    x, y = load(return_X_y=True)
    return x[:500], y[:500]


def columns_of(x: np.ndarray) -> np.ndarray:
    return np.array([f"c{i}" for i in range(x.shape[1])])


@pytest.mark.parametrize("load", ALL, ids=lambda load: load.__name__[5:])
def test_honest_columns_are_no_leaks(load: Load) -> None:
    x, y = some(load)
    found = leaks(x, y, load is load_diabetes, columns_of(x), seed=0)
    assert [leak for leak in found if leak.with_ - leak.without >= 0.02] == []


@pytest.mark.parametrize(
    "load",
    [load_breast_cancer, load_wine, load_iris, load_diabetes],
    ids=lambda load: load.__name__[5:],
)
@pytest.mark.parametrize(
    "leak", [planted.target_copy, planted.noisy_target, planted.sorted_id],
    ids=lambda leak: leak.__name__,
)  # fmt: skip
def test_planted_leaks_are_named(load: Load, leak: Callable[..., np.ndarray]) -> None:
    x, y = some(load)
    with_leak = np.concatenate([x, leak(y, 0)], axis=1)
    found = leaks(with_leak, y, load is load_diabetes, np.append(columns_of(x), "leak"), seed=0)
    assert found[0].column == "leak"
    needed = found[0].with_ - found[0].without >= 0.02
    assert needed or load is load_wine  # it is solved without: nothing to miss


def test_two_leaks_do_not_excuse_each_other() -> None:
    x, y = load_diabetes(return_X_y=True)
    both = np.concatenate([x, planted.target_copy(y, 0), planted.noisy_target(y, 0)], axis=1)
    found = leaks(both, y, True, np.append(columns_of(x), ["copy", "noisy"]), seed=0)
    assert [leak.column for leak in found] == ["copy", "noisy"]
    assert all(leak.with_ - leak.without >= 0.02 for leak in found)


def test_the_one_hot_features_of_a_column_are_one_column() -> None:
    _, y = load_iris(return_X_y=True)
    noise = RNG.normal(size=(150, 2))
    found = leaks(
        np.concatenate([noise, np.eye(3)[y]], axis=1), y, False,
        np.array(["a", "b", "word", "word", "word"]), seed=0,
    )  # fmt: skip
    assert [(leak.column, leak.alone, leak.with_) for leak in found] == [("word", 1.0, 1.0)]
    assert found[0].without < 0.8


def test_a_rare_class_is_missed_in_the_auc_and_not_in_the_accuracy() -> None:
    x, y = RNG.normal(size=(2000, 3)), (np.arange(2000) % 100 == 0).astype(int)
    with_leak = np.concatenate([x, planted.target_copy(y, 0)], axis=1)
    found = leaks(with_leak, y, False, columns_of(with_leak), seed=0)
    assert [(leak.column, leak.metric) for leak in found] == [("c3", "AUC")]
    assert found[0].without < 0.8


def test_the_only_column_cannot_be_compared() -> None:
    _, y = load_iris(return_X_y=True)
    found = leaks(planted.target_copy(y, 0), y, False, np.array(["only"]), seed=0)
    assert [leak.column for leak in found] == ["only"]
    assert np.isnan(found[0].without)


@pytest.mark.parametrize(
    ("y", "regression"),
    [
        pytest.param(np.zeros(50, int), False, id="one class"),
        pytest.param(np.arange(50), False, id="classes of one"),
        pytest.param(np.arange(9) % 2, False, id="nine examples"),
        pytest.param(np.ones(50), True, id="a constant quantity"),
        pytest.param(np.full(50, np.nan), True, id="no quantity"),
        pytest.param(np.zeros(0), True, id="none"),
    ],
)
def test_leaks_that_cannot_be_measured(y: np.ndarray, regression: bool) -> None:
    x = planted.target_copy(y, 0)
    assert leaks(x, y, regression, np.array(["copy"]), seed=0) == []
    assert row_order(y, regression, seed=0) is None


@pytest.mark.parametrize(
    ("y", "regression", "low", "high"),
    [
        pytest.param(np.repeat([0, 1, 2], 50), False, 1.0, 1.0, id="sorted classes"),
        pytest.param(RNG.permutation(np.repeat([0, 1], 300)), False, 0.4, 0.6, id="shuffled"),
        pytest.param(np.repeat(np.tile([0, 1], 10), 30), False, 0.9, 0.99, id="in batches"),
        pytest.param(np.sort(RNG.normal(size=500)), True, 0.99, 1.0, id="sorted quantities"),
        pytest.param(RNG.normal(size=500), True, -1.5, 0.1, id="shuffled quantities"),
    ],
)
def test_row_order(y: np.ndarray, regression: bool, low: float, high: float) -> None:
    score = row_order(y, regression, seed=0)
    assert score is not None
    assert low <= score <= high


def halves(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    rows = np.random.default_rng(0).permutation(len(x))
    train, val = np.split(rows, [int(0.8 * len(x))])
    return x[train], y[train], x[val], y[val]


def test_a_learning_curve_rises_where_data_is_short() -> None:
    curve = learning_curve(*halves(*load_digits(return_X_y=True)), task_is_regression=False)
    assert curve is not None
    assert curve.examples == (179, 359, 718, 1437)
    assert curve.scores.shape == (4, 3)
    assert (np.diff(curve.scores.mean(axis=1)) > 0).all()
    assert 0 < curve.next_gain < curve.last_gain


def test_a_learning_curve_of_noise_is_flat() -> None:
    x, y = RNG.normal(size=(400, 4)), RNG.integers(0, 2, 400)
    curve = learning_curve(*halves(x, y), task_is_regression=False)
    assert curve is not None
    assert abs(curve.scores.mean() - 0.5) < 0.1


def test_a_learning_curve_of_a_quantity_is_in_r2() -> None:
    x = RNG.normal(size=(600, 2))
    curve = learning_curve(*halves(x, x.sum(axis=1)), task_is_regression=True)
    assert curve is not None
    assert 0.9 < curve.scores[-1].mean() < 1


@pytest.mark.parametrize(
    ("means", "train_examples", "gain"),
    [
        pytest.param([0.5, 0.7, 0.8, 0.85], 800, 0.025, id="gains halve"),
        pytest.param([0.5, 0.7, 0.8, 0.85], 1600, 0.0125, id="and again: all of train is more"),
        pytest.param([0.5, 0.6, 0.7, 0.8], 800, 0.1, id="gains stay"),
        pytest.param([0.5, 0.51, 0.55, 0.65], 800, 0.1, id="no more than the last"),
        pytest.param([0.5, 0.7, 0.8, 0.79], 800, 0.0, id="a loss promises nothing"),
    ],
)
def test_the_gain_of_twice_the_data(
    means: list[float], train_examples: int, gain: float
) -> None:  # fmt: skip
    curve = LearningCurve((100, 200, 400, 800), np.array(means)[:, np.newaxis], train_examples)
    assert curve.next_gain == pytest.approx(gain)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(RNG.normal(size=(20, 8, 8, 1)), np.arange(20) % 2, id="twenty"),
        pytest.param(RNG.normal(size=(300, 8, 8, 1)), np.zeros(300), id="one class"),
    ],
)
def test_needs_that_cannot_be_measured(x: np.ndarray, y: np.ndarray) -> None:
    assert learning_curve(*halves(x, y), task_is_regression=False) is None
    assert detail(*halves(x, y), task_is_regression=False, seed=0) is None


def test_detail_that_is_not_there_is_not_needed() -> None:
    x, y = load_digits(return_X_y=True)
    images = np.kron(x.reshape(-1, 8, 8, 1)[:600], np.ones((1, 4, 4, 1)))
    scores = detail(*halves(images, y[:600]), task_is_regression=False, seed=0)
    assert scores is not None
    assert list(scores) == [(32, 32), (16, 16), (8, 8), (4, 4)]
    assert scores[8, 8] > 0.99 * scores[32, 32]
    assert scores[4, 4] < 0.99 * scores[32, 32]


@pytest.mark.parametrize("shape", [(300, 64), (300, 7, 7, 1)], ids=["a table", "tiny images"])
def test_tables_and_tiny_images_have_no_detail(shape: tuple[int, ...]) -> None:
    x, y = RNG.normal(size=shape), np.arange(300) % 2
    assert detail(*halves(x, y), task_is_regression=False, seed=0) is None


def test_shrinking_averages_blocks_and_cuts_the_border() -> None:
    images = np.arange(15.0).reshape(1, 3, 5, 1)
    assert shrink(images, 2)[0, :, :, 0].tolist() == [[3.0, 5.0]]
