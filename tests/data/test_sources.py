"""A name in the config becomes arrays in memory, or an error that says what is wrong."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import RequestError
from recipe.data.sources import RawExamples, read_source

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The user's own module."""
    made = ModuleType("my_data")
    monkeypatch.setitem(sys.modules, "my_data", made)
    return made


@pytest.fixture
def read(module: ModuleType) -> Callable[[Any], RawExamples]:
    """Read a source whose function returns this."""

    def of(returned: Any) -> RawExamples:
        module.load = lambda: returned
        return read_source("my_data:load")

    return of


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        pytest.param("breast_cancer", (569, 30), 2, id="breast_cancer: a table, two classes"),
        pytest.param("diabetes", (442, 10), None, id="diabetes: a table, a quantity"),
        pytest.param("digits", (1797, 8, 8, 1), 10, id="digits: images with a channel axis"),
        pytest.param("iris", (150, 4), 3, id="iris: a table, three classes"),
        pytest.param("linnerud", (20, 3), None, id="linnerud: a table, three quantities"),
        pytest.param("wine", (178, 13), 3, id="wine: a table, three classes"),
    ],
)
def test_what_scikit_learn_bundles(name: str, shape: tuple[int, ...], classes: int | None) -> None:
    raw = read_source(f"sklearn:{name}")
    assert raw.x.shape == shape
    assert raw.x.dtype == np.float32
    assert len(raw.y) == len(raw.x)
    assert (raw.class_names and len(raw.class_names)) == classes
    assert len(raw.feature_names) == (shape[1] if len(shape) == 2 else 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("digits", "must be KIND:NAME, e.g. sklearn:digits, got 'digits'", id="bare"),
        pytest.param("sklearn:", "must be KIND:NAME, e.g. sklearn:digits, got 'sklearn:'",
                     id="nothing after the colon"),
        pytest.param("sklearn:digit", "got 'digit'; did you mean 'sklearn:digits'?", id="a typo"),
        pytest.param("sklearn:housing", "scikit-learn bundles breast_cancer, diabetes, digits, "
                     "iris, linnerud, wine, got 'housing'", id="not bundled"),
        pytest.param("sklern:digits", "'sklern:digits': no module 'sklern'", id="unknown kind"),
        pytest.param("no_such_data:load", "no module 'no_such_data'", id="no such module"),
        pytest.param("my_data:lod", "has no function 'lod'; did you mean 'load'?",
                     id="no such function"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere(module: ModuleType, name: str, problem: str) -> None:
    module.load = lambda: (X, Y)
    assert len(read_source("my_data:load").x) == 6
    with pytest.raises(RequestError) as caught:
        read_source(name)
    assert str(caught.value).startswith("data.source: ")
    assert problem in str(caught.value)


def test_a_function_that_raises_is_quoted(module: ModuleType) -> None:
    def load() -> None:
        raise FileNotFoundError("houses.csv is not here")

    module.load = load
    expected = r"^data\.source: my_data:load\(\) raised FileNotFoundError: houses\.csv is not here$"
    with pytest.raises(RequestError, match=expected):
        read_source("my_data:load")


@pytest.mark.parametrize(
    ("returned", "shape"),
    [
        pytest.param((X, Y), (6, 2), id="a tuple of arrays"),
        pytest.param([X, Y], (6, 2), id="a list of arrays"),
        pytest.param((X.tolist(), Y.tolist()), (6, 2), id="lists of numbers"),
        pytest.param((X.astype(np.uint8), Y), (6, 2), id="bytes"),
        pytest.param((X > 3, Y), (6, 2), id="truth values"),
        pytest.param((X.reshape(3, 2, 2), Y[:3]), (3, 2, 2, 1), id="grey images"),
        pytest.param((X.reshape(1, 2, 2, 3), Y[:1]), (1, 2, 2, 3), id="colour images"),
        pytest.param((X, np.stack([Y, Y])), None, id="y is longer the other way"),
        pytest.param(RawExamples(X, Y), (6, 2), id="RawExamples"),
        pytest.param(RawExamples(X.tolist(), Y.tolist()), (6, 2), id="RawExamples of lists"),
        pytest.param((X, Y, None), (6, 2), id="no class names, said so"),
    ],
)
def test_what_a_function_may_return(
    read: Callable[[Any], RawExamples], returned: Any, shape: tuple[int, ...] | None
) -> None:
    if shape is None:
        with pytest.raises(RequestError, match="equally long, got 6 and 2 examples"):
            read(returned)
        return
    raw = read(returned)
    assert raw.x.shape == shape
    assert raw.x.dtype == np.float32
    assert raw.class_names is None
    given = returned.x if isinstance(returned, RawExamples) else returned[0]
    np.testing.assert_array_equal(raw.x.ravel(), np.ravel(given))


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        pytest.param(None, "must return (x, y) or (x, y, class_names), got NoneType",
                     id="nothing"),
        pytest.param({"x": X, "y": Y}, "got dict", id="a mapping"),
        pytest.param(X, "got ndarray", id="x alone"),
        pytest.param((X,), "must return (x, y)", id="a tuple of one"),
        pytest.param((X, Y, None, None), "must return (x, y)", id="a tuple of four"),
        pytest.param((X.astype(str), Y), "x must hold numbers, got dtype <U", id="text in x"),
        pytest.param((pd.DataFrame({"a": [1], "b": ["x"]}), [0]),
                     "x must hold numbers, got dtype object", id="a text column"),
        pytest.param((X[:, 0], Y), "got shape (6,)", id="x without features"),
        pytest.param((X.reshape(6, 1, 1, 1, 2), Y), "got shape (6, 1, 1, 1, 2)",
                     id="x of five axes"),
        pytest.param((3.0, Y), "got shape ()", id="x is one number"),
        pytest.param(([[1, 2], [3]], [0, 1]), "inhomogeneous", id="ragged rows"),
        pytest.param((X, 3), "y must be (examples,) or (examples, targets), got shape ()",
                     id="y is one number"),
        pytest.param((X, np.zeros((6, 2, 2))), "got shape (6, 2, 2)", id="y of three axes"),
        pytest.param((X, Y[:5]), "x and y must be equally long, got 6 and 5 examples",
                     id="unequal lengths"),
        pytest.param((X[:0], Y[:0]), "there are no examples: x has shape (0, 2)",
                     id="no examples"),
        pytest.param((X[:, :0], Y), "x has shape (6, 0)", id="no features"),
        pytest.param((X, np.zeros((6, 0))), "y has shape (6, 0)", id="no targets"),
        pytest.param((X * 1e300, Y), "x must fit into float32, at most 3.4e+38, got 1.1e+301",
                     id="numbers beyond float32"),
        pytest.param((X, Y, 3), "class_names", id="class names that are a number"),
    ],
)  # fmt: skip
def test_what_a_function_must_not_return(
    read: Callable[[Any], RawExamples], returned: Any, problem: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read(returned)
    assert str(caught.value).startswith("data.source: my_data:load")
    assert problem in str(caught.value)


def test_infinity_is_no_overflow(read: Callable[[Any], RawExamples]) -> None:
    x = X.copy()
    x[0, 0], x[1, 1] = np.inf, np.nan
    assert np.isinf(read((x, Y)).x[0, 0])


def test_a_table_brings_the_names_of_its_columns(read: Callable[[Any], RawExamples]) -> None:
    table = pd.DataFrame(X, columns=["age", 3])
    raw = read((table, pd.Series(["no", "yes"] * 3)))
    assert raw.feature_names == ("age", "3")
    assert raw.y.tolist() == ["no", "yes"] * 3


def test_features_without_names_get_some(read: Callable[[Any], RawExamples]) -> None:
    assert read((X, Y)).feature_names == ("feature_0", "feature_1")
    assert read(RawExamples(X, Y, feature_names=("one",))).feature_names[1] == "feature_1"


def test_class_names_are_text(read: Callable[[Any], RawExamples]) -> None:
    assert read((X, Y, [7, "b"])).class_names == ("7", "b")
