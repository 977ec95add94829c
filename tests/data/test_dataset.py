"""From a config to a Dataset: what it holds, what is learnt on what, and what it must not hold."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import Config, DataConfig, RequestError, Task
from recipe.data import Dataset, Split, dataset, load
from recipe.data.dataset import Loaded, fingerprint, read_examples, repeats
from recipe.data.features import ImageFeatures, Scaling
from recipe.data.sources import RawExamples, forget
from recipe.data.stored import Stored
from recipe.data.test_set import open_test_set

RNG = np.random.default_rng(0)
X = RNG.normal([5, -300], [2, 40], (100, 2)).astype(np.float32)
IMAGES = RNG.integers(0, 255, (100, 4, 5, 1)).astype(np.uint8)
CLASSES = np.arange(100) % 4
PRICES = 1000.0 + np.arange(100) * 7.5
"""No two are equal, none is a whole number that could be something else."""

LABELS = np.stack([np.arange(100) % k == 0 for k in (2, 3, 5)], axis=1).astype(int)

Made = Callable[..., DataConfig]


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Made:
    """A config for these examples."""
    module = ModuleType("my_data")
    monkeypatch.setitem(sys.modules, "my_data", module)

    def config(x: Any, y: Any = None, names: Any = None, **changes: Any) -> DataConfig:
        whole = isinstance(x, RawExamples) or y is None
        module.load = lambda: x if whole else (x, y, names)  # type: ignore[attr-defined]
        forget()
        settings = {f"data.{key}": value for key, value in changes.items()}
        return Config().replace({"data.source": "my_data:load", **settings}).data

    return config


def on_disk(x: np.ndarray) -> Stored:
    return Stored(lambda rows: x[rows], np.arange(len(x)), x.shape[1:], x.dtype)


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


# ---- what it holds ------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["none", "standardize"])
@pytest.mark.parametrize("x", [X, IMAGES], ids=["a table", "images"])
def test_test_targets_are_nowhere_in_it(of: Made, x: np.ndarray, scaling: str) -> None:
    data = load(of(x, PRICES, target_scaling=scaling))
    data.prior  # noqa: B018, what is computed and kept later counts too
    assert data.target_scaling is not None
    y = data.target_scaling.apply(PRICES[:, np.newaxis])
    held = [np.isin(y[data.test_ids], array).any() for array in arrays(data)]
    assert len(held) > 12
    assert not any(held)
    assert any(np.isin(y[data.val.ids], array).all() for array in arrays(data))


@pytest.mark.parametrize("y", [CLASSES, PRICES], ids=["classes", "a quantity"])
@pytest.mark.parametrize("x", [X, IMAGES], ids=["a table", "images"])
def test_every_example_is_where_its_id_says(of: Made, x: np.ndarray, y: np.ndarray) -> None:
    config = of(x, y, scaling="none")
    data = load(config)
    ids = np.concatenate([data.train.ids, data.val.ids, data.test_ids])
    assert np.sort(ids).tolist() == list(range(100))
    for split in (data.train, data.val, open_test_set(config, data)):
        np.testing.assert_allclose(split.x, x[split.ids], rtol=1e-6)
        back = split.y if data.target_scaling is None else data.target_scaling.undo(split.y)[:, 0]
        np.testing.assert_allclose(back, y[split.ids], rtol=1e-6)


def test_the_test_set_is_opened_with_its_own_targets_and_the_scale_of_train(of: Made) -> None:
    config = of(X, PRICES)
    data = load(config)
    test = open_test_set(config, data)
    assert test.ids.tolist() == data.test_ids.tolist()
    np.testing.assert_array_equal(test.x, data.test_x)
    expected = (PRICES[test.ids] - PRICES[data.train.ids].mean()) / PRICES[data.train.ids].std()
    np.testing.assert_allclose(test.y[:, 0], expected, rtol=1e-5)


def test_equal_examples_have_one_group_and_different_ones_another(of: Made) -> None:
    data = load(of(np.tile(X[:25], (4, 1)), CLASSES))
    for split in (data.train, data.val):
        same = split.ids[:, np.newaxis] % 25 == split.ids % 25
        np.testing.assert_array_equal(split.groups[:, np.newaxis] == split.groups, same)


@pytest.mark.parametrize(
    ("y", "names", "task", "shape", "dtype"),
    [
        pytest.param(CLASSES, None, Task.MULTICLASS, (60,), np.int32, id="multiclass"),
        pytest.param(CLASSES % 2, ("no", "yes"), Task.BINARY, (60,), np.int32, id="binary"),
        pytest.param(LABELS, None, Task.MULTILABEL, (60, 3), np.float32, id="several labels"),
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
    assert not data.is_images
    assert (data.train.x.shape, data.train.x.dtype) == ((60, 2), np.float32)
    assert (data.train.y.shape, data.train.y.dtype) == (shape, dtype)
    assert (data.target_scaling is None) == (task is not Task.REGRESSION)
    count = {"multiclass": 4, "binary": 2, "multilabel": 3, "regression": 0}[task]
    assert len(data.classes) == count


def test_images_keep_their_shape_and_get_a_channel(of: Made) -> None:
    data = load(of(RNG.uniform(0, 255, (50, 6, 5)), np.arange(50) % 2))
    assert data.is_images
    assert data.shape == (6, 5, 1)
    assert data.train.x.mean() == pytest.approx(0, abs=1e-5)


def test_names_reach_the_dataset(of: Made) -> None:
    table = pd.DataFrame({"age": X[:, 0], "town": np.array(["Bern", "Biel"])[CLASSES % 2]})
    data = load(of(RawExamples(table, np.c_[PRICES, -PRICES], target_names=("buy", "sell"))))
    assert data.features.names[:2] == ("age", "town = (new or rare)")
    assert set(data.features.origin) == {"age", "town"}
    assert data.target_names == ("buy", "sell")
    assert load(of(table, CLASSES, list("abcd"))).classes == tuple("abcd")


@pytest.mark.parametrize(
    ("names", "called"),
    [
        pytest.param(None, ["2", "0"], id="by their row"),
        pytest.param(np.array([f"{n}.png" for n in range(100)]), ["2.png", "0.png"], id="by file"),
    ],
)
def test_what_people_call_an_example(of: Made, names: Any, called: list[str]) -> None:
    examples = read_examples(of(RawExamples(IMAGES, CLASSES, tuple("abcd"), names=names)))
    assert examples.named(np.array([2, 0])).tolist() == called


# ---- learnt on train alone ----------------------------------------------------------------------

TOWNS = np.array(["Basel", "Bern", "Biel"])[np.arange(100) % 3]


def table(**changed: Any) -> pd.DataFrame:
    return pd.DataFrame({"size": X[:, 0], "rent": X[:, 1], "town": TOWNS} | changed)


@pytest.mark.parametrize("kind", ["a table", "images"])
@pytest.mark.parametrize("scaling", ["standardize", "robust"])
def test_what_is_learnt_is_learnt_on_train_alone(
    of: Made, monkeypatch: pytest.MonkeyPatch, kind: str, scaling: str
) -> None:
    if kind == "images" and scaling == "robust":
        scaling = "auto"
    fixed = {"train": np.arange(60), "val": np.arange(60, 80), "test": np.arange(80, 100)}
    monkeypatch.setattr(dataset, "split", lambda *_, **__: fixed)
    late = np.arange(100) >= 60
    if kind == "images":
        first, second = IMAGES, np.where(late[:, None, None, None], IMAGES // 9, IMAGES)
        third = IMAGES // 2
    else:
        far = np.where(late, X[:, 0] * 1000 + 5, X[:, 0])
        town = np.where(late, "Chur", TOWNS)
        rent = np.where(np.arange(100) > 95, np.nan, X[:, 1])  # missing in test alone
        first, second = table(), table(size=far, rent=rent, town=town)
        third = table(size=X[:, 0] * 2)
    before = load(of(first, PRICES, scaling=scaling))
    after = load(of(second, np.where(late, -PRICES, PRICES), scaling=scaling))
    assert not np.array_equal(after.val.x, before.val.x)
    assert not np.array_equal(after.val.y, before.val.y)
    np.testing.assert_array_equal(after.train.x, before.train.x)
    np.testing.assert_array_equal(after.train.y, before.train.y)
    assert after.features.names == before.features.names
    probe = read_examples(of(first, PRICES)).raw.x
    np.testing.assert_array_equal(after.features.apply(probe), before.features.apply(probe))
    assert not np.array_equal(
        load(of(third, PRICES, scaling=scaling)).features.apply(probe),
        before.features.apply(probe),
    )


# ---- limit and missing values -------------------------------------------------------------------


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
    examples = read_examples(of(X, PRICES, limit=limit))
    raw = examples.raw
    assert isinstance(raw.x, pd.DataFrame)
    assert len(raw.x) == len(raw.y) == len(examples.targets.y) == len(examples.keys) == left
    assert sum(map(len, examples.parts.values())) == left
    rows = [np.flatnonzero((row == X).all(axis=1))[0] for row in raw.x.to_numpy()]
    np.testing.assert_array_equal(raw.y, PRICES[rows])
    assert (np.diff(rows) > 0).all()  # in the source's order


def test_limit_draws_from_the_whole_file_with_the_splits_seed(of: Made) -> None:
    def drawn(seed: int) -> list[float]:
        return read_examples(of(X, PRICES, limit=40, **{"split.seed": seed})).raw.y.tolist()

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    assert max(drawn(0)) > PRICES[75]
    assert min(drawn(0)) < PRICES[25]


def with_gaps() -> np.ndarray:
    x = X.copy()
    x[3, 0], x[7, 1], x[11] = np.nan, np.inf, -np.inf
    return x


def images_with_gaps() -> np.ndarray:
    x = IMAGES.astype(np.float32)
    x[3, 1, 1], x[7, 0, 0] = np.nan, np.inf
    return x


@pytest.mark.parametrize(
    ("x", "y", "dropped"),
    [
        pytest.param(X, CLASSES, [], id="none is missing"),
        pytest.param(with_gaps(), CLASSES, [3, 7, 11], id="inputs"),
        pytest.param(images_with_gaps(), CLASSES, [3, 7], id="pixels"),
        pytest.param(table(town=np.where(TOWNS == "Bern", None, TOWNS)), CLASSES,
                     range(1, 100, 3), id="a category"),
        pytest.param(table(empty=np.nan), CLASSES, [], id="not of a column without any value"),
        pytest.param(X, np.where(CLASSES == 3, np.nan, CLASSES), range(3, 100, 4), id="labels"),
        pytest.param(X, np.array([None, *"abc"] * 25, object), range(0, 100, 4), id="words"),
        pytest.param(X, np.c_[PRICES, [np.nan, *PRICES[1:]]], [0], id="one of two quantities"),
        pytest.param(with_gaps(), [*PRICES[:-1], np.inf], [3, 7, 11, 99], id="both"),
    ],
)  # fmt: skip
def test_missing_drop(of: Made, x: Any, y: Any, dropped: Any) -> None:
    examples = read_examples(of(x, y, missing="drop"))
    kept = np.setdiff1d(np.arange(100), list(dropped))
    assert examples.left_out == len(list(dropped))
    if isinstance(x, pd.DataFrame):
        pd.testing.assert_frame_equal(pd.DataFrame(examples.raw.x), x.iloc[kept])
    else:
        np.testing.assert_array_equal(np.asarray(examples.raw.x), x[kept])
    assert len(examples.targets.y) == len(kept)
    assert np.isfinite(examples.targets.y).all()


def everything(data: Dataset) -> np.ndarray:
    return np.concatenate([np.asarray(x) for x in (data.train.x, data.val.x, data.test_x)])


def test_missing_impute_leaves_no_gap_and_no_example_out(of: Made) -> None:
    x = with_gaps()
    x[::10, 0] = np.nan
    data = load(of(x, PRICES))
    assert np.isfinite(everything(data)).all()
    assert len(everything(data)) == 100
    assert any(name.endswith("is missing") for name in data.features.names)


def test_missing_keep_leaves_them_for_the_data_stage(of: Made) -> None:
    data = load(of(with_gaps(), [*PRICES[:-1], np.nan], missing="keep"))
    assert (~np.isfinite(everything(data))).sum() == 4
    assert np.nanmean(data.train.x, axis=0) == pytest.approx(0, abs=1e-5)
    assert data.target_scaling is not None
    assert np.isfinite(data.target_scaling.mean).all()


def test_dropping_everything_is_refused(of: Made) -> None:
    holes = np.where(np.arange(18).reshape(9, 2) % 4 < 2, [[np.nan, 1.5]], [[2.5, np.nan]])
    with pytest.raises(RequestError, match=r"^data\.missing: drop leaves no example"):
        load(of(holes + np.arange(9)[:, None], np.arange(9), missing="drop"))


# ---- who is in which part -----------------------------------------------------------------------

PERSON = np.array([f"p{n}" for n in np.arange(100) % 20])
DAYS = pd.Series(pd.date_range("2020-01-31", periods=100)).sample(frac=1, random_state=0)
DAYS = DAYS.dt.strftime("%d.%m.%Y").reset_index(drop=True)
"""As text they would be in the order of the days of the month."""


@pytest.mark.parametrize(
    ("by", "column"),
    [
        pytest.param("group", PERSON, id="group"),
        pytest.param("time", DAYS, id="time"),
        pytest.param("time", np.arange(100)[::-1], id="time as a number"),
    ],
)
def test_the_column_that_divides_is_not_shown_to_the_net(of: Made, by: str, column: Any) -> None:
    settings = {"split.by": by, "split.column": "who"}
    data = load(of(table(who=column), PRICES, **settings))
    assert set(data.features.origin) == {"size", "rent", "town"}


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(PERSON, id="names"),
        pytest.param(np.arange(100) % 20, id="numbers"),
        # as a feature, the column would be one of numbers, and this group a missing value
        pytest.param(np.where(PERSON == "p9", "9b", np.char.strip(PERSON, "p")), id="both"),
    ],
)
def test_a_group_is_in_one_part(of: Made, group: np.ndarray) -> None:
    settings = {"split.by": "group", "split.column": "who"}
    examples = read_examples(of(table(who=group), CLASSES, **settings))
    members = [set(group[ids]) for ids in examples.parts.values()]
    assert sum(map(len, members)) == 20
    assert all(members)


@pytest.mark.parametrize("day", [DAYS, pd.to_datetime(DAYS, format="%d.%m.%Y")],
                         ids=["text", "dates"])  # fmt: skip
def test_the_latest_examples_are_the_test_set(of: Made, day: pd.Series) -> None:
    settings = {"split.by": "time", "split.column": "day"}
    parts = read_examples(of(table(day=day), PRICES, **settings)).parts
    when = pd.to_datetime(DAYS, format="%d.%m.%Y")
    assert when[parts["train"]].max() < when[parts["val"]].min()
    assert when[parts["val"]].max() < when[parts["test"]].min()
    assert len(parts["test"]) == 20


def test_the_sources_own_parts_are_kept(of: Made) -> None:
    given = np.repeat(["train", "val", "test"], [50, 20, 30])
    config = of(RawExamples(X, CLASSES, tuple("abcd"), parts=given))
    parts = read_examples(config).parts
    assert {name: (ids[0], len(ids)) for name, ids in parts.items()} == {
        "train": (0, 50), "val": (50, 20), "test": (70, 30),
    }  # fmt: skip
    mixed = of(RawExamples(X, CLASSES, tuple("abcd"), parts=given), **{"split.by": "random"})
    assert read_examples(mixed).parts["test"].min() < 50


def test_the_given_parts_of_a_limited_source_are_those_of_the_examples_that_are_left(
    of: Made,
) -> None:
    given = np.tile(["train", "val", "test", "train"], 25)
    examples = read_examples(of(RawExamples(X, PRICES, parts=given), limit=40))
    for name, ids in examples.parts.items():
        rows = ((examples.raw.y[ids] - 1000) / 7.5).round().astype(int)
        assert (given[rows] == name).all()


@pytest.mark.parametrize(
    ("x", "settings", "problem"),
    [
        pytest.param(table(), {"split.column": "who"}, "no column 'who'; the table has size, rent",
                     id="no such column"),
        pytest.param(IMAGES, {"split.column": "who"}, "images have no columns", id="images"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_divide(
    of: Made, x: Any, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RequestError, match=r"^data\.split\.column: ") as caught:
        load(of(x, CLASSES, **{"split.by": "group"}, **settings))
    assert problem in str(caught.value)


def test_columns_of_images_are_refused(of: Made) -> None:
    with pytest.raises(RequestError, match=r"^data\.columns: images have no columns"):
        load(of(IMAGES, CLASSES, columns={"size": "numeric"}))


# ---- the fingerprint ----------------------------------------------------------------------------


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
        pytest.param(pd.DataFrame(X, columns=["a", "b"]), CLASSES, None, False, id="a column name"),
    ],
)
def test_the_fingerprint_is_of_the_content(
    of: Made, x: Any, y: np.ndarray, names: Any, same: bool
) -> None:
    assert (fingerprint(of(x, y, names)) == fingerprint(of(X, CLASSES))) == same


@pytest.mark.parametrize("kind", [object, str], ids=["objects", "text"])
def test_the_fingerprint_of_words(of: Made, kind: type) -> None:
    def words(*some: str) -> str:
        return fingerprint(of(X[:3], np.array(some, kind)))

    assert words("ab", "c", "d") == words("ab", "c", "d")
    assert words("ab", "c", "d") != words("a", "bc", "d")


def test_the_fingerprint_is_of_parts_too(of: Made) -> None:
    given = np.tile(["train", "test"], 50)
    one, other = (RawExamples(X, CLASSES, tuple("abcd"), parts=p) for p in (given, given[::-1]))
    assert fingerprint(of(one)) != fingerprint(of(other))


def test_the_fingerprint_of_images_does_not_depend_on_where_they_lie(of: Made) -> None:
    stored = RawExamples(on_disk(IMAGES), CLASSES, tuple("abcd"))
    assert fingerprint(of(stored)) == fingerprint(of(IMAGES, CLASSES, tuple("abcd")))


def test_the_fingerprint_is_of_all_examples_whatever_is_used(of: Made) -> None:
    assert fingerprint(of(X, CLASSES, limit=50)) == fingerprint(of(X, CLASSES))


@pytest.mark.parametrize("shuffles", [False, True], ids=["the same again", "shuffled anew"])
def test_whether_a_source_repeats_itself(
    of: Made, monkeypatch: pytest.MonkeyPatch, shuffles: bool
) -> None:
    config, drawn = of(X, CLASSES), np.random.default_rng(1)
    if shuffles:
        monkeypatch.setattr(sys.modules["my_data"], "load", lambda: (drawn.permutation(X), CLASSES))
    load(config)
    assert repeats(config) is not shuffles


# ---- the prior ----------------------------------------------------------------------------------


def a_dataset(task: Task, y: Any, classes: int) -> Dataset:
    labels = np.asarray(y)
    ids = np.arange(len(labels))
    train = Split(np.zeros((len(labels), 1), np.float32), labels, ids, ids)
    features = ImageFeatures(Scaling(np.zeros(1), np.ones(1)), (1,))
    return Dataset(task, train, train, train.x, ids, tuple("abcde"[:classes]), features, None)


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
        pytest.param(Task.MULTILABEL, [[1.0, 0, 1], [1, 0, 0]], 3, [0.75, 0.25, 0.5],
                     id="share of each label, half an example where all or none have it"),
        pytest.param(Task.REGRESSION, [[1.0, 10.0], [3.0, 20.0]], 0, [2.0, 15.0], id="means"),
    ],
)  # fmt: skip
def test_the_prior(task: Task, y: Any, classes: int, prior: list[float]) -> None:
    np.testing.assert_allclose(a_dataset(task, y, classes).prior, prior)


def test_the_prior_is_of_train(of: Made) -> None:
    data = load(of(X, np.arange(100) % 3 // 2))
    assert data.prior == pytest.approx([data.train.y.mean()])


# ---- parts of a split, in memory and on disk ----------------------------------------------------


@pytest.fixture(params=["in memory", "on disk"])
def some(request: pytest.FixtureRequest) -> Split:
    x = IMAGES if request.param == "in memory" else on_disk(IMAGES)
    return Split(x, CLASSES, np.arange(100), np.arange(100) // 2)


@pytest.mark.parametrize(
    "rows", [np.array([4, 2]), slice(2, 5), slice(200)], ids=["picked", "in a row", "more than all"]
)
def test_a_part_of_a_split(some: Split, rows: Any) -> None:
    part = some.take(rows)
    assert type(part.x) is type(some.x)
    assert len(part) == len(CLASSES[rows])
    np.testing.assert_array_equal(np.asarray(part.x), IMAGES[rows])
    np.testing.assert_array_equal(part.y, CLASSES[rows])
    np.testing.assert_array_equal(part.ids, np.arange(100)[rows])
    np.testing.assert_array_equal(part.groups, (np.arange(100) // 2)[rows])


def test_loaded_examples_are_in_memory(some: Split) -> None:
    loaded = some.loaded()
    assert isinstance(loaded, Loaded)
    assert isinstance(loaded.x, np.ndarray)
    np.testing.assert_array_equal(loaded.x, IMAGES)


def test_drawn_examples_are_from_all_over_the_split(some: Split) -> None:
    drawn = some.drawn(20)
    assert isinstance(drawn.x, np.ndarray)
    assert len(np.unique(drawn.ids)) == 20
    assert drawn.ids.min() < 25
    assert drawn.ids.max() >= 75
    np.testing.assert_array_equal(drawn.x, IMAGES[drawn.ids])
    assert drawn.ids.tolist() == some.drawn(20).ids.tolist() != some.drawn(20, seed=1).ids.tolist()
    assert some.drawn(1000).ids.tolist() == list(range(100))


def test_images_on_disk_are_the_same_dataset_and_stay_there(of: Made) -> None:
    asked: list[int] = []

    def read(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return IMAGES[rows]

    stored = Stored(read, np.arange(100), IMAGES.shape[1:])
    there = load(of(RawExamples(stored, CLASSES, tuple("abcd"))))
    here = load(of(IMAGES, CLASSES, tuple("abcd")))
    assert isinstance(there.train.x, Stored)
    assert isinstance(there.test_x, Stored)
    assert there.shape == here.shape
    asked.clear()
    batch = there.train.take(slice(8)).loaded()
    assert asked == [8]
    np.testing.assert_array_equal(batch.x, here.train.x[:8])
    np.testing.assert_array_equal(everything(there), everything(here))
    np.testing.assert_array_equal(there.train.groups, here.train.groups)
