"""The range test: finds the rate at which a net breaks, and leaves the net as it was."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Task
from recipe.data import Split
from recipe.training import fit, new_model
from recipe.training import range_test as module
from recipe.training.batches import order_of
from recipe.training.range_test import (
    BEGUN,
    SETTLED,
    Curve,
    over_seeds,
    range_test,
    smoothed,
    suggestion,
)
from tests.training.tiny import config, dataset

RATES = np.geomspace(1e-6, 10, 150)


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):
    """A layer that is not Keras's: such nets are trained by Keras's own steps."""

    def call(self, inputs):
        return 2 * inputs


def linear_data(scale: float, noise: float = 0.3, examples: int = 256) -> Split:
    rng = np.random.default_rng(0)
    x = (scale * rng.normal(size=(examples, 5))).astype(np.float32)
    y = (x.sum(axis=1, keepdims=True) / scale + rng.normal(0, noise, (examples, 1))).astype("f4")
    return Split(x, y, np.arange(examples), np.arange(examples))


def linear_net(optimizer: str = "sgd", own_layer: bool = False) -> Callable[[int], keras.Model]:
    def build(seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(1, use_bias=False)]
        model = keras.Sequential([keras.Input((5,)), *([Doubled()] if own_layer else []), *layers])
        model.compile(optimizer=optimizer, loss="mse", metrics=[keras.metrics.R2Score()])
        return model

    return build


def curve(losses: list[float], low: float = 1e-4, high: float = 1.0) -> Curve:
    return Curve(np.geomspace(low, high, len(losses)), np.array(losses), is_broken=False)


def curves_of(build, split: Split, seeds=(0,), rates=RATES, batch_size: int = 16, **given):
    return list(range_test(build, split, seeds=seeds, rates=rates, batch_size=batch_size, **given))


# ---- what it finds ------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.1, 10.0])
@pytest.mark.parametrize("stretched", [1.0, 7.0], ids=["round", "ravine"])
def test_gradient_descent_bears_rates_up_to_twice_the_inverse_of_the_largest_curvature(
    scale, stretched
):
    split = linear_data(scale)
    split.x[:, 0] *= stretched
    hessian = 2 / len(split) * split.x.T @ split.x
    limit = 2 / float(np.linalg.eigvalsh(hessian).max())
    rates = np.geomspace(limit / 1e4, limit * 1e3, 400)
    (found,) = curves_of(linear_net(), split, rates=rates, batch_size=64)
    assert limit / 3 < found.rates[found.largest] < 3 * limit
    assert found.rates[found.lowest] <= found.rates[found.largest]
    assert limit < found.rates[-1] < 5 * limit
    assert found.losses[-1] > found.losses[0]


def test_the_suggestion_is_a_rate_at_which_the_net_then_learns():
    split = linear_data(1.0)
    found = suggestion(curves_of(linear_net(), split, range(3)), confidence=0.95)
    assert found.low < found.value < found.high
    model = linear_net()(9)
    model.optimizer.learning_rate = found.value
    fitted = fit(model, split, batch_size=16, epochs=20, seed=9)
    assert fitted.history["loss"][-1] < 0.15


def test_it_ends_where_the_loss_has_risen():
    (found,) = curves_of(linear_net(), linear_data(1.0))
    assert len(found.losses) < len(RATES)
    assert len(found.rates) == len(found.losses)
    assert found.smoothed[-1] > 4 * found.start
    assert not found.is_broken


def test_it_ends_before_a_loss_that_is_not_finite():
    split = linear_data(1.0)
    split.x[7] = np.nan  # comes in one of the first 16 steps
    (found,) = curves_of(linear_net(), split)
    assert found.is_broken
    assert len(found.losses) < 16
    assert np.isfinite(found.losses).all()


@pytest.mark.parametrize("task", list(Task))
def test_every_task_and_more_steps_than_an_epoch_has(task):
    data = dataset(task)
    (found,) = curves_of(
        lambda seed: new_model(config(model__norm="batch"), data, seed), data.train, batch_size=8
    )
    assert len(found.losses) > 3 * len(data.train) / 8
    assert found.fall > 0


# ---- how it is measured -------------------------------------------------------------------------


def test_the_loss_of_each_step_is_its_batchs_before_the_update():
    split = linear_data(1.0)
    (found,) = curves_of(linear_net(), split, rates=np.geomspace(1e-9, 1e-7, 32))
    model = linear_net()(0)
    order = order_of(0, 0, len(split))
    first = order[:16]
    expected = float(np.mean((np.asarray(model(split.x[first])) - split.y[first]) ** 2))
    assert found.losses[0] == pytest.approx(expected, rel=1e-5)
    # rates too small to matter: the second pass sees the same net
    assert found.losses[:16].mean() == pytest.approx(found.losses[16:].mean(), rel=1e-4)


def test_examples_weigh_what_they_should():
    split, tiny_rates = linear_data(1.0), np.geomspace(1e-9, 1e-7, 20)
    (plain,) = curves_of(linear_net(), split, rates=tiny_rates)
    (twice,) = curves_of(linear_net(), split, rates=tiny_rates, weights=np.full(len(split), 2.0))
    assert twice.losses == pytest.approx(2 * plain.losses, rel=1e-4)


def test_the_same_seed_gives_the_same_curve_and_another_another():
    first, again, other = curves_of(linear_net("adam"), linear_data(1.0), seeds=(0, 0, 1))
    assert np.array_equal(first.losses, again.losses)
    assert not np.array_equal(first.losses[:BEGUN], other.losses[:BEGUN])


def test_keras_s_own_steps_give_the_same_curve(monkeypatch):
    split, few = linear_data(1.0), np.geomspace(1e-4, 1e-1, 60)
    (fast,) = curves_of(linear_net("adam"), split, rates=few)
    monkeypatch.setattr(module, "why_not_fast", lambda model: "a test")
    (stock,) = curves_of(linear_net("adam"), split, rates=few)
    assert stock.losses == pytest.approx(fast.losses, rel=1e-4)


# ---- nobody's net is changed --------------------------------------------------------------------


def everything(model: keras.Model) -> list[np.ndarray]:
    return [np.array(v.numpy()) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("own_layer", [False, True], ids=["copied", "trained as it is"])
def test_a_net_is_afterwards_as_it_was(own_layer):
    split = linear_data(1.0)
    model = linear_net("adam", own_layer)(0)
    fit(model, split, batch_size=16, epochs=2, seed=0)  # an optimizer with a past
    before = everything(model)
    curves_of(lambda seed: model, split, rates=np.geomspace(1e-4, 10, 60))
    for now, then in zip(everything(model), before, strict=True):
        assert np.array_equal(now, then)


def test_a_training_afterwards_is_as_without_it():
    data, settings = dataset(), config(model__dropout=0.3)

    def trained() -> list[float]:
        model = new_model(settings, data, 3)
        return fit(model, data.train, batch_size=8, epochs=3, seed=3).history["loss"]

    before = trained()
    curves_of(lambda seed: new_model(settings, data, seed), data.train, batch_size=8)
    assert trained() == before


def test_seeds_share_what_is_compiled(monkeypatch):
    data, made = dataset(), []
    steps = module._compiled_steps
    monkeypatch.setattr(module, "_compiled_steps", lambda *args: made.append(1) or steps(*args))
    few = np.geomspace(1e-4, 1e-2, 20)
    curves_of(lambda seed: new_model(config(), data, seed), data.train, (0, 1, 2), few, 8)
    assert len(made) == 1


# ---- from losses to a rate ----------------------------------------------------------------------


def test_the_average_of_a_constant_is_that_constant_from_the_first_step_on():
    assert smoothed(np.full(30, 3.0)) == pytest.approx(np.full(30, 3.0))


def test_the_average_follows_a_step_within_tens_of_steps():
    line = smoothed(np.r_[np.zeros(50), np.ones(50)])
    assert line[49] == 0
    assert 0.6 < line[60] < 0.8
    assert line[-1] > 0.99


def test_a_plateau_counts_as_lowest_where_it_begins():
    falls = [*np.full(60, 1.0), *np.linspace(1, 0.01, 40)]
    memorized = curve([*falls, *np.linspace(0.01, 0.0, 100)])
    assert 100 <= memorized.lowest < 130  # and not step 199, the highest rate


def test_chance_in_the_first_steps_is_not_the_lowest():
    lucky = curve([0.1, *np.full(99, 1.0), *np.linspace(1, 0.5, 50), *np.full(10, 4.0)])
    assert lucky.lowest > 100
    assert lucky.steepest > 100
    assert lucky.fall == pytest.approx(0.4, abs=0.1)


def test_a_loss_that_only_rises_has_its_lowest_at_the_start():
    rising = curve(list(np.geomspace(1, 50, 100)))
    assert rising.lowest == SETTLED
    assert rising.fall < 0.2


def test_the_suggestion_is_a_third_of_the_lowest_and_has_a_width():
    line = [*np.full(60, 1.0), *np.linspace(1, 0.2, 60), *np.geomspace(0.2, 4, 30)]
    same = [curve(line)] * 3
    found = suggestion(same, confidence=0.95)
    assert found.value == pytest.approx(same[0].rates[same[0].lowest] / 3)
    # seeds that agree to the step know the rate to no less than a step
    assert found.high / found.low > same[0].rates[1] / same[0].rates[0]


def test_an_interval_over_seeds_is_students():
    found = over_seeds([1.0, 2.0, 3.0], confidence=0.95)
    half = 4.302653 / np.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half), rel=1e-5)


def test_the_twin_starts_anew_for_the_next_net():
    build, split = linear_net("adam"), linear_data(1.0)
    curves_of(build, split, rates=np.geomspace(1e-4, 1e-2, 30))
    model = build(1)
    trace = module.trace_of(model, tf.constant(split.x), tf.constant(split.y), jit=False)
    assert int(trace.model.optimizer.iterations) == 0
    assert float(trace.model.optimizer.learning_rate) == pytest.approx(1e-3)
