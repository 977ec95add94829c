"""The constant of lowest loss, and its loss: against Keras's own losses, and against any other."""

from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from recipe.checks.constant import best_constant, curvature, loss_at, prior_loss, shrunk_loss
from recipe.checks.formulas import BINARY, CATEGORICAL, FORMULAS, Loss, each

RNG = np.random.default_rng(0)
EXAMPLES = 60
ONE_HOT = np.eye(4)[RNG.choice(4, EXAMPLES, p=[0.55, 0.25, 0.15, 0.05])]
LABELS = (RNG.uniform(size=(EXAMPLES, 3)) < [0.1, 0.5, 0.8]).astype(float)
NUMBERS = RNG.gamma(2, 3, (EXAMPLES, 2)) + 0.1
WEIGHTS = RNG.uniform(0.2, 3, EXAMPLES)
SMOOTHED = {"label_smoothing": 0.1}
LOSSES = [
    ("categorical_crossentropy", ONE_HOT, {}),
    ("categorical_crossentropy", ONE_HOT, SMOOTHED),
    ("categorical_crossentropy", ONE_HOT, {"from_logits": True} | SMOOTHED),
    ("sparse_categorical_crossentropy", ONE_HOT, {}),
    ("sparse_categorical_crossentropy", ONE_HOT, {"from_logits": True}),
    ("categorical_focal_crossentropy", ONE_HOT, {}),
    ("categorical_focal_crossentropy", ONE_HOT, {"gamma": 1.0, "from_logits": True} | SMOOTHED),
    ("categorical_generalized_cross_entropy", ONE_HOT, {"q": 0.7}),
    ("kl_divergence", softmax(NUMBERS @ np.ones((2, 3)) * RNG.normal(size=(60, 3)), axis=1), {}),
    ("binary_crossentropy", LABELS, {}),
    ("binary_crossentropy", LABELS, {"from_logits": True} | SMOOTHED),
    ("binary_focal_crossentropy", LABELS, {"apply_class_balancing": True, "alpha": 0.7}),
    ("binary_focal_crossentropy", LABELS, {"from_logits": True} | SMOOTHED),
    ("categorical_hinge", ONE_HOT, {}),
    ("hinge", LABELS, {}),
    ("squared_hinge", LABELS * 2 - 1, {}),
    ("cosine_similarity", NUMBERS, {}),
    ("mean_squared_error", NUMBERS, {}),
    ("mean_absolute_error", NUMBERS, {}),
    ("mean_absolute_percentage_error", NUMBERS, {}),
    ("mean_squared_logarithmic_error", NUMBERS, {}),
    ("huber", NUMBERS, {"delta": 2.0}),
    ("log_cosh", NUMBERS, {}),
    ("poisson", NUMBERS, {}),
]
ALL = pytest.mark.parametrize(
    ("name", "y", "arguments"), LOSSES, ids=["-".join([n, *a]) for n, _, a in LOSSES]
)
BOTH = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighed"])


def loss_of(name: str, arguments: dict[str, Any]) -> Loss:
    own = {key: value for key, value in arguments.items() if key not in ("from_logits", *SMOOTHED)}
    return Loss(
        name, arguments.get("from_logits", False), arguments.get("label_smoothing", 0.0), own
    )


def keras_says(
    name: str, y: np.ndarray, said: np.ndarray, arguments: dict[str, Any], weights: Any = None
) -> float:
    kind = getattr(keras.losses, name)
    given = {"axis": -1} if name == "cosine_similarity" else {}
    wrapper = type("Wrapper", (keras.losses.Loss,), {"call": lambda _, *pair: kind(
        *pair, **given, **arguments)})()  # fmt: skip
    if name in ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"):
        y = y.argmax(axis=1)
    said = np.broadcast_to(said, (EXAMPLES, said.shape[-1])).astype(np.float64)
    with_weights = None if weights is None else weights.astype(np.float64)
    return float(wrapper(keras.ops.cast(y, "int32" if y.ndim == 1 else "float64"), said,
                         sample_weight=with_weights))  # fmt: skip


def test_no_formula_is_left_out() -> None:
    assert {name for name, *_ in LOSSES} == set(FORMULAS)


@ALL
def test_the_formula_is_the_loss_that_keras_computes(
    name: str, y: np.ndarray, arguments: dict[str, Any]
) -> None:
    said = RNG.normal(0, 2, y.shape)
    if name in BINARY and not arguments.get("from_logits"):
        said = expit(said)
    elif name in CATEGORICAL and not arguments.get("from_logits"):
        said = softmax(said, axis=1)
    elif name in ("poisson", "mean_squared_logarithmic_error"):
        said = np.abs(said)
    ours = each(loss_of(name, arguments), y, said).mean()
    assert ours == pytest.approx(keras_says(name, y, said, arguments), rel=1e-5)


@BOTH
@ALL
def test_no_other_constant_is_better(
    name: str, y: np.ndarray, arguments: dict[str, Any], weights: Any
) -> None:
    loss = loss_of(name, arguments)
    best = best_constant(loss, y, weights)
    least = loss_at(loss, y, best, weights)
    assert least == pytest.approx(keras_says(name, y, best, arguments, weights), rel=1e-5)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(10):
            other = best + RNG.normal(0, size, best.shape)
            if not loss.from_logits and name in CATEGORICAL:
                other = softmax(np.log(best) + RNG.normal(0, size, best.shape))
            elif not loss.from_logits and name in BINARY:
                other = np.clip(other, 1e-3, 1 - 1e-3)
            elif name in ("poisson", "mean_squared_logarithmic_error"):
                other = np.abs(other)
            assert loss_at(loss, y, other, weights) >= least - 1e-7


@pytest.mark.parametrize(
    ("name", "y", "expected"),
    [
        pytest.param("mean_squared_error", [0, 0, 9], 3, id="mean"),
        pytest.param("mean_absolute_error", [0, 1, 9], 1, id="median"),
        pytest.param("mean_absolute_error", [0, 1, 3, 9], 2, id="the middle of two"),
        # errors up to 1 pull as they are, the far one as much as 1: 2 c + (c - 0.6) = 1
        pytest.param("huber", [0, 0, 0.6, 99], 1.6 / 3, id="Huber's"),
        pytest.param("huber", [5, 5], 5, id="all the same"),
    ],
)
def test_constants_of_numbers(name: str, y: list[float], expected: float) -> None:
    assert best_constant(Loss(name), np.array(y, float)[:, np.newaxis]) == pytest.approx([expected])


def test_a_fraction_of_the_variance_in_the_unit_of_each_loss() -> None:
    y = RNG.normal(size=(500, 1))
    about = {name: np.abs(y - best_constant(Loss(name), y)) for name in
             ("mean_squared_error", "mean_absolute_error")}  # fmt: skip
    assert shrunk_loss(Loss("mean_squared_error"), y, 0.05) == pytest.approx(0.05 * y.var())
    least = 0.05**0.5 * about["mean_absolute_error"].mean()
    assert shrunk_loss(Loss("mean_absolute_error"), y, 0.05) == pytest.approx(least)
    # small errors are squared ones, halved
    assert shrunk_loss(Loss("huber"), y, 1e-4) == pytest.approx(0.5e-4 * (y**2).mean(), rel=0.01)


def test_what_scatter_costs() -> None:
    y = RNG.normal(size=(4000, 1))
    square, absolute = (Loss(f"mean_{kind}_error") for kind in ("squared", "absolute"))
    assert curvature(square, y, np.zeros(1), 0.3) == pytest.approx(2)
    # twice the density there
    assert curvature(absolute, y, np.zeros(1), 0.3) == pytest.approx(
        2 / np.sqrt(2 * np.pi), rel=0.1
    )


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.1, 0.9], [0.25, 0.25, 0.5], [0.0, 1.0]])
def test_the_prior_loss_of_classes_is_that_of_predicting_their_shares(shares: list[float]) -> None:
    y = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * 100).astype(int))
    said = np.tile(shares, (100, 1))
    expected = log_loss(y, said, labels=np.arange(len(shares)))
    got = prior_loss(Loss("sparse_categorical_crossentropy", from_logits=True), y, len(shares))
    assert got == pytest.approx(expected, abs=1e-9)


def test_the_prior_loss_of_quantities_is_their_variance() -> None:
    y = RNG.normal(3, [1, 4], (500, 2))
    got = prior_loss(Loss("mean_squared_error"), y, 0)
    assert got == pytest.approx(((y - y.mean(axis=0)) ** 2).mean())
