"""What the laboratory measures with: sound cases, and sick ones that must show."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import read
from recipe.data import Dataset, Split, load
from recipe.lab.bn import looks_to
from recipe.training import losses, new_model, predict
from recipe.training.landscape import ALONG, along_step, curvature
from recipe.training.profiles import FirstLayer, drift, profile
from recipe.training.steps import rows_of, train_steps

SMALL = ("model.widths=[8]", "data.limit=300", "train.optimizer=sgd", "train.batch_size=20")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load(read("configs/digits.yaml", SMALL).data)


def net(data: Dataset, *settings: str, seed: int = 0) -> keras.Model:
    return new_model(read("configs/digits.yaml", [*SMALL, *settings]), data, seed)


def by_hand(model: keras.Model, split: Split, rates: np.ndarray, size: int) -> list[float]:
    """Plain SGD on the same batches, eagerly."""
    rows = rows_of(0, len(split), len(rates) * size).reshape(len(rates), size)
    seen = []
    for some, rate in zip(rows, rates, strict=True):
        x, y = split.take(some).x, split.take(some).y[:, None]
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y=y, y_pred=model(x, training=True))
        seen.append(float(loss))
        for weight, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            weight.assign(weight - rate * gradient)
    return seen


# ---- steps --------------------------------------------------------------------------------------


def test_steps_are_those_of_sgd_with_a_rate_for_each(data: Dataset) -> None:
    rates = np.linspace(0.1, 0.5, 25)
    ours, theirs = net(data), net(data)
    seen = train_steps(ours, data.train, rates, batch_size=20, seed=0)
    np.testing.assert_allclose(seen, by_hand(theirs, data.train, rates, 20), rtol=1e-4)
    np.testing.assert_allclose(ours.get_weights()[0], theirs.get_weights()[0], rtol=1e-3, atol=1e-5)


def test_looking_changes_no_number(data: Dataset) -> None:
    rates, seen = np.full(30, 0.1), []
    alone = train_steps(net(data), data.train, rates, batch_size=20, seed=0)
    watched = train_steps(
        net(data), data.train, rates, batch_size=20, seed=0, every=7,
        look=lambda model, step: seen.append((step, along_step(model, data.train.drawn(16)))),
    )  # fmt: skip
    assert [step for step, _ in seen] == [0, 7, 14, 21, 28, 30]
    np.testing.assert_allclose(watched, alone, rtol=1e-6)


def test_a_training_that_breaks_says_from_where_on(data: Dataset) -> None:
    rates = np.r_[np.full(60, 0.01), np.full(60, 1e30)]
    seen = train_steps(net(data), data.train, rates, batch_size=20, seed=0)
    assert np.isfinite(seen[:50]).all()
    assert np.isnan(seen[100:]).all()


# ---- the loss along a step ----------------------------------------------------------------------


def test_the_line_of_a_step_is_that_of_the_gradient(data: Dataset) -> None:
    model, batch = net(data), data.train.drawn(32)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.learning_rate = 0.5
    before = model.get_weights()
    seen = along_step(model, batch)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert int(model.optimizer.iterations) == 0
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=batch.y[:, None], y_pred=model(batch.x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    expected = [float(loss)]
    for times in ALONG:
        model.set_weights([w - 0.5 * times * g.numpy() for w, g in
                           zip(before, gradients, strict=True)])  # fmt: skip
        expected.append(float(losses(predict(model, batch.x), batch.y, data.task).mean()))
    np.testing.assert_allclose(seen.losses, expected, rtol=1e-4)
    assert seen.spread == pytest.approx(np.ptp(expected[1:]), rel=1e-3)


def test_a_step_that_is_too_large_turns_the_gradient(data: Dataset) -> None:
    turns = []
    for rate in (1e-3, 10.0):
        model = net(data)
        model.optimizer.build(model.trainable_variables)
        model.optimizer.learning_rate = rate
        turns.append(along_step(model, data.train.drawn(32)).turn)
    assert turns[0] < 0.05
    assert turns[1] > 0.5


# ---- curvature ----------------------------------------------------------------------------------


def explicit(model: keras.Model, batch: Split) -> np.ndarray:
    """All eigenvalues of the Hessian, by as many gradients as there are weights."""
    weights = model.trainable_variables
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            loss = model.compute_loss(y=batch.y[:, None], y_pred=model(batch.x, training=False))
        flat = tf.concat([tf.reshape(g, [-1]) for g in inner.gradient(loss, weights)], 0)
        each = tf.unstack(flat)
    rows = [
        tf.concat(
            [
                tf.reshape(part, [-1])
                for part in outer.gradient(one, weights, unconnected_gradients="zero")
            ],
            0,
        )
        for one in each
    ]
    hessian = np.stack([row.numpy() for row in rows]).astype(np.float64)
    return np.linalg.eigvalsh((hessian + hessian.T) / 2)


def test_curvature_is_that_of_the_explicit_hessian() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    batch = Split(x, y, np.arange(40), np.arange(40))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    values = explicit(model, batch)
    found = curvature(model, batch, seed=0, directions=60)
    assert found.largest == pytest.approx(values.max(), rel=1e-3)
    assert found.lowest == pytest.approx(values.min(), rel=1e-2)
    expected = (values < -1e-3 * values.max()).mean()
    assert expected > 0.1
    assert found.negative == pytest.approx(expected, abs=0.06)


def test_a_bowl_has_no_negative_curvature() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)).astype(np.float32)
    batch = Split(x, x[:, :1] * 2, np.arange(50), np.arange(50))
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert curvature(model, batch, seed=0).negative == pytest.approx(0, abs=1e-6)


# ---- layers -------------------------------------------------------------------------------------


def test_what_never_moves_has_no_drift_and_what_jumps_has() -> None:
    still = np.ones((10, 4))
    assert drift(still, still) == drift(still[:2], still[:2])
    assert drift(still, still).mean == drift(still, still).spread == 0
    means = np.arange(10)[:, None] * np.ones(4)
    assert drift(means, 2 * still).mean == pytest.approx(0.5)
    stds = np.exp(0.1 * np.arange(10))[:, None] * np.ones(4)
    assert drift(still, stds).spread == pytest.approx(0.1)


def test_dead_units_do_not_drift() -> None:
    stds = np.array([[1.0, 0.0], [1.0, 1e-9]])
    means = np.array([[0.0, 0.0], [1.0, 5.0]])
    assert drift(means, stds).mean == pytest.approx(1.0)
    assert np.isnan(drift(means, np.zeros((2, 2))).mean)


@pytest.mark.parametrize("position", ["pre", "post"])
def test_the_first_layer_is_seen_as_in_training(data: Dataset, position: str) -> None:
    model = net(data, "model.norm=batch", f"model.norm_position={position}")
    before = [v.numpy() for v in model.non_trainable_variables]
    some = data.train.drawn(64)
    seen = FirstLayer(some)(model)
    assert seen.shape == (64, 8)
    raw = some.x.reshape(64, -1) @ np.asarray(model.get_layer("dense_1").kernel)
    normed = (raw - raw.mean(0)) / np.sqrt(raw.var(0) + 1e-3)
    expected = normed if position == "pre" else raw
    np.testing.assert_allclose(seen, expected, atol=1e-4)
    for now, then in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(now.numpy(), then)


def test_a_profile_shows_a_signal_that_fades_and_one_that_explodes(data: Dataset) -> None:
    some, kept = data.train.drawn(64), {}
    for name, std in {"fades": 0.01, "explodes": 3.0}.items():
        given = f"{{class_name: RandomNormal, config: {{stddev: {std}}}}}"
        model = net(data, "model.widths=[16, 16, 16, 16]", f"model.kernel_initializer={given}")
        seen = profile(model, some)
        assert len(seen.std) == len(seen.mean) == len(seen.gradient) == 4
        kept[name] = seen.std[-1] / seen.std[0]
    assert kept["fades"] < 1e-3
    assert kept["explodes"] > 1e2


def test_the_gradients_of_a_profile_are_those_of_the_loss(data: Dataset) -> None:
    model, some = net(data, "model.widths=[8, 8]"), data.train.drawn(64)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=some.y[:, None], y_pred=model(some.x))
    kernels = [model.get_layer(name).kernel.value for name in ("dense_1", "dense_2")]
    expected = [float(tf.norm(g)) for g in tape.gradient(loss, kernels)]
    np.testing.assert_allclose(profile(model, some).gradient, expected, rtol=1e-4)


# ---- small things -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "looks"),
    [
        pytest.param([2.0, 1.0, 0.5], 1.0, id="at a look"),
        pytest.param([2.0, 1.5, 0.5], 1.5, id="between two"),
        pytest.param([0.9, 0.5], 0.0, id="from the start"),
        pytest.param([2.0, 1.5], float("nan"), id="never"),
    ],
)
def test_looks_to_a_target(losses: list[float], looks: float) -> None:
    assert looks_to(np.array(losses), 1.0) == pytest.approx(looks, nan_ok=True)
