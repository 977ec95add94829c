"""Batch norm's statistics over the training set, and how far its moving averages are off."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.data.stored import Stored
from recipe.training import evaluate, new_model, train
from recipe.training.disturb import UNDISTURBED
from recipe.training.plan import Plan
from recipe.training.population import (
    batch_norms,
    examples_for_norms,
    has_dropout_and_batch_norm,
    norm_measure,
    recalibrate,
    variance_shift,
    wants_measured,
)
from tests.training.random_configs import Looks
from tests.training.tiny import config, dataset


def inputs_of(model: keras.Model, name: str, x: np.ndarray) -> np.ndarray:
    seen = np.asarray(keras.Model(model.inputs[0], model.get_layer(name).input)(x, training=False))
    return seen.reshape(-1, seen.shape[-1]).astype(np.float64)


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        pytest.param((3,), {"model__widths": (6, 5)}, id="dense"),
        pytest.param(
            (6, 6, 1), {"model__family": "cnn", "model__filters": (3, 4)}, id="by channel"
        ),
    ],
)
@pytest.mark.parametrize("on_disk", [False, True])
def test_statistics_are_those_of_the_whole_set(
    shape: tuple[int, ...], changes: dict[str, Any], on_disk: bool
) -> None:
    data = dataset(train=1500, shape=shape)
    model = new_model(config(model__norm="batch", model__dropout=0.4, **changes), data, 0)
    x = data.train.x
    assert isinstance(x, np.ndarray)
    stored = Stored(x.__getitem__, np.arange(len(x)), shape, x.dtype)
    recalibrate(model, stored if on_disk else x)
    assert len(batch_norms(model)) >= 2
    for norm in batch_norms(model):  # each saw those before it as they are now
        seen = inputs_of(model, norm.name, x)
        np.testing.assert_allclose(norm.moving_mean, seen.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance, seen.var(axis=0), rtol=1e-4, atol=1e-6)
    assert all(ratio == pytest.approx(1, abs=1e-3) for ratio in variance_shift(model, x).values())


def test_a_mean_far_from_zero_does_not_drown_the_variance() -> None:
    data = dataset(train=300)
    model = new_model(config(model__norm="batch", model__widths=(4,)), data, 0)
    layer = model.get_layer("dense_1")
    layer.kernel.assign(layer.kernel * 1.0)
    recalibrate(model, data.train.x + 3000)
    (norm,) = batch_norms(model)
    seen = inputs_of(model, norm.name, data.train.x + 3000)
    np.testing.assert_allclose(norm.moving_variance, seen.var(axis=0), rtol=1e-4)


SHIFTS = {
    "dropout before the norm": ("before_norm", lambda ratio: ratio < 0.8),
    "dropout after the last norm": ("last", lambda ratio: 0.8 < ratio < 1.25),
}


@pytest.mark.parametrize("where", SHIFTS)
def test_dropout_before_a_norm_shifts_its_variance_and_recalibrating_mends_it(where: str) -> None:
    position, expected = SHIFTS[where]
    data = dataset(train=600, val=300)
    settings = config(model__norm="batch", model__dropout=0.5, train__epochs=20,
                      model__dropout_position=position, model__widths=(32, 32),
                      train__learning_rate=1e-3, train__norm_statistics="moving")  # fmt: skip
    model = train(settings, data, 0).model
    shifts = variance_shift(model, data.train.x)
    assert set(shifts) == {"dense_1_norm", "dense_2_norm"}
    assert expected(shifts["dense_2_norm"])
    before = evaluate(model, data.val, data)["loss"]
    recalibrate(model, data.train.x)
    assert all(0.8 < ratio < 1.25 for ratio in variance_shift(model, data.train.x).values())
    if position == "before_norm":
        assert evaluate(model, data.val, data)["loss"] < before


@pytest.mark.parametrize(
    ("changes", "both"),
    [
        pytest.param({"model__norm": "batch", "model__dropout": 0.5}, True, id="both"),
        pytest.param({"model__norm": "batch"}, False, id="no dropout"),
        pytest.param({"model__dropout": 0.5}, False, id="no norm"),
        pytest.param({"model__norm": "layer", "model__dropout": 0.5}, False, id="a layer norm"),
        pytest.param({"model__norm": "batch", "model__dropout": 0.5, "model__activation": "selu"},
                     True, id="alpha dropout"),
    ],
)  # fmt: skip
def test_which_nets_have_both(changes: dict[str, Any], both: bool) -> None:
    assert has_dropout_and_batch_norm(new_model(config(**changes), dataset(), 0)) is both


def test_units_that_are_dead_say_nothing() -> None:
    data = dataset()
    model = new_model(config(model__norm="batch"), data, 0)
    shifts = variance_shift(model, np.zeros_like(data.train.x))
    assert np.isnan([*shifts.values()]).all()


SHORT = {
    "model__norm": "batch",
    "model__norm_momentum": 0.99,
    "model__widths": (6, 5),
    "train__epochs": 3,
}


@pytest.mark.parametrize("more", [[], [Looks]], ids=["resident", "Keras's fit"])
@pytest.mark.parametrize("shape", [(3,), (6, 6, 1)], ids=["dense", "by channel"])
def test_a_short_training_is_judged_with_the_statistics_of_its_examples(
    shape: tuple[int, ...], more: list[Any]
) -> None:
    data = dataset(shape=shape)
    family = {"model__family": "cnn", "model__filters": (3,)} if len(shape) == 3 else {}
    settings = config(**SHORT, **family, model__dropout=0.4, model__dropout_position="before_norm")
    fitted = train(settings, data, 1, [kind() for kind in more])
    best = int(np.argmax(fitted.history["val_accuracy"]))
    before = evaluate(fitted.model, data.val, data)["loss"]
    recalibrate(fitted.model, data.train.x)
    after = evaluate(fitted.model, data.val, data)["loss"]
    assert before == pytest.approx(fitted.history["val_loss"][best], rel=1e-4)
    assert after == pytest.approx(before, rel=1e-4)
    moving = train(settings.replace({"train.norm_statistics": "moving"}), data, 1)
    assert moving.history["val_loss"][-1] != pytest.approx(fitted.history["val_loss"][-1], rel=1e-3)
    assert moving.history["loss"] == pytest.approx(fitted.history["loss"], rel=1e-6)


def test_blocks_give_nearly_what_the_whole_gives() -> None:
    data = dataset(train=2500)
    model = new_model(config(**SHORT), data, 0)
    norm_measure(model)(data.train.x)
    nearly = [np.array(norm.moving_variance.numpy()) for norm in batch_norms(model)]
    recalibrate(model, data.train.x)
    exact = [np.array(norm.moving_variance.numpy()) for norm in batch_norms(model)]
    for one, other in zip(nearly, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02)
    assert [norm.momentum for norm in batch_norms(model)] != [0.0, 0.0]


@pytest.mark.parametrize(
    ("norms", "averages", "epoch", "momentum", "batch", "wanted"),
    [
        pytest.param("moving", False, 0, 0.99, 8, False, id="moving: never"),
        pytest.param("population", False, 999, 0.5, 99, True, id="population: always"),
        pytest.param("auto", False, 0, 0.99, 100, True, id="the initial value is still in it"),
        pytest.param("auto", False, 22, 0.99, 100, False, id="settled"),
        pytest.param("auto", False, 99, 0.5, 100, True, id="an average of few examples"),
        pytest.param("auto", True, 99, 0.99, 100, True, id="of other weights"),
    ],
)
def test_when_statistics_are_measured(
    norms: str, averages: bool, epoch: int, momentum: float, batch: int, wanted: bool
) -> None:
    data = dataset(train=20 * batch)  # 20 steps an epoch
    model = new_model(config(model__norm="batch", model__norm_momentum=momentum), data, 0)
    plan = Plan(data.train, None, None, None, batch, 1000, 0, UNDISTURBED, norms, averages)
    assert wants_measured(model, plan, epoch) is wanted
    assert not wants_measured(new_model(config(), data, 0), plan, epoch)


def test_all_examples_only_if_asked() -> None:
    x = np.arange(50_000.0)[:, None]
    given = (None, None, None, 9, 9, 0, UNDISTURBED)
    split = dataset().train
    few, every = (
        examples_for_norms(x, Plan(split, *given, n, False)) for n in ("auto", "population")
    )
    assert len(few) == 10_000
    assert (few[0], few[-1], len(every)) == (0, 49_999, 50_000)
