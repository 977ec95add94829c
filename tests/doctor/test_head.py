"""Target, last activation and loss: which go together, which don't, and what is said of it."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.doctor.head import Head, target_of, trouble
from recipe.doctor.losses import compiled_losses, loss_name
from recipe.doctor.skill import skill

BCE, CCE, SCE = "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"
MSE = "mean_squared_error"
RNG = np.random.default_rng(0)

ZERO_ONE = np.array([0, 1] * 20)
POSITIONS = np.arange(40) % 4
ONE_HOT = np.eye(4)[POSITIONS]
LABELS = RNG.integers(0, 2, (40, 4)).astype(float)
REAL = RNG.normal(0, 3, (40, 1))
COUNTS = RNG.poisson(30, 40).astype(float)
SHARES = RNG.dirichlet(np.ones(4), 40)


def head(
    y: np.ndarray, loss: str | None, activation: str | None, units: int = 1, **given: Any
) -> Head:
    predicted = given.pop("predicted", np.zeros((8, units)))
    return Head(
        y, predicted, activation, loss, given.pop("from_logits", False),
        given.pop("counts_right", False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("y", "is_column", "kind"),
    [
        pytest.param(ZERO_ONE, True, "binary", id="0 and 1"),
        pytest.param(ZERO_ONE * 2 - 1, True, "signs", id="-1 and 1"),
        pytest.param(POSITIONS, True, "classes", id="0 to K-1"),
        pytest.param(POSITIONS + 1, True, "shifted", id="1 to K"),
        pytest.param(COUNTS, True, "real", id="counts"),
        pytest.param(REAL, True, "real", id="numbers"),
        pytest.param(ONE_HOT, False, "one_hot", id="rows with one 1"),
        pytest.param(LABELS, False, "labels", id="rows of 0 and 1"),
        pytest.param(SHARES, False, "shares", id="rows that add up to 1"),
        pytest.param(RNG.random((9, 3)), False, "unit", id="within 0 and 1"),
    ],
)
def test_what_the_numbers_of_a_target_are(y: np.ndarray, is_column: bool, kind: str) -> None:
    assert target_of(y, is_column).kind == kind


SOUND = [
    pytest.param(head(ZERO_ONE, BCE, "sigmoid"), id="binary, sigmoid"),
    pytest.param(head(ZERO_ONE, BCE, "linear", from_logits=True), id="binary, logits"),
    pytest.param(head(POSITIONS, SCE, "softmax", 4), id="positions, softmax"),
    pytest.param(head(POSITIONS, SCE, "linear", 4, from_logits=True), id="positions, logits"),
    pytest.param(head(POSITIONS, SCE, "softmax", 6), id="more units than classes"),
    pytest.param(head(ONE_HOT, CCE, "softmax", 4), id="one-hot, softmax"),
    pytest.param(head(SHARES, CCE, "softmax", 4), id="soft labels"),
    pytest.param(head(np.eye(2)[ZERO_ONE], BCE, "softmax", 2), id="two units, one-hot, BCE"),
    pytest.param(head(LABELS, BCE, "sigmoid", 4), id="several labels"),
    pytest.param(head(ONE_HOT, BCE, "sigmoid", 4), id="one against the rest"),
    pytest.param(head(REAL, MSE, "linear"), id="a number"),
    pytest.param(head(REAL, MSE, None), id="an end that can't be told"),
    pytest.param(head(np.tanh(REAL), MSE, "tanh"), id="tanh for -1 to 1"),
    pytest.param(head(RNG.random((40, 6)), MSE, "sigmoid", 6), id="an autoencoder"),
    pytest.param(head(RNG.random((40, 6)), BCE, "sigmoid", 6), id="an autoencoder, BCE"),
    pytest.param(head(COUNTS, "poisson", "exponential"), id="counts"),
    pytest.param(head(np.abs(REAL), MSE, "relu"), id="ReLU for what is never negative"),
    pytest.param(head(POSITIONS, MSE, "linear"), id="grades as numbers"),
    pytest.param(head(ZERO_ONE * 2 - 1, "hinge", "tanh"), id="hinge"),
    pytest.param(head(REAL, None, "relu"), id="a loss of one's own"),
]

SICK = [
    pytest.param(head(ZERO_ONE, BCE, "softmax"), "wrong_output_activation", id="softmax of one"),
    pytest.param(head(ZERO_ONE, BCE, "relu"), "wrong_output_activation", id="ReLU before BCE"),
    pytest.param(head(ZERO_ONE, BCE, "tanh"), "wrong_output_activation", id="tanh before BCE"),
    pytest.param(head(ZERO_ONE, BCE, "linear"), "logits_mismatch", id="logits unsaid, BCE"),
    pytest.param(
        head(ZERO_ONE, BCE, "sigmoid", from_logits=True), "logits_mismatch", id="sigmoid as logits"
    ),
    pytest.param(head(POSITIONS, SCE, "linear", 4), "logits_mismatch", id="logits unsaid, SCE"),
    pytest.param(
        head(POSITIONS, SCE, None, 4, predicted=RNG.normal(0, 3, (8, 4))),
        "logits_mismatch",
        id="logits unsaid, seen by their values",
    ),
    pytest.param(head(POSITIONS, SCE, "sigmoid", 4), "wrong_output_activation", id="sigmoid, SCE"),
    pytest.param(head(ONE_HOT, CCE, "relu", 4), "wrong_output_activation", id="ReLU, CCE"),
    pytest.param(head(ONE_HOT, BCE, "softmax", 4), "wrong_loss", id="softmax with BCE"),
    pytest.param(head(LABELS, CCE, "softmax", 4), "wrong_loss", id="several labels with CCE"),
    pytest.param(head(LABELS, BCE, "softmax", 4), "wrong_output_activation", id="several, softmax"),
    pytest.param(head(REAL, BCE, "sigmoid"), "wrong_loss", id="a number with BCE"),
    pytest.param(head(POSITIONS, BCE, "sigmoid"), "wrong_loss", id="classes with BCE"),
    pytest.param(head(POSITIONS + 1, SCE, "softmax", 4), "label_encoding", id="1 to K"),
    pytest.param(head(ZERO_ONE + 1, BCE, "sigmoid"), "label_encoding", id="1 and 2 with BCE"),
    pytest.param(head(POSITIONS, CCE, "softmax", 4), "label_encoding", id="positions with CCE"),
    pytest.param(head(ONE_HOT, SCE, "softmax", 4), "label_encoding", id="one-hot with SCE"),
    pytest.param(head(ZERO_ONE, CCE, "sigmoid"), "wrong_loss", id="CCE of one unit"),
    pytest.param(head(REAL, MSE, "sigmoid"), "wrong_output_activation", id="sigmoid for a number"),
    pytest.param(head(REAL, MSE, "relu"), "wrong_output_activation", id="ReLU for negatives"),
    pytest.param(head(REAL, MSE, "softmax"), "wrong_output_activation", id="softmax for a number"),
    pytest.param(head(ONE_HOT, MSE, "softmax", 4), "wrong_loss", id="squared error of classes"),
    pytest.param(
        head(POSITIONS, MSE, "linear", counts_right=True), "wrong_loss", id="accuracy of a number"
    ),
    pytest.param(head(REAL, "poisson", "exponential"), "wrong_loss", id="negative counts"),
    pytest.param(head(COUNTS, "poisson", "linear"), "wrong_output_activation", id="a rate below 0"),
]


@pytest.mark.parametrize("given", SOUND)
def test_what_goes_together(given: Head) -> None:
    assert trouble(given) is None


@pytest.mark.parametrize(("given", "code"), SICK)
def test_what_does_not(given: Head, code: str) -> None:
    found = trouble(given)
    assert found is not None
    assert found.code == code
    assert found.said
    assert found.cure


def test_the_loss_of_a_compiled_net() -> None:
    """Keras has no public names for these."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    model.compute_loss(np.zeros((3, 2)), np.zeros((3, 1)), model(np.zeros((3, 2))))
    (loss,) = compiled_losses(model)
    assert loss_name(loss) == ("binary_crossentropy", True)
    assert loss_name(keras.losses.get("mse")) == ("mean_squared_error", False)
    assert loss_name(lambda y, p: 0.0) == (None, False)


@pytest.mark.parametrize(
    ("given", "y", "said", "expected"),
    [
        pytest.param(SOUND[0].values[0], [0, 1, 0], [[0.2], [0.9], [0.4]], 1.0, id="all right"),
        pytest.param(SOUND[0].values[0], [0, 0, 0, 1], [[0.1]] * 4, 0.0, id="always the frequent"),
        pytest.param(SOUND[1].values[0], [0, 1], [[-0.2], [0.4]], 1.0, id="logits"),
        pytest.param(SOUND[2].values[0], [0, 1, 2, 3], np.eye(4)[::-1], -1 / 3, id="all wrong"),
        pytest.param(SOUND[10].values[0], [[1.0], [3.0]], [[2.0], [2.0]], 0.0, id="the mean"),
        pytest.param(SOUND[10].values[0], [[1.0], [3.0]], [[9.0], [-9]], -1.0, id="far off"),
        pytest.param(SOUND[19].values[0], [[1.0], [3], [4]], [[7.0], [8], [9]], 1.0, id="an order"),
    ],
)
def test_skill(given: Head, y: Any, said: Any, expected: float) -> None:
    assert skill([given], [np.array(y)], [np.array(said, float)]) == pytest.approx(expected)


def test_an_output_that_is_not_finite_has_no_skill() -> None:
    given = SOUND[10].values[0]
    assert isinstance(given, Head)
    assert np.isnan(skill([given], [np.ones((2, 1))], [np.array([[np.nan], [1.0]])]))


def test_the_losses_of_named_outputs_are_in_their_order() -> None:
    inputs = keras.Input((2,))
    ends = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("second", "first")}
    model = keras.Model(inputs, ends)
    model.compile("sgd", {"second": "mse", "first": "mae"})
    y = {name: np.zeros((3, 1)) for name in ends}
    model.compute_loss(np.zeros((3, 2)), y, model(np.zeros((3, 2))))
    assert model.output_names == ["first", "second"]
    found = [loss_name(loss)[0] for loss in compiled_losses(model)]
    assert found == ["mean_absolute_error", "mean_squared_error"]
