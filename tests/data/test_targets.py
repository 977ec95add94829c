"""Labels of any kind become class positions, quantities become columns."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import RequestError, Task
from recipe.data.targets import encode

WHOLE_20, WHOLE_21 = np.arange(40) % 20, np.arange(42) % 21
NUMBERS = np.array([0.5, 1.0, 2.5])


@pytest.mark.parametrize(
    ("y", "task", "kind", "classes", "codes"),
    [
        pytest.param(["dog", "cat", "dog"], "auto", "binary", ("cat", "dog"), [1, 0, 1],
                     id="two words"),
        pytest.param(["b", "a", "c"], "auto", "multiclass", ("a", "b", "c"), [1, 0, 2],
                     id="three words"),
        pytest.param(np.array(["b", "a"], object), "auto", "binary", ("a", "b"), [1, 0],
                     id="words of pandas"),
        pytest.param(pd.Series(["b", "a"], dtype="category"), "auto", "binary", ("a", "b"), [1, 0],
                     id="a categorical"),
        pytest.param([True, False, True], "auto", "binary", ("False", "True"), [1, 0, 1],
                     id="truth values"),
        pytest.param([1.0, 2.0, 2.0], "auto", "binary", ("1", "2"), [0, 1, 1],
                     id="1.0 and 2.0 keep their names"),
        pytest.param([-1, 1, -1], "auto", "binary", ("-1", "1"), [0, 1, 0], id="-1 and +1"),
        pytest.param([1, 2, 3, 3], "auto", "multiclass", ("1", "2", "3"), [0, 1, 2, 2], id="1..K"),
        pytest.param([7, 300, 7], "auto", "binary", ("7", "300"), [0, 1, 0],
                     id="numbers with gaps, in their order"),
        pytest.param([[3], [4]], "auto", "binary", ("3", "4"), [0, 1], id="a column"),
        pytest.param([0, 1, 1], "multiclass", "multiclass", ("0", "1"), [0, 1, 1],
                     id="two classes, a softmax asked for"),
        pytest.param([0.5, 1.5, 0.5], "binary", "binary", ("0.5", "1.5"), [0, 1, 0],
                     id="classes asked for, broken numbers"),
        pytest.param(WHOLE_20, "auto", "multiclass", None, WHOLE_20, id="20 whole numbers"),
        pytest.param(WHOLE_21, "multiclass", "multiclass", None, WHOLE_21,
                     id="21 whole numbers, classes asked for"),
    ],
)  # fmt: skip
def test_classes(
    y: Any, task: str, kind: str, classes: tuple[str, ...] | None, codes: list[int]
) -> None:
    targets = encode(np.asarray(y), None, task)
    assert targets.task is Task(kind)
    assert targets.y.tolist() == list(codes)
    assert targets.y.dtype == np.int32
    if classes is not None:
        assert targets.classes == classes


@pytest.mark.parametrize(
    ("y", "task", "column"),
    [
        pytest.param(NUMBERS, "auto", NUMBERS[:, None], id="broken numbers"),
        pytest.param(WHOLE_21, "auto", WHOLE_21[:, None], id="21 whole numbers"),
        pytest.param([0, 1, 1], "regression", [[0], [1], [1]], id="few whole numbers, asked for"),
        pytest.param([["1.5"], ["2"]], "regression", [[1.5], [2]], id="numbers as text, asked for"),
        pytest.param([[1, 2], [3, 4]], "auto", [[1, 2], [3, 4]], id="two columns"),
        pytest.param(np.array([1.0, None], object), "regression", [[1], [np.nan]],
                     id="None is a missing number"),
        pytest.param([0.5, 1.0, np.nan], "auto", [[0.5], [1], [np.nan]],
                     id="a missing number is the data stage's to find"),
        pytest.param([*range(21), np.nan], "auto", [[n] for n in (*range(21), np.nan)],
                     id="21 whole numbers and a missing one"),
        pytest.param([[0, 1], [1, 2]], "auto", [[0, 1], [1, 2]], id="not all of them 0 and 1"),
        pytest.param([[0.0, 1.0], [np.nan, 0.5]], "auto", [[0, 1], [np.nan, 0.5]],
                     id="two columns with a gap"),
        pytest.param([[0, 1], [1, 0]], "regression", [[0, 1], [1, 0]],
                     id="columns of 0 and 1, quantities asked for"),
    ],
)  # fmt: skip
def test_quantities(y: Any, task: str, column: Any) -> None:
    targets = encode(np.asarray(y), None, task)
    assert targets.task is Task.REGRESSION
    assert targets.classes == ()
    assert targets.y.dtype == np.float32
    np.testing.assert_array_equal(targets.y, np.asarray(column, np.float32))


@pytest.mark.parametrize(
    ("y", "names", "task", "labels"),
    [
        pytest.param([[0, 1], [1, 1]], ("rain", "wind"), "auto", ("rain", "wind"), id="named"),
        pytest.param([[0, 1], [1, 1]], (), "auto", ("label_0", "label_1"), id="without names"),
        pytest.param([[0.0, 1.0], [1.0, 1.0]], (), "auto", ("label_0", "label_1"), id="floats"),
        pytest.param([[False, True], [True, True]], (), "auto", ("label_0", "label_1"),
                     id="truth values"),
        pytest.param(np.array([[0, 1], [1, 1]], object), (), "multilabel", ("label_0", "label_1"),
                     id="objects, asked for"),
        pytest.param([["0", "1"], ["1", "1"]], (), "multilabel", ("label_0", "label_1"),
                     id="digits as text, asked for"),
    ],
)  # fmt: skip
def test_several_labels(y: Any, names: tuple[str, ...], task: str, labels: tuple[str, ...]) -> None:
    targets = encode(np.asarray(y), None, task, names)
    assert targets.task is Task.MULTILABEL
    assert targets.classes == labels
    assert targets.y.dtype == np.float32
    assert targets.y.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("y", "names", "task", "why"),
    [
        pytest.param([0, 1], None, "binary", "data.task says so", id="asked for"),
        pytest.param([0, 1], ("a", "b"), "auto", "the source names the classes", id="class names"),
        pytest.param(["a", "b"], None, "auto", "the target is text", id="text"),
        pytest.param([True, False], None, "auto", "the target is true or false", id="truth"),
        pytest.param(WHOLE_20, None, "auto", "20 different whole numbers", id="20 whole numbers"),
        pytest.param(WHOLE_21, None, "auto", "21 different whole numbers", id="21 whole numbers"),
        pytest.param(NUMBERS, None, "auto", "the target holds fractions", id="fractions"),
        pytest.param([[0, 1]], None, "auto", "2 columns of 0 and 1", id="several labels"),
        pytest.param([[0, 7]], None, "auto", "2 columns of numbers", id="several quantities"),
    ],
)
def test_the_reason_for_the_task_is_said(
    y: Any, names: tuple[str, ...] | None, task: str, why: str
) -> None:
    said = encode(np.asarray(y), names, task).why
    assert why in said
    assert said.endswith("data.task says otherwise if that is wrong") == (task == "auto")


@pytest.mark.parametrize(
    ("y", "names", "kind"),
    [
        pytest.param([0, 1, 2, 0], ("a", "b", "c"), "multiclass", id="0..K-1"),
        pytest.param([1, 2, 3, 3], ("a", "b", "c"), "multiclass", id="1..K is not repaired"),
        pytest.param([0, 0, 0], ("a", "b", "c"), "multiclass", id="classes without an example"),
        pytest.param([-1, 1, 1], ("a", "b"), "binary", id="-1 is not repaired"),
        pytest.param([[1], [0]], ("a", "b"), "binary", id="a column"),
        pytest.param([True, False], ("a", "b"), "binary", id="truth values"),
        pytest.param(WHOLE_21, tuple("abcdefghijklmnopqrstu"), "multiclass", id="21 classes"),
    ],
)
def test_with_class_names_positions_stay_as_they_are(
    y: Any, names: tuple[str, ...], kind: str
) -> None:
    targets = encode(np.asarray(y), names, "auto")
    assert targets.task is Task(kind)
    assert targets.classes == names
    assert targets.y.tolist() == np.ravel(y).tolist()


@pytest.mark.parametrize(
    ("y", "names", "task", "problem"),
    [
        pytest.param([0.0, 1.0, np.nan], None, "auto",
                     "1 labels are missing; write data.missing: drop", id="NaN"),
        pytest.param([0.0, np.nan, np.inf], None, "multiclass", "2 labels are missing",
                     id="NaN and infinity, classes asked for"),
        pytest.param(np.array(["a", None, "b"], object), None, "auto", "1 labels are missing",
                     id="None among words"),
        pytest.param(np.array(["a", np.nan, "b"], object), None, "auto", "1 labels are missing",
                     id="NaN among words"),
        pytest.param(np.array([1, pd.NA, 2], object), None, "auto",
                     "1 labels are missing", id="NA among whole numbers"),
        pytest.param([3, 3, 3], None, "auto", "multiclass needs at least 2 classes, got 1",
                     id="one class"),
        pytest.param([0, 0], ("only",), "auto", "needs at least 2 classes, got 1",
                     id="one class name"),
        pytest.param([0, 1, 2], None, "binary", "binary needs exactly 2 classes, got 3",
                     id="binary with three classes"),
        pytest.param([1, 1], None, "binary", "binary needs exactly 2 classes, got 1",
                     id="binary with one class"),
        pytest.param(["a", "b"], None, "regression", "regression needs numbers, got dtype <U1",
                     id="regression of text"),
        pytest.param(np.array([1.0, "x"], object), None, "regression",
                     "regression needs numbers, got dtype object", id="regression of a mixture"),
        pytest.param([[0, 1], [1, 0]], None, "multiclass", "one label an example, got y of (2, 2)",
                     id="one-hot labels"),
        pytest.param([["a", "b"], ["b", "a"]], None, "auto", "regression needs numbers, got dtype",
                     id="two columns of words"),
        pytest.param([[0, 1], [1, 2]], None, "multilabel", "a column of 0 and 1 for each label",
                     id="labels of 2"),
        pytest.param([[0.0, np.nan], [1.0, 0.0]], None, "auto", "1 labels are missing",
                     id="one of several labels"),
        pytest.param([["yes", "no"]], None, "multilabel",
                     "(data.target: [A, B]), got <U3 of (1, 2)", id="labels of words"),
        pytest.param([0, 1, 1], None, "multilabel", "a column of 0 and 1 for each label",
                     id="one label alone"),
        pytest.param([0.0, 1.0], ("a", "b"), "auto", "y holds positions, got float64",
                     id="broken positions"),
        pytest.param(["a", "b"], ("a", "b"), "auto", "y holds positions, got <U1",
                     id="words and class names"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_what_the_config_says(
    y: Any, names: tuple[str, ...] | None, task: str, problem: str
) -> None:
    with pytest.raises(RequestError, match=r"^data\.(task|source): ") as caught:
        encode(np.asarray(y), names, task)
    assert problem in str(caught.value)
