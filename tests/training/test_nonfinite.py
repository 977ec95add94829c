"""The first tensor that is not finite, in the order in which a step is computed."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Task
from recipe.data import Dataset
from recipe.training import KeepBest, fit, new_model, train
from recipe.training.nonfinite import NonFinite, first_bad_step, is_finite
from tests.training.random_configs import Looks
from tests.training.tiny import config, dataset

NAN, INF = float("nan"), float("inf")
WAYS = pytest.mark.parametrize("way", ["resident", "resident, blocks of 2", "stock"])


@pytest.fixture(autouse=True)
def weights_are_always_the_same() -> None:
    keras.utils.set_random_seed(0)


@pytest.fixture
def callbacks(way: str, monkeypatch: pytest.MonkeyPatch) -> list[keras.callbacks.Callback]:
    """What makes a training go this way."""
    if way == "resident, blocks of 2":
        monkeypatch.setattr(import_module("recipe.training.fit"), "BLOCK_STEPS", 2)
    return [Looks()] if way == "stock" else []


def net(*layers: Any, optimizer: Any = "sgd", loss: Any = "mse", head: Any = None) -> keras.Model:
    inputs = keras.Input((3,))
    x = inputs
    for layer in layers:
        x = layer(x)
    x = (head or keras.layers.Dense(1, name="head"))(x)
    model = keras.Model(inputs, x)
    model.compile(optimizer, loss, jit_compile=False)
    return model


def spoilt(data: Dataset, part: str, value: float, example: int) -> Dataset:
    array = np.array(getattr(data.train, part))
    array[example, 0] = value
    return replace(data, train=replace(data.train, **{part: array}))


def steep_at_zero(x: Any) -> Any:
    """Finite, with a gradient that is not."""
    return keras.ops.sqrt(keras.ops.abs(x))


def zeros_in_front_of_a_root() -> keras.Model:
    return net(keras.layers.Dense(2, kernel_initializer="zeros", name="dull"),
               keras.layers.Activation(steep_at_zero, name="root"))  # fmt: skip


def overflowing_update() -> keras.Model:
    return net(optimizer=keras.optimizers.SGD(3e38, momentum=0.9))


def overflowing_loss() -> keras.Model:
    return net(head=keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(3e25)))


def overflowing_layer() -> keras.Model:
    huge = keras.initializers.Constant(1e30)
    return net(keras.layers.Dense(2, kernel_initializer=huge, name="huge"),
               keras.layers.Dense(2, kernel_initializer=huge, name="larger"))  # fmt: skip


SICK: dict[str, tuple[Callable[[], keras.Model], Callable[[Dataset], Dataset], str]] = {
    "input": (net, lambda data: spoilt(data, "x", NAN, 3), "input in epoch 1, step"),
    "input, infinite": (net, lambda data: spoilt(data, "x", -INF, 9), "input in epoch 1, step"),
    "target": (net, lambda data: spoilt(data, "y", NAN, 12), "target in epoch 1, step"),
    "activation": (overflowing_layer, lambda data: data, "output of larger in epoch 1, step 1"),
    "loss": (overflowing_loss, lambda data: data, "loss in epoch 1, step 1"),
    "gradient": (zeros_in_front_of_a_root, lambda data: data,
                 "gradient of dull/kernel in epoch 1, step 1"),
    "weight": (overflowing_update, lambda data: data, "weight head/kernel in epoch 1, step 1"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["resident", "stock"])
@pytest.mark.parametrize("kind", SICK)
def test_the_first_tensor_that_is_not_finite_is_named(
    kind: str, callbacks: list[keras.callbacks.Callback]
) -> None:
    build, spoil, said = SICK[kind]
    data = spoil(dataset(Task.REGRESSION))
    fitted = fit(build(), data.train, val=data.val, batch_size=4, epochs=4, seed=0,
                 callbacks=callbacks)  # fmt: skip
    assert fitted.diverged
    assert fitted.non_finite is not None
    assert fitted.non_finite.kind == kind.partition(",")[0]
    assert str(fitted.non_finite).startswith(said)
    assert len(fitted.history["loss"]) == 1


@WAYS
def test_a_nan_that_a_relu_swallows(callbacks: list[keras.callbacks.Callback]) -> None:
    """The loss stays finite, for NaN becomes 0; the weights before it don't."""
    model = net(keras.layers.Dense(4, name="first"), keras.layers.ReLU())
    data = spoilt(dataset(Task.REGRESSION), "x", NAN, 5)
    fitted = fit(model, data.train, val=data.val, batch_size=4, epochs=4, seed=0,
                 callbacks=callbacks)  # fmt: skip
    assert fitted.non_finite is not None
    assert fitted.non_finite.kind == "input"


@WAYS
def test_the_step_is_the_one_that_sees_the_example(
    callbacks: list[keras.callbacks.Callback],
) -> None:
    from recipe.training.batches import order_of

    for example in (0, 10, 21):
        data = spoilt(dataset(Task.REGRESSION), "x", NAN, example)
        fitted = fit(net(), data.train, batch_size=4, epochs=1, seed=7, callbacks=callbacks)
        place = order_of(7, 0, 22).tolist().index(example)
        assert fitted.non_finite == NonFinite("input", "", 0, place // 4)


@WAYS
def test_a_later_epoch_leaves_the_best_weights(callbacks: list[keras.callbacks.Callback]) -> None:
    """The learning rate breaks it in the third epoch: Fitted says so, the net is the second's."""

    def rate(epoch: int, before: float) -> float:
        return 0.01 if epoch < 2 else 3e38

    data = dataset(Task.REGRESSION)
    model = new_model(config(train__optimizer="sgd", model__dropout=0.3), data, 0)
    keep = KeepBest("val_loss")
    weights = []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(keep.model.get_weights())
    )
    schedule = keras.callbacks.LearningRateScheduler(rate)
    fitted = fit(model, data.train, val=data.val, batch_size=8, epochs=9, seed=0,
                 callbacks=[schedule, noted, keep, *callbacks])  # fmt: skip
    assert fitted.non_finite is not None
    assert (fitted.non_finite.kind, fitted.non_finite.epoch) == ("weight", 2)
    assert len(fitted.history["loss"]) == 3
    assert keep.best_epoch in (0, 1)
    for now, best in zip(model.get_weights(), weights[keep.best_epoch], strict=True):
        np.testing.assert_array_equal(now, best)


def test_looking_for_it_changes_nothing() -> None:
    """The steps that led there were made again: what is left is as it was."""
    data = dataset(Task.REGRESSION)
    settings = config(train__optimizer="sgd", train__learning_rate=1e30, model__dropout=0.5)
    runs = [
        fit(new_model(settings, data, 0), data.train, val=data.val, batch_size=8, epochs=5, seed=0,
            callbacks=more)
        for more in ([], [Looks()])
    ]  # fmt: skip
    ours, theirs = ([weight.numpy().tobytes() for weight in run.model.variables] for run in runs)
    assert repr(runs[0].history) == repr(runs[1].history)
    # what is in a NaN's bits is nobody's concern
    values = [[np.frombuffer(part, np.float32) for part in run if len(part) > 8]
              for run in (ours, theirs)]  # fmt: skip
    for a, b in zip(*values, strict=True):
        np.testing.assert_array_equal(a, b)


def test_under_xla() -> None:
    data = spoilt(dataset(Task.REGRESSION), "x", NAN, 3)
    fitted = fit(net(), data.train, batch_size=22, epochs=2, seed=0, jit=True)
    assert str(fitted.non_finite) == "input in epoch 1, step 1"


def test_train_says_it_too() -> None:
    settings = config(train__optimizer="sgd", train__learning_rate=1e30, train__epochs=5)
    fitted = train(settings, dataset(Task.REGRESSION), seed=0)
    assert fitted.diverged
    assert len(fitted.history["loss"]) < 5


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_lower_precision(policy: str) -> None:
    """Loss scaling lets steps fail on purpose; a broken input is none of these."""
    keras.config.set_dtype_policy(policy)
    try:
        models = [net() for _ in range(2)]
    finally:
        keras.config.set_dtype_policy("float32")
    data = dataset(Task.REGRESSION)
    good = fit(models[0], data.train, batch_size=4, epochs=2, seed=0)
    assert not good.diverged
    bad = spoilt(data, "x", INF, 3)
    fitted = fit(models[1], bad.train, batch_size=4, epochs=2, seed=0)
    assert fitted.non_finite is not None
    assert fitted.non_finite.kind == "input"


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 1000])
def test_the_first_bad_step_is_found_by_halves(steps: int) -> None:
    for first in {0, steps // 2, steps - 1}:
        asked: list[int] = []

        def is_bad_after(made: int, first: int = first, asked: list[int] = asked) -> bool:
            asked.append(made)
            return made > first

        assert first_bad_step(is_bad_after, steps) == first
        assert len(asked) <= np.ceil(np.log2(steps))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (NonFinite("input", "", 0, 4), "input in epoch 1, step 5"),
        (NonFinite("activation", "dense_1", 2, 0), "output of dense_1 in epoch 3, step 1"),
        (NonFinite("gradient", "head/bias", 0, 0), "gradient of head/bias in epoch 1, step 1"),
        (NonFinite("weight", "head/bias", 0, 0), "weight head/bias in epoch 1, step 1"),
        (NonFinite("loss", "", 1, None), "loss in epoch 2"),
    ],
)
def test_in_words(found: NonFinite, said: str) -> None:
    assert str(found) == said


@pytest.mark.parametrize(
    ("value", "finite"),
    [
        (np.array([1.0, 2.0]), True), (np.array([1.0, NAN]), False), (np.array(INF), False),
        (keras.ops.cast([1.0, INF], "bfloat16"), False), (keras.ops.cast([1.0], "bfloat16"), True),
        (np.array([1, 2]), True), (np.array([True]), True), (3.0, True), (NAN, False),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_finite(value: Any, finite: bool) -> None:
    assert is_finite([1.0, value]) is finite
