"""A name in the config becomes examples, or an error that says what is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recipe.config import DataConfig, RequestError
from recipe.data.sources import RawExamples, forget, read_anew, read_source

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The user's own module."""
    made = ModuleType("my_data")
    monkeypatch.setitem(sys.modules, "my_data", made)
    return made


@pytest.fixture
def read(module: ModuleType) -> Callable[..., RawExamples]:
    """Read a source whose function returns this."""

    def of(returned: Any, target: Any = None) -> RawExamples:
        module.load = lambda: returned
        return read_anew(DataConfig(source="my_data:load", target=target))

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
    raw = read_anew(DataConfig(source=f"sklearn:{name}"))
    assert raw.x.shape == shape
    assert isinstance(raw.x, pd.DataFrame) == (len(shape) == 2)
    assert len(raw.y) == len(raw.x)
    assert (raw.class_names and len(raw.class_names)) == classes
    assert len(raw.target_names) == (3 if name == "linnerud" else 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("digits", "must be KIND:NAME, e.g. sklearn:digits, got 'digits'", id="bare"),
        pytest.param("sklearn:", "must be KIND:NAME, e.g. sklearn:digits, got 'sklearn:'",
                     id="nothing after the colon"),
        pytest.param("sklearn:digit", "got 'digit'; did you mean 'sklearn:digits'?", id="a typo"),
        pytest.param("sklearn:housing", "scikit-learn bundles breast_cancer, diabetes, digits, "
                     "iris, linnerud, wine, got 'housing'", id="not bundled"),
        pytest.param("keras:mnis", "got 'mnis'; did you mean 'keras:mnist'?", id="a typo of Keras"),
        pytest.param("keras:imdb", "keras has mnist, fashion_mnist, cifar10, cifar100, "
                     "california_housing for us, got 'imdb'", id="text in numbers"),
        pytest.param("sklern:digits", "'sklern:digits': no module 'sklern'", id="unknown kind"),
        pytest.param("no_such_data:load", "no module 'no_such_data'", id="no such module"),
        pytest.param("my_data:lod", "has no function 'lod'; did you mean 'load'?",
                     id="no such function"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere(module: ModuleType, name: str, problem: str) -> None:
    module.load = lambda: (X, Y)
    assert len(read_anew(DataConfig(source="my_data:load")).x) == 6
    with pytest.raises(RequestError) as caught:
        read_anew(DataConfig(source=name))
    assert str(caught.value).startswith("data.source: ")
    assert problem in str(caught.value)


def test_a_source_is_read_once_until_it_is_forgotten(module: ModuleType) -> None:
    calls = []

    def load() -> Any:
        calls.append(1)
        return X, Y

    module.load = load
    forget()
    config = DataConfig(source="my_data:load")
    assert read_source(config) is read_source(DataConfig(source="my_data:load", missing="drop"))
    assert len(calls) == 1
    read_anew(config)
    assert len(calls) == 2
    forget()
    read_source(config)
    assert len(calls) == 3
    forget()


def test_a_function_that_raises_is_quoted(module: ModuleType) -> None:
    def load() -> None:
        raise FileNotFoundError("houses.csv is not here")

    module.load = load
    expected = r"^data\.source: my_data:load\(\) raised FileNotFoundError: houses\.csv is not here$"
    with pytest.raises(RequestError, match=expected):
        read_anew(DataConfig(source="my_data:load"))


@pytest.mark.parametrize(
    ("returned", "shape"),
    [
        pytest.param((X, Y), (6, 2), id="a tuple of arrays"),
        pytest.param([X, Y], (6, 2), id="a list of arrays"),
        pytest.param((X.tolist(), Y.tolist()), (6, 2), id="lists of numbers"),
        pytest.param((X.astype(np.uint8), Y), (6, 2), id="bytes"),
        pytest.param((X > 3, Y), (6, 2), id="truth values"),
        pytest.param((X.reshape(3, 2, 2), Y[:3]), (3, 2, 2, 1), id="gray images"),
        pytest.param((X.reshape(1, 2, 2, 3), Y[:1]), (1, 2, 2, 3), id="color images"),
        pytest.param(RawExamples(X, Y), (6, 2), id="RawExamples"),
        pytest.param(RawExamples(X.tolist(), Y.tolist()), (6, 2), id="RawExamples of lists"),
        pytest.param((X, Y, None), (6, 2), id="no class names, said so"),
        pytest.param((pd.DataFrame(X), pd.Series(Y)), (6, 2), id="a table and a series"),
    ],
)
def test_what_a_function_may_return(
    read: Callable[..., RawExamples], returned: Any, shape: tuple[int, ...]
) -> None:
    raw = read(returned)
    assert raw.x.shape == shape
    assert isinstance(raw.x, pd.DataFrame) == (len(shape) == 2)
    assert raw.class_names is None
    given = returned.x if isinstance(returned, RawExamples) else returned[0]
    np.testing.assert_array_equal(np.asarray(raw.x).ravel(), np.ravel(given))


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        pytest.param(None, "must return (x, y), (x, y, class_names), a pandas table or a "
                     "tf.data.Dataset, got NoneType", id="nothing"),
        pytest.param({"x": X, "y": Y}, "got dict", id="a mapping"),
        pytest.param(X, "got ndarray", id="x alone"),
        pytest.param((X,), "must return (x, y)", id="a tuple of one"),
        pytest.param((X, Y, None, None), "must return (x, y)", id="a tuple of four"),
        pytest.param((X.astype(str), Y), "x must hold numbers, got dtype <U", id="text in x"),
        pytest.param((X[:, 0], Y), "got shape (6,)", id="x without features"),
        pytest.param((X.reshape(6, 1, 1, 1, 2), Y), "got shape (6, 1, 1, 1, 2)",
                     id="x of five axes"),
        pytest.param((3.0, Y), "got shape ()", id="x is one number"),
        pytest.param(([[1, 2], [3]], [0, 1]), "inhomogeneous", id="ragged rows"),
        pytest.param((sparse.csr_array(X), Y), "x is sparse; return x.toarray()", id="sparse x"),
        pytest.param((X, 3), "y must be (examples,) or (examples, targets), got shape ()",
                     id="y is one number"),
        pytest.param((X, None), "y must be (examples,) or (examples, targets), got shape ()",
                     id="y is missing"),
        pytest.param((X, np.arange(6).astype("datetime64[D]")),
                     "y must hold labels or numbers, got datetime64[D]; turn it", id="y of dates"),
        pytest.param((X, Y * 1j), "y must hold labels or numbers, got complex128", id="complex y"),
        pytest.param((X, [[1, 2], [3]]), "x and y must be arrays", id="ragged y"),
        pytest.param((X, np.zeros((6, 2, 2))), "got shape (6, 2, 2)", id="y of three axes"),
        pytest.param((X, Y[:5]), "x and y must be equally long, got 6 and 5 examples",
                     id="unequal lengths"),
        pytest.param((X, np.stack([Y, Y])), "equally long, got 6 and 2 examples",
                     id="y is longer the other way"),
        pytest.param((X[:0], Y[:0]), "there are no examples: x has shape (0, 2)",
                     id="no examples"),
        pytest.param((X[:, :0], Y), "x has shape (6, 0)", id="no features"),
        pytest.param((X, np.zeros((6, 0))), "y has shape (6, 0)", id="no targets"),
        pytest.param((X.reshape(1, 3, 4) * 1e300, Y[:1]),
                     "x must fit into float32, at most 3.4e+38, got 1.1e+301",
                     id="pixels beyond float32"),
        pytest.param((X, Y, 3), "class_names", id="class names that are a number"),
        pytest.param((pd.DataFrame(X, columns=["a", "a"]), Y), "got 'a' more than once",
                     id="columns of the same name"),
        pytest.param((pd.DataFrame(X, columns=[1, "1"]), Y), "got '1' more than once",
                     id="columns of the same name, as text"),
        pytest.param(RawExamples(X, Y, parts=np.array(["train", "test"])),
                     "parts must be as long as y, got 2 and 6", id="parts of too few"),
        pytest.param(RawExamples(X, Y, parts=np.repeat(["train", "dev"], 3)),
                     "parts must be train, val, test, some of them train, got dev, train",
                     id="an unknown part"),
        pytest.param(RawExamples(X, Y, parts=np.repeat(["val", "test"], 3)),
                     "some of them train, got test, val", id="no train"),
        pytest.param(RawExamples(X, Y, names=np.array(["a"])),
                     "names must be as long as y, got 1 and 6", id="names of too few"),
    ],
)  # fmt: skip
def test_what_a_function_must_not_return(
    read: Callable[..., RawExamples], returned: Any, problem: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read(returned)
    assert str(caught.value).startswith("data.source: my_data:load")
    assert problem in str(caught.value)


def test_infinity_is_no_overflow(read: Callable[..., RawExamples]) -> None:
    x = X.reshape(3, 2, 2).copy()
    x[0, 0, 0], x[1, 1, 1] = np.inf, np.nan
    assert np.isinf(np.asarray(read((x, Y[:3])).x)[0, 0, 0])


def test_a_table_brings_the_names_of_its_columns(read: Callable[..., RawExamples]) -> None:
    table = pd.DataFrame(X, columns=["age", 3], index=list("abcdef"))
    raw = read((table, pd.Series(["no", "yes"] * 3)))
    assert isinstance(raw.x, pd.DataFrame)
    assert list(raw.x) == ["age", "3"]
    assert list(raw.x.index) == list(range(6))
    assert raw.y.tolist() == ["no", "yes"] * 3


def test_features_without_names_get_some(read: Callable[..., RawExamples]) -> None:
    x = read((X, Y)).x
    assert isinstance(x, pd.DataFrame)
    assert list(x) == ["feature_0", "feature_1"]


def test_class_names_are_text(read: Callable[..., RawExamples]) -> None:
    assert read((X, Y, [7, "b"])).class_names == ("7", "b")


def test_several_targets_bring_their_names(read: Callable[..., RawExamples]) -> None:
    assert read((X, pd.DataFrame({"u": Y, "v": Y}))).target_names == ("u", "v")


TABLE = pd.DataFrame({"a": range(3), "b": list("xyz"), "Class": [0, 1, 0]})


@pytest.mark.parametrize(
    ("target", "columns", "y"),
    [
        pytest.param(None, ["a", "b"], [0, 1, 0], id="the usual name, in any case"),
        pytest.param("b", ["a", "Class"], ["x", "y", "z"], id="one that is named"),
        pytest.param(("a", "Class"), ["b"], [[0, 0], [1, 1], [2, 0]], id="several"),
    ],
)
def test_a_function_may_return_a_table_with_the_target_in_it(
    read: Callable[..., RawExamples], target: Any, columns: list[str], y: list[Any]
) -> None:
    raw = read(TABLE, target)
    assert isinstance(raw.x, pd.DataFrame)
    assert list(raw.x) == columns
    assert raw.y.tolist() == y


@pytest.mark.parametrize(
    ("table", "target", "problem"),
    [
        pytest.param(TABLE, "c", "my_data:load() has no column 'c' (columns: a, b, Class)",
                     id="no such column"),
        pytest.param(TABLE, "Klass", "has no column 'Klass'; did you mean 'Class'?", id="a typo"),
        pytest.param(TABLE.assign(y=1), None, "(2 are called target, label, class, y)",
                     id="two usual names"),
        pytest.param(TABLE, ("a", "a"), "'a' must be one column, written once", id="one, twice"),
        pytest.param(TABLE.set_axis(["a", "t", "t"], axis=1), "t",
                     "'t' must be one column, written once", id="two columns of that name"),
        pytest.param(TABLE, ("a", "b", "Class"), "has no column beside the target",
                     id="all of the table"),
    ],
)  # fmt: skip
def test_a_target_that_is_not_one_column(
    read: Callable[..., RawExamples], table: pd.DataFrame, target: Any, problem: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read(table, target)
    assert str(caught.value).startswith("data.target: ")
    assert problem in str(caught.value)


def test_arrays_in_a_file_come_with_their_parts_and_class_names(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(
        file, x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2], x_val=X[:1], y_val=Y[:1],
        class_names=np.array(["no", "yes"]),
    )  # fmt: skip
    raw = read_anew(DataConfig(source=f"npz:{file}"))
    assert raw.parts is not None
    assert raw.parts.tolist() == ["train"] * 6 + ["val"] + ["test"] * 2
    assert raw.class_names == ("no", "yes")
    np.savez(file, x=X.reshape(3, 2, 2).astype(np.uint8), y=Y[:3])
    raw = read_anew(DataConfig(source=f"npz:{file}"))
    assert raw.parts is None
    assert isinstance(raw.x, np.ndarray)
    assert raw.x.shape == (3, 2, 2, 1)
    assert raw.x.dtype == np.uint8


def test_examples_are_taken_with_all_that_belongs_to_them() -> None:
    parts, names = np.repeat(["train", "test"], 3), np.array(list("abcdef"))
    raw = RawExamples(pd.DataFrame(X), Y, parts=parts, names=names).take(np.array([5, 0]))
    assert np.asarray(raw.x).tolist() == [[10, 11], [0, 1]]
    assert raw.y.tolist() == [1, 0]
    assert raw.parts is not None
    assert raw.parts.tolist() == ["test", "train"]
    assert raw.names is not None
    assert raw.names.tolist() == ["f", "a"]
