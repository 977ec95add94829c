"""The small experiments that prove a pipeline."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Task
from recipe.data import Dataset
from recipe.training import evaluate, losses, new_model, predict, probes
from recipe.training.objective import first_loss
from recipe.training.probes import (
    fresh_nets,
    losses_of_sizes,
    memorize,
    train_blind,
    zeroed_head_loss,
)
from tests.training.tiny import config, dataset

TASKS = pytest.mark.parametrize("task", list(Task), ids=str)


def floor(data: Dataset, **changes: Any) -> float:
    return first_loss(config(**changes), data)


@pytest.mark.parametrize("changes", [{}, {"model__norm": "batch", "model__head_bias": "zeros"},
                                     {"model__l2": 0.1, "train__label_smoothing": 0.2},
                                     {"train__class_weight": "balanced"}],
                         ids=["plain", "batch norm, no bias of its own", "smoothed", "balanced"]
                         )  # fmt: skip
@TASKS
def test_a_zeroed_head_has_the_loss_of_the_prior(task: Task, changes: dict[str, Any]) -> None:
    if "class_weight" in str(changes) and task in (Task.REGRESSION, Task.MULTILABEL):
        return
    if task is Task.REGRESSION:
        changes = {**changes, "train__label_smoothing": 0.0}
    uneven = np.r_[np.zeros(17), np.ones(5)] if task is not Task.REGRESSION else None
    data = dataset(task, **({} if uneven is None else {"y": uneven, "classes": 2}))
    expected = floor(data, **changes)
    assert zeroed_head_loss(config(**changes), data) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["mean_absolute_error", "huber"])
def test_the_head_starts_at_the_constant_of_lowest_loss(name: str) -> None:
    y = np.random.default_rng(0).gamma(0.5, 2, (60, 2))  # skewed: mean and median are far apart
    data = dataset(Task.REGRESSION, train=60, targets=2, y=y)
    settings = config(train__loss=name)
    exact = zeroed_head_loss(settings, data)
    assert exact == pytest.approx(floor(data, train__loss=name), rel=1e-5)
    start = new_model(settings, data, 0).get_layer("head").bias.numpy()
    for other in (start + np.array([0.05, 0]), start - [0, 0.05], data.prior):
        each = losses(np.tile(other, (60, 1)), data.train.y, data.task, name)
        assert each.mean() > exact + 1e-5
    fresh = fresh_nets(settings, data)
    assert fresh.loss == pytest.approx(exact, rel=0.01)
    assert fresh.predicted == pytest.approx(start, abs=0.05)


def test_a_zeroed_head_shows_labels_that_the_loss_does_not_understand() -> None:
    data = dataset(Task.BINARY, y=np.r_[np.zeros(16), np.ones(6)])
    assert zeroed_head_loss(config(), data) == pytest.approx(floor(data), rel=1e-5)
    sick = replace(data, train=replace(data.train, y=data.train.y * 2 - 1))  # -1 and 1
    assert zeroed_head_loss(config(), sick) != pytest.approx(floor(data), rel=0.05)


@TASKS
def test_fresh_nets_start_around_the_prior(task: Task) -> None:
    data = dataset(task)
    fresh = fresh_nets(config(), data)
    assert fresh.loss == pytest.approx(floor(data), rel=0.02)
    assert 0 < fresh.variance < 0.01
    assert fresh.predicted == pytest.approx(fresh.prior, abs=0.05)
    assert fresh.scatter == pytest.approx(np.sqrt(fresh.variance / 3))
    if task is not Task.REGRESSION:
        several = task is Task.MULTILABEL
        shares = data.train.y.mean(axis=0) if several else np.bincount(data.train.y) / 22
        assert fresh.prior == pytest.approx(shares)
        assert fresh.unit == pytest.approx(shares.max())
        assert fresh.spread == pytest.approx(
            1 - (shares**2).sum() if task is Task.MULTICLASS else (shares * (1 - shares)).mean()
        )


@TASKS
def test_the_spread_of_the_logits_explains_the_first_loss(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checklist row 2.4 b, with logits that scatter visibly and targets that know nothing of x."""
    rng = np.random.default_rng(1)
    regression = task is Task.REGRESSION
    y = rng.normal(size=(2000, 1)) if regression else rng.integers(0, 2, 2000)
    data = dataset(task, train=2000, classes=2, y=y)

    def wide(*given: Any) -> keras.Model:
        model = NEW_MODEL(*given)
        head = model.get_layer("head")
        head.kernel.assign(head.kernel * 8)
        return model

    monkeypatch.setattr(probes, "new_model", wide)
    fresh = fresh_nets(config(model__widths=(64,)), data)
    excess = fresh.loss - floor(data)
    assert excess > 0.02 * floor(data)
    # three nets: logits are not quite as independent as the expansion takes them to be
    assert 0.5 * fresh.variance * fresh.spread == pytest.approx(excess, rel=0.4)


NEW_MODEL = probes.new_model


def test_the_first_loss_is_of_examples_from_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is sorted by class begins with one class alone."""
    monkeypatch.setattr(probes, "FRESH_EXAMPLES", 100)
    labels = np.repeat([0, 1, 2], (900, 60, 40))
    data = dataset(train=1000, y=labels)  # these 900 alone have a loss of 0.11
    assert fresh_nets(config(), data).loss == pytest.approx(floor(data), rel=0.4)


@pytest.mark.parametrize(
    ("task", "changes", "reached"),
    [
        pytest.param(Task.MULTICLASS, {}, True, id="classes"),
        pytest.param(Task.REGRESSION, {}, True, id="a quantity"),
        pytest.param(Task.MULTICLASS, {"train__learning_rate": 1e-9}, False, id="no learning"),
    ],
)
def test_memorize(task: Task, changes: dict[str, Any], reached: bool) -> None:
    data = dataset(task)
    batch = data.train.take(slice(8))
    settings = config(**{"model__widths": (32,), "train__learning_rate": 0.05} | changes)
    model, steps = memorize(settings, data, batch, target=0.01, steps=150)
    now = evaluate(model, batch, data)
    assert (now["loss"] <= 0.01) is reached
    assert (steps is not None) is reached
    assert int(model.optimizer.iterations) == (steps or 150)
    if reached:
        assert steps is not None
        assert 1 < steps < 150
        assert now.get("accuracy", 1.0) == 1.0


@pytest.mark.parametrize(
    ("logs", "memorized"),
    [
        pytest.param({"val_loss": 0.01, "val_accuracy": 1.0}, True, id="both"),
        pytest.param({"val_loss": 0.02, "val_accuracy": 1.0}, False, id="right but unsure"),
        pytest.param({"val_loss": 0.01, "val_accuracy": 15 / 16}, False, id="one label wrong"),
        pytest.param({"val_loss": 0.01}, True, id="a quantity"),
    ],
)
def test_memorized_is_what_the_net_says_in_inference_mode(
    logs: dict[str, float], memorized: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_training = {"loss": 9.0 if memorized else 0.0, "accuracy": 0.0 if memorized else 1.0}

    def one_step(model: Any, batch: Any, callbacks: Any, **settings: Any) -> None:
        (stop,) = callbacks
        stop.set_model(model)
        stop.on_epoch_end(0, in_training | logs)

    monkeypatch.setattr(probes, "fit", one_step)
    data = dataset()
    _, steps = memorize(config(), data, data.train, target=0.01, steps=9)
    assert steps == (1 if memorized else None)


def test_sizes_are_trained_for_as_many_steps_with_the_same_seeds() -> None:
    data = dataset(train=100)
    sizes = {"small": config(), "large": config(model__widths=(32,))}
    losses = losses_of_sizes(sizes, data, seeds=2, steps=6)  # an epoch of 48 examples
    assert {name: each.shape for name, each in losses.items()} == {
        "small": (2, 1), "large": (2, 1),
    }  # fmt: skip
    assert (losses["large"][:, -1] < losses["small"][:, -1]).all()


def test_blind_nets_learn_nothing_from_their_inputs() -> None:
    data = dataset(train=120, val=60)
    names = []

    def callbacks(name: str) -> list[Any]:
        names.append(name)
        return []

    settings = config(train__epochs=15, train__learning_rate=0.03)
    nets = train_blind(settings, data, callbacks)
    assert list(nets) == names == ["real", "zeroed", "permuted"]
    means = {name: net.losses.mean() for name, net in nets.items()}
    shares = np.bincount(data.train.y) / len(data.train)
    prior = -np.log(shares)[data.val.y].mean()
    assert means["real"] < 0.7 * prior
    assert means["zeroed"] == pytest.approx(prior, rel=0.03)
    assert means["permuted"] > 0.9 * prior
    for name, net in nets.items():
        assert len(net.losses) == len(data.val)
        assert len(net.history) == 15
        assert means[name] == pytest.approx(min(net.history), rel=1e-4)  # at its best epoch
    zeros = predict(nets["zeroed"].model, np.zeros_like(data.val.x))
    np.testing.assert_allclose(nets["zeroed"].losses, losses(zeros, data.val.y, data.task))
