"""Mixed examples, and noise on weights and gradients: what a step then computes."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from recipe.config import Config, RequestError, Task
from recipe.data import Dataset
from recipe.training import fit, new_model, train
from recipe.training.batches import column, order_of
from recipe.training.disturb import UNDISTURBED, Disturbance, mixed
from recipe.training.losses import MixedAccuracy
from recipe.training.objective import example_weights
from tests.training.random_configs import Looks
from tests.training.tiny import config, dataset

SHARE = 0.7


def losses(model: keras.Model, x: Any, y: Any, weights: Any = None) -> float:
    return float(model.compute_loss(x, y, model(x), weights))


@pytest.mark.parametrize("task", list(Task), ids=str)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_loss_of_mixed_labels_is_the_mix_of_the_losses(task: Task, is_weighted: bool) -> None:
    """Where the loss is a cross-entropy; a squared error is of the mixed number."""
    data = dataset(task)
    smoothing = 0.0 if task is Task.REGRESSION else 0.1
    settings = config(train__mixup=0.2, train__label_smoothing=smoothing)
    model = new_model(settings, data, 0)
    x, y = data.train.x[:6], column(data.train.y[:6])
    weights = np.linspace(1, 3, 6, dtype=np.float32) if is_weighted else None
    batch = (x, y) if weights is None else (x, y, weights)
    blend, labels, *given = mixed(model, batch, SHARE)
    np.testing.assert_allclose(blend, SHARE * x + (1 - SHARE) * np.roll(x, 1, axis=0), rtol=1e-6)
    got = losses(model, blend, labels, *given)
    if task is Task.REGRESSION:
        if weights is None:
            by_hand = SHARE * y + (1 - SHARE) * np.roll(y, 1, axis=0)
            assert got == pytest.approx(np.mean((np.asarray(model(blend)) - by_hand) ** 2))
        return
    rolled = None if weights is None else np.roll(weights, 1)
    other = losses(model, blend, np.roll(y, 1, axis=0), rolled)
    assert got == pytest.approx(SHARE * losses(model, blend, y, weights) + (1 - SHARE) * other)


def test_shares_follow_their_distribution_and_no_other_seeds() -> None:
    shares = Disturbance(mixup=0.3, seed=4).of_epoch(2, 4000)["share"]
    # error rate of the test: 1 in 1000
    assert stats.kstest(shares, stats.beta(0.3, 0.3).cdf).pvalue > 1e-3
    again, other = (Disturbance(0.3, seed=4).of_epoch(epoch, 9)["share"] for epoch in (2, 3))
    assert (again == Disturbance(0.3, seed=4).of_epoch(2, 9)["share"]).all()
    assert (again != other).any()
    assert UNDISTURBED.of_epoch(0, 9) == {}


@pytest.mark.parametrize("is_stock", [False, True], ids=["resident", "Keras's fit"])
def test_a_training_on_mixed_examples_step_by_step(is_stock: bool) -> None:
    data = dataset()
    settings = config(
        train__mixup=0.4, train__optimizer="sgd", train__class_weight="balanced", train__epochs=2
    )
    weights = example_weights(settings, data)
    assert weights is not None
    disturbance = Disturbance(mixup=0.4, seed=3)
    fitted = fit(
        new_model(settings, data, 3), data.train, weights=weights, batch_size=8, epochs=2, seed=3,
        disturbance=disturbance, callbacks=[Looks()] if is_stock else [],
    )  # fmt: skip
    by_hand = new_model(settings, data, 3)
    for epoch in range(2):
        order = order_of(3, epoch, len(data.train))
        for step, share in enumerate(disturbance.of_epoch(epoch, 3)["share"]):
            rows = order[step * 8 : (step + 1) * 8]
            parts = (data.train.x[rows], column(data.train.y[rows]), weights[rows])
            by_hand.train_on_batch(*mixed(by_hand, parts, share))
    for ours, theirs in zip(fitted.model.variables, by_hand.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_validation_sees_no_mixed_examples() -> None:
    data = dataset()
    settings = config(train__mixup=0.4, train__learning_rate=1e-12, train__epochs=1)
    plain = settings.replace({"train.mixup": 0.0})
    one, other = (train(each, data, 1).history for each in (settings, plain))
    assert one["val_loss"] == pytest.approx(other["val_loss"])
    assert one["val_accuracy"] == pytest.approx(other["val_accuracy"])
    assert one["loss"] != pytest.approx(other["loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("is_multiclass", "y", "logits", "share"),
    [
        pytest.param(True, [[2], [0]], [[0, 0, 1.0], [0, 1, 0]], 0.5, id="positions"),
        pytest.param(True, [[0.3, 0.7], [0.6, 0.4]], [[0, 1.0], [0, 1]], 0.5, id="shares"),
        pytest.param(False, [[0.9], [0.2]], [[3.0], [-1]], 1.0, id="binary"),
        pytest.param(False, [[1], [1]], [[3.0], [-1]], 0.5, id="binary, not mixed"),
        pytest.param(False, [[1, 0.2], [0.7, 0]], [[3.0, 1], [-1, -1]], 0.5, id="labels"),
    ],
)
def test_the_accuracy_of_mixed_labels(
    is_multiclass: bool, y: list[Any], logits: list[Any], share: float
) -> None:
    metric = MixedAccuracy(is_multiclass)
    metric.update_state(tf.constant(y), tf.constant(logits))  # whole numbers as int32
    assert float(metric.result()) == share
    assert MixedAccuracy.from_config(metric.get_config()).is_multiclass is is_multiclass


def moved(
    settings: Config, data: Dataset, disturbance: Disturbance, epochs: int, **given: Any
) -> tuple[np.ndarray, np.ndarray]:
    """A kernel before and after a training of one full batch an epoch."""
    model = new_model(settings, data, 0)
    before = np.array(model.get_layer("dense_1").kernel.numpy())
    fit(
        model, data.train, batch_size=len(data.train), epochs=epochs, seed=0,
        disturbance=disturbance, **given,
    )  # fmt: skip
    return before, np.array(model.get_layer("dense_1").kernel.numpy())


STOCK = pytest.mark.parametrize("given", [{}, {"callbacks": [Looks()]}], ids=["resident", "fit"])
LARGE = 4000
"""Units of a layer: as many weights as its std is measured on."""


@STOCK
def test_noise_on_gradients_is_normal_and_falls(given: dict[str, Any]) -> None:
    data = dataset(Task.REGRESSION)
    # the noise is so large that nothing else is seen
    settings = config(
        model__widths=(LARGE,), model__kernel_initializer="zeros", train__optimizer="sgd",
        train__learning_rate=1e-6,
    )  # fmt: skip
    steps = [moved(settings, data, Disturbance(gradient=10.0), n, **given)[1] for n in (1, 2)]
    first, second = steps[0], steps[1] - steps[0]
    assert first.std() == pytest.approx(1e-5, rel=0.03)
    assert stats.kstest(first.ravel() / 1e-5, "norm").pvalue > 1e-3
    assert second.std() == pytest.approx(1e-5 * 2 ** (-0.55 / 2), rel=0.03)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.04


@STOCK
def test_noise_on_weights_is_in_the_gradient_and_not_in_the_weights(given: dict[str, Any]) -> None:
    """A linear net: its gradient says at which weights it was taken."""
    data = dataset(Task.REGRESSION)
    settings = config(model__widths=(), train__optimizer="sgd", train__learning_rate=0.1)
    x, y = data.train.x, data.train.y
    noises = []
    for seed in range(60):
        model = new_model(settings, data, seed)
        head = model.get_layer("head")
        kernel, bias = np.array(head.kernel.numpy()), np.array(head.bias.numpy())
        fit(
            model, data.train, batch_size=len(x), epochs=1, seed=seed,
            disturbance=Disturbance(weight=0.2, seed=seed), **given,
        )  # fmt: skip
        gradient = (kernel - head.kernel.numpy()) / 0.1
        clean = 2 / len(x) * x.T @ (x @ kernel + bias - y)
        noises.append(np.linalg.solve(2 / len(x) * x.T @ x, gradient - clean).ravel())
        if given and seed == 4:
            break  # Keras's fit traces each net anew
    found = np.concatenate(noises)
    assert stats.kstest(found / 0.2, "norm").pvalue > 1e-3
    assert not np.allclose(noises[0], noises[1])


@pytest.mark.parametrize("amounts", [{"weight": 0.1}, {"gradient": 0.1}, {"mixup": 0.3}], ids=str)
def test_the_seed_decides(amounts: dict[str, float]) -> None:
    data = dataset()
    settings = config(train__mixup=amounts.get("mixup", 0.0))
    model = lambda: new_model(settings, data, 0)  # noqa: E731

    def weights(seed: int) -> np.ndarray:
        fitted = fit(
            model(), data.train, batch_size=8, epochs=1, seed=0,
            disturbance=replace(UNDISTURBED, seed=seed, **amounts),
        )  # fmt: skip
        return np.concatenate([np.ravel(v) for v in fitted.model.weights])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert (weights(1) != weights(2)).any()


def test_the_config_says_how_much() -> None:
    data = dataset()
    plain = config(train__epochs=1)
    base = train(plain, data, 0).model.get_weights()[0]
    for key in ("train.mixup", "model.noise.weight", "model.noise.gradient"):
        assert (train(plain.replace({key: 0.2}), data, 0).model.get_weights()[0] != base).any()


def test_several_devices_draw_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Two:
        num_replicas_in_sync = 2

    monkeypatch.setattr(import_module("recipe.training.train"), "_mirrored", lambda: Two())
    settings = config(train__strategy="mirrored", model__noise={"weight": 0.1})
    with pytest.raises(RequestError, match="mirrored can't have"):
        train(settings, dataset(), 0)
