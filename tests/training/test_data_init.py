"""Initializers that look at data: what every layer puts out before the first step."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.checks.asked import Asked
from recipe.checks.blocks import initial_ratio
from recipe.models import HEAD
from recipe.models.build import HEAD_STD
from recipe.training import new_model, predict
from recipe.training.data_init import EXAMPLES, TOLERANCE
from tests.training.tiny import config, dataset

DEEP = {"model__widths": (32,) * 12, "model__norm": "none"}


def outputs(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """What each kernel layer puts out, (examples, units)."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "kernel") and layer.name != HEAD:
            y = np.asarray(keras.Model(model.inputs[0], layer.output)(x, training=False))
            found[layer.name] = y.reshape(-1, y.shape[-1])
    return found


def farthest_from_one(changes: dict[str, Any], kind: str = "lsuv") -> float:
    """How far the variance of any layer's output is from 1; `make proof ONLY=lsuv` asks it of 63
    nets."""
    data = dataset(train=400, shape=(8, 8, 1) if "model.family" in changes else (3,))
    settings = config().replace({"model.kernel_initializer": kind, **changes})
    found = outputs(new_model(settings, data, 0), data.train.x)
    return max(abs(float(y.var()) - 1) for y in found.values())


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "selu"])
@pytest.mark.parametrize("kind", ["lsuv", "krahenbuhl"])
def test_every_layer_of_a_deep_net_has_unit_variance(kind: str, activation: str) -> None:
    data = dataset(train=400)
    settings = config(model__kernel_initializer=kind, model__activation=activation, **DEEP)
    found = outputs(new_model(settings, data, 0), data.train.x)
    assert len(found) == 12
    for y in found.values():
        assert abs(y.var() - 1) <= TOLERANCE
        if kind == "krahenbuhl":
            np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
            np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-3)


def test_without_it_the_signal_of_a_deep_net_fades() -> None:
    """What it is for: normal weights of the same first step, not scaled."""
    data = dataset(train=400)
    plain = config(model__kernel_initializer="random_normal", **DEEP)
    *_, last = outputs(new_model(plain, data, 0), data.train.x).values()
    assert last.var() < 1e-6


@pytest.mark.parametrize(
    ("initializer", "activation"),
    [("glorot_uniform", "relu"), ("uniform_fan_in", "tanh"), ("lecun_normal", "linear")],
)
def test_a_check_foretells_the_signal_of_a_deep_net(initializer: str, activation: str) -> None:
    data = dataset(train=400)
    settings = config(model__kernel_initializer=initializer, model__activation=activation, **DEEP)
    asked = Asked(settings, data.task, len(data.train), len(data.classes), data.shape[0])
    sizes = []
    for seed in range(5):
        *_, last = outputs(new_model(settings, data, seed), data.train.x).values()
        sizes.append(np.sqrt(np.mean(last**2)))
    measured = np.median(sizes) / np.sqrt(np.mean(np.square(data.train.x)))
    assert measured == pytest.approx(initial_ratio(asked), rel=0.5)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model__family": "cnn", "model__filters": (4, 6)}, id="convolutions"),
        pytest.param({"model__family": "resnet", "model__filters": (4, 6)}, id="shortcuts"),
        pytest.param({"model__norm": "batch"}, id="norms"),
    ],
)
@pytest.mark.parametrize("kind", ["lsuv", "krahenbuhl"])
def test_other_bodies_too(kind: str, changes: dict[str, Any]) -> None:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    assert farthest_from_one({"model.family": "mlp", **dotted}, kind) <= TOLERANCE


def test_a_net_starts_at_the_prior_all_the_same_and_the_seed_decides() -> None:
    data = dataset(train=200)
    settings = config(model__kernel_initializer="lsuv")
    first, again, other = (new_model(settings, data, seed) for seed in (0, 0, 1))
    assert float(np.std(first.get_layer(HEAD).kernel)) == pytest.approx(HEAD_STD, rel=0.8)
    np.testing.assert_array_equal(predict(first, data.val.x), predict(again, data.val.x))
    assert not np.array_equal(predict(first, data.val.x), predict(other, data.val.x))


def test_inputs_that_never_change_leave_the_weights_as_they_are() -> None:
    data = dataset()
    data.train.x[:] = 0
    settings = config(model__kernel_initializer="krahenbuhl")
    model = new_model(settings, data, 0)
    assert np.isfinite(np.concatenate([w.ravel() for w in model.get_weights()])).all()


def test_it_looks_at_a_part_of_the_training_examples() -> None:
    data = dataset(train=EXAMPLES + 100)
    settings = config(model__kernel_initializer="lsuv")
    before = predict(new_model(settings, data, 0), data.val.x)
    data.val.x[:] *= 3  # never at these
    assert not np.array_equal(before, predict(new_model(settings, data, 0), data.val.x))
    data.val.x[:] /= 3
    np.testing.assert_allclose(before, predict(new_model(settings, data, 0), data.val.x), rtol=1e-4)
