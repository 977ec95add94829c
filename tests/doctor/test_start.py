"""The first loss of any compiled net: exact with a silenced head, and too high for a reason."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from recipe.doctor.flow import flow_of
from recipe.doctor.losses import formula_of, heads_of, losses_of
from recipe.doctor.scale import input_scale
from recipe.doctor.start import Start, first_losses, start_of
from recipe.doctor.subject import Subject, subject_of
from recipe.doctor.suspect import Suspect
from recipe.training.losses import SmoothedBinary, SmoothedMulticlass

L, LOSS = keras.layers, keras.losses
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6)).astype(np.float32)
POSITIONS = RNG.choice(4, 90, p=[0.6, 0.2, 0.15, 0.05])
ONE_HOT = np.eye(4)[POSITIONS]
BITS = (RNG.random(90) < 0.2).astype(int)
LABELS = (RNG.random((90, 3)) < [0.1, 0.5, 0.8]).astype(int)
REAL = RNG.gamma(2, 1, (90, 1)) - 2
COUNTS = RNG.poisson(3, 90) + 1
WEIGHTS = RNG.uniform(0.2, 3, 90)


def program(loss: Any, y: Any, units: int, activation: Any = None, **fit: Any) -> Subject:
    keras.utils.set_random_seed(0)
    head = L.Dense(units, activation, bias_initializer="ones")
    model = keras.Sequential([keras.Input((6,)), L.Dense(8, "relu"), head])
    model.compile("sgd", loss)
    return subject_of(model, X, y, **fit)


def look(subject: Subject) -> tuple[Start | None, list[Suspect]]:
    model, probe = subject.model, subject.probe()
    flow = flow_of(model, probe)
    model.compute_loss(probe, subject.probe(y=True), model(probe))  # Keras resolves its losses
    heads = heads_of(subject, flow)
    (loss,) = losses_of(model, 1)
    return start_of(subject, flow, 0, heads[0], loss), [*first_losses(subject, flow, heads)]


MISMATCHED = pytest.mark.filterwarnings("ignore:.*received `from_logits=True`")
"""Keras sees that, too."""

HEADS = [
    ("sparse_categorical_crossentropy", POSITIONS, 4, "softmax"),
    (LOSS.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3), POSITIONS, 4, None),
    (SmoothedMulticlass(0.2), POSITIONS[:, np.newaxis], 4, None),
    ("categorical_crossentropy", ONE_HOT, 4, "softmax"),
    (LOSS.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT, 4, None),
    (LOSS.CategoricalFocalCrossentropy(gamma=1.5), ONE_HOT, 4, "softmax"),
    (LOSS.CategoricalGeneralizedCrossEntropy(q=0.6), POSITIONS, 4, "softmax"),
    ("kl_divergence", (ONE_HOT + 0.1) / 1.4, 4, "softmax"),
    ("binary_crossentropy", BITS, 1, "sigmoid"),
    (LOSS.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), LABELS, 3, None),
    (LOSS.BinaryCrossentropy(reduction="sum"), LABELS, 3, "sigmoid"),
    (SmoothedBinary(0.2), BITS[:, np.newaxis], 1, None),
    (LOSS.BinaryFocalCrossentropy(apply_class_balancing=True), BITS, 1, "sigmoid"),
    ("categorical_hinge", ONE_HOT, 4, None),
    ("hinge", BITS, 1, None),
    ("squared_hinge", BITS * 2 - 1, 1, "tanh"),
    ("cosine_similarity", np.c_[REAL, REAL**2], 2, None),
    ("mean_squared_error", REAL, 1, None),
    ("mean_squared_error", np.tanh(REAL), 1, "tanh"),
    (LOSS.MeanSquaredError(reduction="mean_with_sample_weight"), REAL, 1, None),
    ("mean_absolute_error", REAL[:, 0], 1, None),
    ("mean_absolute_percentage_error", COUNTS, 1, "softplus"),
    ("mean_squared_logarithmic_error", COUNTS, 1, "relu"),
    (LOSS.Huber(delta=0.5), REAL, 1, None),
    ("log_cosh", REAL, 1, None),
    ("poisson", COUNTS, 1, "exponential"),
]


@pytest.mark.parametrize(("loss", "y", "units", "activation"), HEADS, ids=lambda each: str(
    getattr(each, "name", each)) if not isinstance(each, np.ndarray) else "y")  # fmt: skip
def test_a_silenced_head_has_the_loss_that_the_targets_say(
    loss: Any, y: Any, units: int, activation: Any
) -> None:
    plain = program(loss, y, units, activation)
    before = [v.numpy().copy() for v in plain.model.variables]
    for subject in (plain, replace(plain, weights=WEIGHTS)):
        start, _ = look(subject)
        assert start is not None
        assert start.exact == pytest.approx(start.known, rel=1e-4, abs=1e-6)
        assert start.least <= start.known <= min(start.first, start.own) + 1e-6
    for was, now in zip(before, plain.model.variables, strict=True):
        np.testing.assert_array_equal(was, now.numpy())


def test_weights_of_classes_and_masked_steps_count() -> None:
    balanced = program("binary_crossentropy", BITS, 1, "sigmoid", class_weight={0: 0.6, 1: 2.5})
    start, _ = look(balanced)
    weights = np.where(BITS == 1, 2.5, 0.6)
    p = (weights * BITS).sum() / weights.sum()
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert start is not None
    assert start.exact == pytest.approx(entropy * weights.mean(), rel=1e-5)
    assert start.known == pytest.approx(entropy * weights.mean(), rel=1e-5)

    words = np.where(np.arange(5) < RNG.integers(1, 6, (60, 1)), RNG.integers(1, 9, (60, 5)), 0)
    tags = np.where(words > 0, words % 3, 2)  # padding would tip the shares
    body = [keras.Input((5,), dtype="int32"), L.Embedding(9, 4, mask_zero=True)]
    model = keras.Sequential([*body, L.GRU(4, return_sequences=True), L.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    start, _ = look(subject_of(model, words, tags))
    shares = np.bincount(tags[words > 0]) / (words > 0).sum()
    assert start is not None
    assert start.exact == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)
    assert start.known == pytest.approx(start.exact, rel=1e-5)


@MISMATCHED
@pytest.mark.parametrize(
    ("loss", "y", "units", "activation"),
    [
        pytest.param(lambda y, z: keras.ops.mean(y - z), REAL, 1, None, id="a loss of one's own"),
        pytest.param(LOSS.Dice(), ONE_HOT, 4, "softmax", id="no mean over examples"),
        pytest.param(LOSS.MeanSquaredError(), REAL + 9, 1, "sigmoid", id="out of reach"),
        pytest.param(
            LOSS.BinaryCrossentropy(from_logits=True), BITS, 1, "sigmoid", id="mismatched"
        ),
    ],
)
def test_what_can_not_be_said_is_not(loss: Any, y: Any, units: int, activation: Any) -> None:
    start, found = look(program(loss, y, units, activation)) if units else (None, [])
    assert start is None or start.exact is None
    assert not [each for each in found if "by Keras" in each.said]


class Clipped(keras.losses.MeanSquaredError):
    """Looks like a squared error, and is cut off."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.ops.minimum(super().call(y_true, y_pred), 0.5)


def test_a_loss_that_is_not_what_it_is_called() -> None:
    (found,) = look(program(Clipped(), REAL * 3, 1))[1]
    assert found.code == "high_initial_loss"
    assert "by Keras, and the targets say" in found.said


def sized(last: Any, y: Any, loss: Any, times: float = 1.0, **fit: Any) -> list[Suspect]:
    """`last`: the arguments of the last layer."""
    keras.utils.set_random_seed(2)
    x = np.random.default_rng(2).normal(size=(len(y), 20)).astype(np.float32) * times
    hidden = [L.Dense(64, "relu", kernel_initializer="he_normal") for _ in range(3)]
    model = keras.Sequential([keras.Input((20,)), *hidden, L.Dense(**last)])
    model.compile("adam", loss)
    return look(subject_of(model, x, y, **fit))[1]


SPARSE = LOSS.SparseCategoricalCrossentropy(from_logits=True)
BCE = "binary_crossentropy"
TEN, ODD = np.arange(300) % 10, {"units": 1, "activation": "sigmoid"}
RARE = (np.arange(300) % 30 == 0).astype(int)
WIDE = {"kernel_initializer": {"class_name": "RandomNormal", "config": {"stddev": 3.0}}}


@pytest.mark.parametrize(
    ("last", "y", "loss", "fit"),
    [
        pytest.param({"units": 10}, TEN, SPARSE, {}, id="ten classes"),
        pytest.param(ODD, TEN % 2, BCE, {}, id="two classes"),
        pytest.param({"units": 1}, RNG.normal(size=300), "mse", {}, id="a standardized number"),
        pytest.param({"units": 1}, RNG.normal(size=300), "huber", {}, id="the same, Huber"),
        pytest.param(ODD, RARE, BCE, {"class_weight": {0: 0.52, 1: 15.0}}, id="rare, weighed"),
    ],
)
def test_an_ordinary_head_on_scaled_inputs_is_left_alone(
    last: dict[str, Any], y: Any, loss: Any, fit: dict[str, Any]
) -> None:
    """Checklist, fact 1: a sixth to two fifths above log C is what Keras's defaults give."""
    assert sized(last, y, loss, **fit) == []


@pytest.mark.parametrize(
    ("last", "y", "loss", "times", "said"),
    [
        pytest.param({"units": 10}, TEN, SPARSE, 200.0, "scatter", id="pixels to 255"),
        pytest.param({"units": 10, **WIDE}, TEN, SPARSE, 1.0, "scatter", id="wide weights"),
        pytest.param(ODD, RARE, BCE, 1.0, "the last bias alone", id="a rare class"),
        pytest.param({"units": 1}, RNG.normal(50, 5, 300), "mse", 1.0, "the last bias alone",
                     id="a number around 50"),
    ],
)  # fmt: skip
def test_a_first_loss_that_must_be_unlearnt(
    last: dict[str, Any], y: Any, loss: Any, times: float, said: str
) -> None:
    (found,) = sized(last, y, loss, times)
    assert found.code == "high_initial_loss"
    assert said in found.said
    assert found.severity == "advice"


def test_formulas_are_of_the_last_axis_alone() -> None:
    assert formula_of(LOSS.CategoricalCrossentropy(axis=1)) is None
    assert formula_of(LOSS.Huber(delta=2.0)).argument("delta") == 2.0  # type: ignore[union-attr]


def test_pixels_behind_a_batch_norm_are_seen_where_they_enter() -> None:
    """Checklist, fact 2: the norm takes their scale from the first loss."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).integers(0, 256, (300, 20)).astype(np.float32)
    body = [keras.Input((20,)), L.Dense(64), L.BatchNormalization(), L.ReLU(), L.Dense(10)]
    model = keras.Sequential(body)
    model.compile("adam", SPARSE)
    norm = model.layers[1]
    values = model.layers[0](x)
    norm.moving_mean.assign(keras.ops.mean(values, axis=0))  # as it is in training
    norm.moving_variance.assign(keras.ops.var(values, axis=0))
    subject = subject_of(model, x, TEN)
    assert look(subject)[1] == []
    (found,) = input_scale(flow_of(model, subject.probe()))
    assert found.code == "unscaled_input"
