"""What the resident epoch may train; all else goes to Keras's own `fit`, said once."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Task
from recipe.runs import console
from recipe.training import KeepBest, LogEpochs, StopAt, fit, new_model
from recipe.training.fast_path import (
    BATCH_HOOKS,
    FAST_UNDER_XLA,
    OWN_STEPS,
    XLA_STEPS,
    why_not_fast,
    xla_pays,
)
from tests.training.random_configs import Looks, keras_fit, unequal
from tests.training.tiny import config, dataset


def net(*layers: Any, kind: type[keras.Model] = keras.Model, **given: Any) -> keras.Model:
    inputs = keras.Input((3,), batch_size=given.pop("batch_size", None))
    x = inputs
    for layer in layers:
        x = layer(x)
    model = kind(inputs, keras.layers.Dense(1)(x))
    model.compile("adam", "mse", jit_compile=False, **given)
    return model


class OwnStep(keras.Model):
    """Trains in half of its steps only."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self._loss_tracker.update_state(loss)
        return {"loss": self._loss_tracker.result()}


class OwnLayer(keras.layers.Layer):
    """What it computes, nobody knows."""

    def call(self, x: Any) -> Any:
        return keras.ops.sin(x)


class Subclass(keras.Model):
    """A net whose inputs nobody has declared."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.layers.Dense(2, "relu")
        self.drop = keras.layers.Dropout(0.3)
        self.outer = keras.layers.Dense(1)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.outer(self.drop(self.inner(x), training=training))


def subclass() -> keras.Model:
    model = Subclass()
    model(np.zeros((1, 3), np.float32))
    model.compile("adam", "mse", jit_compile=False)
    return model


def stateful() -> keras.Model:
    return net(keras.layers.Reshape((3, 1)), keras.layers.GRU(2, stateful=True, name="gru"),
               batch_size=8)  # fmt: skip


SICK: dict[str, tuple[Callable[[], keras.Model], list[keras.callbacks.Callback]]] = {
    "it was compiled with run_eagerly": (lambda: net(run_eagerly=True), []),
    "OwnStep has a train_step of its own": (lambda: net(kind=OwnStep), []),
    "it does not have one input and one output": (subclass, []),
    "the layer 'own' (OwnLayer) is not one of Keras's": (lambda: net(OwnLayer(name="own")), []),
    "the layer 'gru' keeps a state from batch to batch": (stateful, []),
    "the callback Looks has on_train_batch_end": (net, [Looks()]),
}


@pytest.mark.parametrize("reason", SICK)
def test_what_is_not_on_the_list_is_trained_by_keras_and_said_once(
    reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the numbers that Keras's `fit` gives."""
    monkeypatch.setattr(console, "_said", set())
    build, callbacks = SICK[reason]
    data = dataset(Task.REGRESSION, train=24, val=8)
    models = []
    for _ in range(3):
        keras.utils.set_random_seed(0)
        models.append(build())
    assert why_not_fast(models[0], callbacks) == reason
    with caplog.at_level(logging.WARNING, logger="recipe"):
        for model in models[:2]:
            fitted = fit(model, data.train, val=data.val, batch_size=8, epochs=2, seed=4,
                         callbacks=callbacks)  # fmt: skip
    assert fitted.fallback == reason
    assert caplog.messages == [f"trained by Keras's own fit: {reason}"]
    history = keras_fit(models[2], data, size=8, epochs=2, seed=4)
    assert fitted.history == history
    for model in models[:2]:
        assert unequal("variable", model.variables, models[2].variables) == []
        optimizers = [each.optimizer.variables for each in (model, models[2])]
        assert unequal("variable", *optimizers) == []


@pytest.mark.parametrize("name", OWN_STEPS)
def test_a_method_of_somebodys_own(name: str) -> None:
    """In the class, or put into the model."""
    assert hasattr(keras.Model, name), "Keras has renamed it: so must fast_path.OWN_STEPS"

    def own(self: Any, *given: Any, **named: Any) -> Any:
        return getattr(keras.Model, name)(self, *given, **named)

    kind = type("Mine", (keras.Model,), {name: own})
    assert why_not_fast(net(kind=kind)) == f"Mine has a {name} of its own"
    model = net()
    assert why_not_fast(model) is None
    setattr(model, name, lambda *given, **named: None)
    assert why_not_fast(model) == f"Functional has a {name} of its own"


def test_several_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    two = SimpleNamespace(num_replicas_in_sync=2)
    model = net()
    monkeypatch.setattr(keras.Model, "distribute_strategy", property(lambda model: two))
    assert why_not_fast(model) == "train.strategy: mirrored"


def test_several_inputs_or_outputs() -> None:
    inputs = [keras.Input((3,)), keras.Input((3,))]
    together = keras.layers.Concatenate()(inputs)
    one, other = keras.layers.Dense(1)(together), keras.layers.Dense(1)(together)
    alone = keras.Input((3,))
    nets = [
        keras.Model(inputs, one),
        keras.Model(inputs, [one, other]),
        keras.Model(alone, [keras.layers.Dense(1)(alone), keras.layers.Dense(1)(alone)]),
    ]
    for model in nets:
        model.compile("adam", "mse")
        assert why_not_fast(model) == "it does not have one input and one output"


def test_a_layer_deep_inside() -> None:
    inner = keras.Sequential([keras.Input((3,)), OwnLayer(name="deep")])
    assert why_not_fast(net(inner)) == "the layer 'deep' (OwnLayer) is not one of Keras's"


@pytest.mark.parametrize("hook", BATCH_HOOKS)
def test_a_hook_for_batches(hook: str) -> None:
    assert hasattr(keras.callbacks.Callback, hook), "Keras has renamed it: so must BATCH_HOOKS"
    kind = type("Mine", (keras.callbacks.Callback,), {hook: lambda *given: None})
    assert why_not_fast(net(), [kind()]) == f"the callback Mine has {hook}"
    callback = keras.callbacks.Callback()
    setattr(callback, hook, lambda *given: None)
    assert why_not_fast(net(), [callback]) == f"the callback Callback has {hook}"


KERAS_CALLBACKS = keras.callbacks


@pytest.mark.parametrize(
    ("callback", "is_fast"),
    [
        (lambda: KERAS_CALLBACKS.EarlyStopping(), True),
        (lambda: KERAS_CALLBACKS.ReduceLROnPlateau(), True),
        (lambda: KERAS_CALLBACKS.LearningRateScheduler(lambda epoch: 0.1), True),
        (lambda: KERAS_CALLBACKS.CSVLogger("log.csv"), True),
        (lambda: KERAS_CALLBACKS.History(), True),
        (lambda: KERAS_CALLBACKS.LambdaCallback(on_epoch_end=lambda epoch, logs: None), True),
        (lambda: KERAS_CALLBACKS.ModelCheckpoint("a.keras"), True),
        (lambda: StopAt(lambda model, logs: False), True),
        (lambda: KeepBest("val_loss"), True),
        (lambda: LogEpochs(SimpleNamespace(), SimpleNamespace()), True),  # type: ignore[arg-type]
        (lambda: KERAS_CALLBACKS.ModelCheckpoint("a.keras", save_freq=5), False),
        (lambda: KERAS_CALLBACKS.LambdaCallback(on_train_batch_end=lambda b, logs: None), False),
        (lambda: KERAS_CALLBACKS.TensorBoard("logs"), False),
        (lambda: KERAS_CALLBACKS.BackupAndRestore("backup"), False),
        (lambda: KERAS_CALLBACKS.TerminateOnNaN(), False),
        (lambda: KERAS_CALLBACKS.SwapEMAWeights(), False),
        (lambda: KERAS_CALLBACKS.ProgbarLogger(), False),
    ],
)
def test_keras_own_callbacks(callback: Callable[[], Any], is_fast: bool) -> None:
    made = callback()
    assert (why_not_fast(net(), [made]) is None) is is_fast, type(made).__name__


@pytest.mark.parametrize("family", ["mlp", "cnn"])
@pytest.mark.parametrize("task", list(Task), ids=str)
def test_the_shipped_families_are_fast(family: str, task: Task) -> None:
    settings = config(model__family=family, model__norm="batch", model__dropout=0.1,
                      model__l2=0.1, model__filters=(2,), model__noise={"input": 1.0})  # fmt: skip
    assert why_not_fast(new_model(settings, dataset(task, shape=(4, 4, 1)), 0)) is None


@pytest.mark.parametrize(
    ("changes", "steps", "pays"),
    [
        pytest.param({}, XLA_STEPS, True, id="many steps of a dense net"),
        pytest.param({"model__norm": "batch", "model__l2": 0.1}, XLA_STEPS, True, id="batch norm"),
        pytest.param({}, XLA_STEPS - 1, False, id="too few"),
        pytest.param({"model__dropout": 0.1}, XLA_STEPS, False, id="dropout"),
        pytest.param({"model__noise": {"activation": 0.1}}, XLA_STEPS, False, id="noise"),
        pytest.param({"model__family": "cnn", "model__filters": (2,)}, XLA_STEPS, False,
                     id="convolutions"),
    ],
)  # fmt: skip
def test_where_xla_pays(changes: dict[str, Any], steps: int, pays: bool) -> None:
    model = new_model(config(**changes), dataset(shape=(4, 4, 1)), 0)
    assert xla_pays(model, steps) is pays


def test_what_is_fast_under_xla_is_fast_without() -> None:
    assert all(kind.__module__.startswith("keras.") for kind in FAST_UNDER_XLA)
