"""From a config to a Dataset: what it holds, what it is scaled by, and what it must not hold."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from recipe.config import Config, DataConfig, RequestError, Task
from recipe.data import Dataset, Split, dataset, load
from recipe.data.dataset import fingerprint, read_examples
from recipe.data.sources import RawExamples
from recipe.data.test_set import open_test_set

RNG = np.random.default_rng(0)
X = RNG.normal([5, -300], [2, 40], (100, 2)).astype(np.float32)
CLASSES = np.arange(100) % 4
PRICES = 1000.0 + np.arange(100) * 7.5
"""No two are equal, none is a whole number that could be something else."""

Made = Callable[..., DataConfig]


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A config for these examples."""
    module = ModuleType("my_data")
    monkeypatch.setitem(sys.modules, "my_data", module)

    def config(x: Any, y: Any, names: Any = None, **changes: Any) -> DataConfig:
        module.load = lambda: (x, y, names)
        settings = {f"data.{key}": value for key, value in changes.items()}
        return Config().replace({"data.source": "my_data:load", **settings}).data

    return config


def arrays(value: Any) -> Iterator[np.ndarray]:
    """Every array that can be reached from a value."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays(getattr(value, field.name))
        yield from arrays(vars(value))
    elif isinstance(value, dict):
        for part in value.values():
            yield from arrays(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays(part)


@pytest.mark.parametrize("scaling", ["none", "standardize"])
def test_test_targets_are_nowhere_in_it(of: Made, scaling: str) -> None:
    config = of(X, PRICES, target_scaling=scaling)
    data = load(config)
    data.prior  # noqa: B018, what is computed and kept later counts too
    assert data.target_scaling is not None
    y = data.target_scaling.apply(PRICES[:, np.newaxis])
    held = [np.isin(y[data.test_ids], array).any() for array in arrays(data)]
    assert len(held) > 8
    assert not any(held)
    assert any(np.isin(y[data.val.ids], array).all() for array in arrays(data))


@pytest.mark.parametrize("y", [CLASSES, PRICES], ids=["classes", "a quantity"])
def test_every_example_is_where_its_id_says(of: Made, y: np.ndarray) -> None:
    config = of(X, y)
    data = load(config)
    ids = np.concatenate([data.train.ids, data.val.ids, data.test_ids])
    assert np.sort(ids).tolist() == list(range(100))
    for split in (data.train, data.val, open_test_set(config, data)):
        np.testing.assert_allclose(data.scaling.undo(split.x), X[split.ids], rtol=1e-4)
        back = split.y if data.target_scaling is None else data.target_scaling.undo(split.y)[:, 0]
        np.testing.assert_allclose(back, y[split.ids], rtol=1e-6)


def test_the_test_set_is_opened_with_its_own_targets_and_the_scale_of_train(of: Made) -> None:
    config = of(X, PRICES)
    data = load(config)
    assert data.target_scaling is not None
    test = open_test_set(config, data)
    assert test.ids.tolist() == data.test_ids.tolist()
    np.testing.assert_array_equal(test.x, data.test_x)
    expected = (PRICES[test.ids] - PRICES[data.train.ids].mean()) / PRICES[data.train.ids].std()
    np.testing.assert_allclose(test.y[:, 0], expected, rtol=1e-5)


def test_scaling_is_learnt_on_train_alone(of: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = {"train": np.arange(60), "val": np.arange(60, 80), "test": np.arange(80, 100)}
    monkeypatch.setattr(dataset, "split_examples", lambda *_: fixed)
    before = load(of(X, PRICES))
    x, y = X.copy(), PRICES.copy()
    x[60:], y[60:] = x[60:] * 1000 + 5, -y[60:]
    dataset.read_source.cache_clear()
    after = load(of(x, y))
    assert not np.array_equal(after.val.x, before.val.x)
    assert not np.array_equal(after.val.y, before.val.y)
    for name in ("scaling", "target_scaling"):
        old, new = getattr(before, name), getattr(after, name)
        np.testing.assert_array_equal(new.mean, old.mean)
        np.testing.assert_array_equal(new.std, old.std)
    np.testing.assert_array_equal(after.train.x, before.train.x)
    np.testing.assert_allclose(before.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(before.train.x.std(axis=0), 1, rtol=1e-5)
    x[:60] *= 2
    dataset.read_source.cache_clear()
    assert not np.array_equal(load(of(x, y)).scaling.std, before.scaling.std)


@pytest.mark.parametrize(
    ("y", "names", "task", "shape", "dtype"),
    [
        pytest.param(CLASSES, None, Task.MULTICLASS, (60,), np.int32, id="multiclass"),
        pytest.param(CLASSES % 2, ("no", "yes"), Task.BINARY, (60,), np.int32, id="binary"),
        pytest.param(PRICES, None, Task.REGRESSION, (60, 1), np.float32, id="regression"),
        pytest.param(np.c_[PRICES, -PRICES], None, Task.REGRESSION, (60, 2), np.float32,
                     id="two quantities"),
    ],
)  # fmt: skip
def test_what_a_net_gets(
    of: Made, y: Any, names: Any, task: Task, shape: tuple[int, ...], dtype: type
) -> None:
    data = load(of(X, y, names))
    assert data.task is task
    assert data.shape == (2,)
    assert (data.train.x.shape, data.train.x.dtype) == ((60, 2), np.float32)
    assert (data.train.y.shape, data.train.y.dtype) == (shape, dtype)
    assert (data.target_scaling is None) == (task is not Task.REGRESSION)
    assert len(data.classes) == {"multiclass": 4, "binary": 2, "regression": 0}[task]


def test_images_keep_their_shape(of: Made) -> None:
    data = load(of(RNG.uniform(0, 255, (50, 6, 5)), np.arange(50) % 2))
    assert data.shape == (6, 5, 1)
    assert data.train.x.mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        pytest.param(40, 40, id="fewer than there are"),
        pytest.param(100, 100, id="as many"),
        pytest.param(1000, 100, id="more than there are"),
        pytest.param(None, 100, id="no limit"),
    ],
)
def test_limit(of: Made, limit: int | None, left: int) -> None:
    raw, targets = read_examples(of(X, PRICES, limit=limit))
    assert len(raw.x) == len(raw.y) == len(targets.y) == left
    rows = [np.flatnonzero((row == X).all(axis=1))[0] for row in raw.x]
    np.testing.assert_array_equal(raw.y, PRICES[rows])
    assert (np.diff(rows) > 0).all()  # in the source's order


def test_limit_draws_from_the_whole_file_with_the_splits_seed(of: Made) -> None:
    def drawn(seed: int) -> list[float]:
        return read_examples(of(X, PRICES, limit=40, **{"split.seed": seed}))[0].y.tolist()

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    assert max(drawn(0)) > PRICES[75]
    assert min(drawn(0)) < PRICES[25]


def with_gaps() -> np.ndarray:
    x = X.copy()
    x[3, 0], x[7, 1], x[11] = np.nan, np.inf, -np.inf
    return x


@pytest.mark.parametrize(
    ("x", "y", "dropped"),
    [
        pytest.param(X, CLASSES, [], id="none is missing"),
        pytest.param(with_gaps(), CLASSES, [3, 7, 11], id="inputs"),
        pytest.param(X, np.where(CLASSES == 3, np.nan, CLASSES), range(3, 100, 4), id="labels"),
        pytest.param(X, np.array([None, *"abc"] * 25, object), range(0, 100, 4), id="words"),
        pytest.param(X, np.c_[PRICES, [np.nan, *PRICES[1:]]], [0], id="one of two quantities"),
        pytest.param(with_gaps(), [*PRICES[:-1], np.inf], [3, 7, 11, 99], id="both"),
    ],
)
def test_missing_drop(of: Made, x: np.ndarray, y: Any, dropped: Any) -> None:
    raw, targets = read_examples(of(x, y, missing="drop"))
    kept = np.setdiff1d(np.arange(100), list(dropped))
    np.testing.assert_array_equal(raw.x, x[kept])
    assert len(targets.y) == len(kept)
    assert np.isfinite(targets.y).all()


def test_missing_keep_leaves_them_for_the_data_stage(of: Made) -> None:
    data = load(of(with_gaps(), [*PRICES[:-1], np.nan]))
    x = np.concatenate([data.train.x, data.val.x, data.test_x])
    assert (~np.isfinite(x)).sum() == 4
    assert np.isfinite(data.scaling.mean).all()
    assert np.isfinite(data.scaling.std).all()


def test_dropping_everything_is_refused(of: Made) -> None:
    config = of(np.full((9, 2), np.nan), np.arange(9), missing="drop")
    with pytest.raises(RequestError, match=r"^data\.missing: drop leaves no example"):
        load(config)


def changed(array: Any, value: Any) -> np.ndarray:
    array = np.array(array)
    array.flat[-1] = value
    return array


@pytest.mark.parametrize(
    ("x", "y", "names", "same"),
    [
        pytest.param(X.copy(), CLASSES.copy(), None, True, id="the same content, read again"),
        pytest.param(X.astype(np.float64), CLASSES, None, True, id="the net sees the same"),
        pytest.param(changed(X, 0), CLASSES, None, False, id="one input"),
        pytest.param(X, changed(CLASSES, 2), None, False, id="one label"),
        pytest.param(X, CLASSES, list("abcd"), False, id="class names"),
        pytest.param(X[::-1], CLASSES[::-1], None, False, id="the order"),
        pytest.param(X[:-1], CLASSES[:-1], None, False, id="one example less"),
        pytest.param(X.reshape(100, 1, 2), CLASSES, None, False, id="the shape"),
    ],
)
def test_the_fingerprint_is_of_the_content(
    of: Made, x: np.ndarray, y: np.ndarray, names: Any, same: bool
) -> None:
    assert (fingerprint(of(x, y, names)) == fingerprint(of(X, CLASSES))) == same


@pytest.mark.parametrize("kind", [object, str], ids=["objects", "text"])
def test_the_fingerprint_of_words(of: Made, kind: type) -> None:
    def words(*some: str) -> str:
        return fingerprint(of(X[:3], np.array(some, kind)))

    assert words("ab", "c", "d") == words("ab", "c", "d")
    assert words("ab", "c", "d") != words("a", "bc", "d")


def test_the_fingerprint_is_of_all_examples_whatever_is_used(of: Made) -> None:
    assert fingerprint(of(X, CLASSES, limit=50)) == fingerprint(of(X, CLASSES))


def a_dataset(task: Task, y: Any, classes: int) -> Dataset:
    labels = np.asarray(y)
    train = Split(np.zeros((len(labels), 1), np.float32), labels, np.arange(len(labels)))
    nothing = load(Config().replace({"data.source": "sklearn:iris"}).data)
    return Dataset(task, train, train, train.x, train.ids, tuple("abcde"[:classes]), ("a",),
                   nothing.scaling, None)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "y", "classes", "prior"),
    [
        pytest.param(Task.MULTICLASS, [0, 0, 1, 2], 3, [0.5, 0.25, 0.25], id="shares"),
        pytest.param(Task.MULTICLASS, [0, 0, 1], 3, [2 / 3.5, 1 / 3.5, 0.5 / 3.5],
                     id="half an example for a class that train lacks"),
        pytest.param(Task.MULTICLASS, [1, 2, 3, 3], 3, [0.5 / 2.5, 1 / 2.5, 1 / 2.5],
                     id="labels out of range are not counted"),
        pytest.param(Task.MULTICLASS, [-1, 0, 1, 1], 2, [1 / 3, 2 / 3], id="nor negative ones"),
        pytest.param(Task.BINARY, [0, 0, 0, 1], 2, [0.25], id="share of class 1"),
        pytest.param(Task.BINARY, [0, 0], 2, [0.2], id="no example of class 1"),
        pytest.param(Task.REGRESSION, [[1.0, 10.0], [3.0, 20.0]], 0, [2.0, 15.0], id="means"),
    ],
)  # fmt: skip
def test_the_prior(task: Task, y: Any, classes: int, prior: list[float]) -> None:
    np.testing.assert_allclose(a_dataset(task, y, classes).prior, prior)


def test_the_prior_is_of_train(of: Made) -> None:
    data = load(of(X, np.arange(100) % 3 // 2))
    assert data.prior == pytest.approx([data.train.y.mean()])


def test_a_part_of_a_split() -> None:
    split = Split(X, CLASSES, np.arange(100))
    part = split.take(np.array([4, 2]))
    assert (len(part), part.ids.tolist()) == (2, [4, 2])
    np.testing.assert_array_equal(part.x, X[[4, 2]])
    np.testing.assert_array_equal(part.y, CLASSES[[4, 2]])
    assert len(split.take(slice(200))) == 100


def test_raw_examples_reach_the_net_through_a_function_too(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_data")
    module.load = lambda: RawExamples(X, CLASSES, ("age", "price"), tuple("abcd"))
    monkeypatch.setitem(sys.modules, "my_data", module)
    data = load(Config().replace({"data.source": "my_data:load"}).data)
    assert data.feature_names == ("age", "price")
    assert data.classes == ("a", "b", "c", "d")
