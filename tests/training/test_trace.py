"""One compiled epoch for many trainings: what shares it, what must not, and what can't."""

import gc
import json
import re
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Config, Task
from recipe.data import Dataset
from recipe.training import fit, new_model, trace
from recipe.training.batches import column
from recipe.training.trace import Trace, structure, trace_of
from tests.training.random_configs import keras_fit, policy, unequal
from tests.training.tiny import compiled_loss, config, dataset

BASE = {
    "model__dropout": 0.2,
    "model__l2": 0.01,
    "model__noise": {"input": 0.1, "activation": 0.2},
    "train__weight_decay": 0.01,
    "train__label_smoothing": 0.1,
    "train__epochs": 1,
}
AMOUNTS = [
    pytest.param({}, 1, id="seed"),
    pytest.param({"train__learning_rate": 0.003}, 0, id="learning rate"),
    pytest.param({"model__dropout": 0.7}, 0, id="dropout"),
    pytest.param({"model__l2": 0.3}, 0, id="L2"),
    pytest.param({"model__noise": {"input": 0.5, "activation": 0.3}}, 0, id="noise"),
    pytest.param({"train__weight_decay": 0.2}, 0, id="weight decay"),
    pytest.param({"train__label_smoothing": 0.3}, 0, id="label smoothing"),
    pytest.param({"train__batch_size": 5}, 0, id="batch size"),
    pytest.param({"train__epochs": 2}, 0, id="epochs"),
]


@pytest.fixture
def no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACES", type(trace._TRACES)())


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of Keras's steps in Python: one for each time that a graph is made of them."""
    calls: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        step = getattr(keras.Model, name)

        def call(*given: Any) -> Any:
            calls.append(name)
            return step(*given)

        return call

    for name in ("train_step", "test_step"):
        monkeypatch.setattr(keras.Model, name, counted(name))
    return calls


def trained(settings: Config, data: Dataset, seed: int = 0) -> keras.Model:
    model = new_model(settings, data, seed)
    size: Any = settings.train.batch_size
    fit(model, data.train, val=data.val, batch_size=size, epochs=settings.train.epochs, seed=seed)
    return model


def test_trainings_that_differ_in_amounts_alone_share_one_trace(
    no_traces: None, traced: list[str]
) -> None:
    """And each ends as it would have ended alone."""
    data = dataset()
    trained(config(**BASE), data)
    assert len(trace._TRACES) == 1
    traced.clear()
    models = []
    for changes, seed in (given.values for given in AMOUNTS):
        models.append(trained(config(**{**BASE, **changes}), data, seed))
    assert (traced, len(trace._TRACES)) == ([], 1)
    for number in (0, 4):
        trace._TRACES.clear()
        changes, seed = AMOUNTS[number].values
        alone = trained(config(**{**BASE, **changes}), data, seed)
        assert unequal("variable", models[number].variables, alone.variables) == []
        ours, theirs = (model.optimizer.variables for model in (models[number], alone))
        assert unequal("variable", ours, theirs) == []
    assert traced != []


def test_the_same_trace_takes_other_numbers_of_examples(no_traces: None, traced: list[str]) -> None:
    """After one more, which takes any number."""
    for number, (examples, unseen) in enumerate([(22, 12), (30, 9), (17, 30), (100, 2)]):
        if number == 2:
            traced.clear()
        trained(config(), dataset(train=examples, val=unseen))
    assert traced == []


OWN = "tests.training.random_configs:uncommon"  # L2 there is an L1 penalty too


@pytest.mark.parametrize("family", ["mlp", OWN])
@pytest.mark.parametrize(("changes", "seed"), AMOUNTS)
def test_an_amount_is_no_part_of_the_structure(
    changes: dict[str, Any], seed: int, family: str
) -> None:
    data, base = dataset(), {**BASE, "model__family": family}
    one = said(new_model(config(**base), data, 0))
    keras.layers.Dense(1)  # Keras counts its names on
    assert said(new_model(config(**{**base, **changes}), data, seed)) == one


@pytest.mark.parametrize(
    "changes",
    [
        {"model__dropout": 0.0}, {"model__l2": 0.0}, {"model__noise": {"input": 0.1}},
        {"model__widths": (5,)}, {"model__widths": (4, 4)}, {"model__activation": "tanh"},
        {"model__norm": "batch"}, {"model__norm": "layer"}, {"model__kernel_initializer": "zeros"},
        {"model__dropout_position": "before_norm"}, {"train__weight_decay": 0.0},
        {"train__label_smoothing": 0.0}, {"train__optimizer": "sgd"},
        {"train__optimizer": {"class_name": "Adam", "config": {"beta_1": 0.8}}},
        {"train__ema": 0.9}, {"train__mixup": 0.2},
    ],
    ids=str,
)  # fmt: skip
def test_all_else_is_structure(changes: dict[str, Any]) -> None:
    data = dataset()
    one, other = (new_model(config(**given), data, 0) for given in (BASE, {**BASE, **changes}))
    assert said(one) != said(other)


def net(*layers: Any, loss: Any = "mse", optimizer: Any = "sgd", **given: Any) -> keras.Model:
    """A net of three inputs and one output."""
    inputs = keras.Input((3,))
    x = inputs
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(x))
    made = keras.optimizers.get(optimizer)
    made.learning_rate = 0.05
    model.compile(made, loss, jit_compile=False, **given)
    return model


def activated(name: str) -> keras.Model:
    return net(keras.layers.Activation(name, name=name), keras.layers.Dense(2))


def of_policy(name: str, **given: Any) -> keras.Model:
    with policy(name):
        return net(keras.layers.Dense(2), keras.layers.Reshape((2, 1)),
                   keras.layers.SpatialDropout1D(0.5), keras.layers.Flatten(), **given)  # fmt: skip


def muon(name: str) -> keras.Model:
    return net(keras.layers.Dense(4, name=name), optimizer=keras.optimizers.Muon())


def decaying(*excluded: str) -> keras.Model:
    optimizer = keras.optimizers.AdamW()
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=[*excluded])
    return net(keras.layers.Dense(2), optimizer=optimizer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(lambda: activated("relu"), lambda: activated("tanh"),
                     id="layers named like what they do"),
        pytest.param(lambda: of_policy("float32"), lambda: of_policy("mixed_bfloat16"),
                     id="precision"),
        pytest.param(lambda: of_policy("mixed_float16"),
                     lambda: of_policy("mixed_float16", auto_scale_loss=False), id="loss scaling"),
        pytest.param(lambda: muon("dense"), lambda: muon("embedding"),
                     id="names by which Muon tells weights apart"),
        pytest.param(lambda: decaying("bias"), lambda: decaying(), id="what is not decayed"),
        pytest.param(lambda: net(metrics=["mae"]), lambda: net(metrics=["mse"]), id="metrics"),
        pytest.param(lambda: net(loss="mse"), lambda: net(loss="mae"), id="loss"),
        pytest.param(lambda: net(keras.layers.Dropout(0.5, seed=1)),
                     lambda: net(keras.layers.Dropout(0.5, noise_shape=(None, 1), seed=1)),
                     id="what is dropped together"),
    ],
)  # fmt: skip
def test_nets_that_look_alike_and_are_not(
    one: Callable[[], keras.Model], other: Callable[[], keras.Model]
) -> None:
    assert said(one()) == said(one())
    assert said(one()) != said(other())


def test_the_structure_is_the_same_text_in_every_process() -> None:
    """The checkpoint tells by it whose it is; Keras joins these in the order of a set."""
    orders = [decaying(*names) for names in (("bias", "beta"), ("beta", "bias"))]
    orders[0].optimizer._exclude_from_weight_decay_pattern = re.compile("beta|bias")
    orders[1].optimizer._exclude_from_weight_decay_pattern = re.compile("bias|beta")
    assert said(orders[0]) == said(orders[1])
    names = [layer.name for layer in orders[0].layers]
    assert not any(json.dumps(name) in said(orders[0]) for name in names)


def said(model: keras.Model) -> str:
    found = structure(model)
    assert found is not None
    return found[0]


class Subclass(keras.Model):
    """A net of which Keras can't make another."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.layers.Dense(2, "relu")
        self.drop = keras.layers.Dropout(0.3)
        self.outer = keras.layers.Dense(1)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.outer(self.drop(self.inner(x), training=training))


class LikeFunctional(keras.Model):
    """A functional net with a class of its own, which may have methods of its own."""


def twice(x: Any) -> Any:
    return 2 * x


def squared(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.square(y_pred - y_true)


class Weighted(keras.losses.Loss):
    """Its config does not say what it multiplies by."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.factor * keras.ops.mean(keras.ops.square(y_pred - y_true), axis=-1)


def like_functional() -> keras.Model:
    inputs = keras.Input((3,))
    model = LikeFunctional(inputs, keras.layers.Dense(1)(inputs))
    model.compile("adam", "mse", jit_compile=False)
    return model


def adapted() -> keras.Model:
    normalization = keras.layers.Normalization()
    normalization.adapt(dataset(Task.REGRESSION).train.x * 3 + 1)
    return net(normalization)


def with_excluded() -> keras.Model:
    model = net(keras.layers.Dense(2))
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[1].kernel])
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def with_two_optimizers() -> keras.Model:
    model = net(keras.layers.Dense(2, name="first"))
    several = keras.optimizers.OptimizerMap(keras.optimizers.Adam(0.1))
    several["first/.*"] = keras.optimizers.SGD(0.01)
    model.compile(keras.optimizers.MultiOptimizer(several), "mse", jit_compile=False)
    return model


def scaling_by_itself() -> keras.Model:
    inner = keras.optimizers.SGD(0.05)
    model = net()
    model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse", jit_compile=False)
    return model


NOT_COPIED = {
    "a functional net with a class of its own": like_functional,
    "a Lambda": lambda: net(keras.layers.Lambda(lambda x: 2 * x)),
    "a function as activation": lambda: net(keras.layers.Dense(2, activation=twice)),
    "a function as loss": lambda: net(keras.layers.Dropout(0.5), loss=squared),
    "a loss class of somebody's own": lambda: net(loss=Weighted(3.0)),
    "what a layer has learnt from data": adapted,
    "weights that are not decayed": with_excluded,
    "several optimizers": with_two_optimizers,
    "loss scaling asked for": scaling_by_itself,
}


@pytest.mark.parametrize("build", NOT_COPIED.values(), ids=NOT_COPIED)
def test_what_cannot_be_copied(build: Callable[[], keras.Model]) -> None:
    assert structure(build()) is None


TRAINED = {name: build for name, build in NOT_COPIED.items() if "function" not in name}


@pytest.mark.parametrize("build", TRAINED.values(), ids=TRAINED)
def test_a_net_that_cannot_be_copied_trains_on_its_own(
    build: Callable[[], keras.Model], no_traces: None
) -> None:
    """In its own graph, to the same numbers."""
    data = dataset(Task.REGRESSION)
    keras.utils.set_random_seed(0)
    ours = build()
    keras.utils.set_random_seed(0)
    theirs = build()
    assert structure(ours) is None
    fitted = fit(ours, data.train, val=data.val, batch_size=8, epochs=2, seed=0)
    assert (fitted.fallback, len(trace._TRACES)) == (None, 0)
    history = keras_fit(theirs, data, size=8, epochs=2, seed=0)
    assert unequal("variable", ours.variables, theirs.variables) == []
    assert unequal("variable", ours.optimizer.variables, theirs.optimizer.variables) == []
    assert fitted.history == history


def test_a_sequential_net_is_copied_too(no_traces: None) -> None:
    data = dataset(Task.REGRESSION)
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        layers = [keras.Input((3,)), keras.layers.Dense(3, "relu"), keras.layers.Dropout(0.4)]
        model = keras.Sequential([*layers, keras.layers.Dense(1, kernel_regularizer="l2")])
        model.compile("adamw", "mse", metrics=["mae"], jit_compile=False)
        models.append(model)
    ours, theirs = models
    fitted = fit(ours, data.train, val=data.val, batch_size=8, epochs=2, seed=0)
    assert (fitted.fallback, len(trace._TRACES)) == (None, 1)
    assert fitted.history == keras_fit(theirs, data, size=8, epochs=2, seed=0)
    assert unequal("variable", ours.variables, theirs.variables) == []


def test_a_subclass_is_measured_on_its_own(no_traces: None) -> None:
    """Keras's `fit` trains it (`test_fast_path.py`), so here its loss must do."""
    data = dataset(Task.REGRESSION)
    model = Subclass()
    expected = ((np.asarray(model(data.train.x)) - data.train.y) ** 2).mean()
    model.compile("adam", "mse", jit_compile=False)
    assert compiled_loss(model, data.train) == pytest.approx(expected, rel=1e-5)
    assert (structure(model), len(trace._TRACES)) == (None, 0)


def tensors(data: Dataset) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(data.train.x), tf.constant(column(data.train.y))


def test_the_least_used_traces_make_way(no_traces: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "KEPT", 2)
    data = dataset()

    def use(width: int) -> Trace:
        return trace_of(new_model(config(model__widths=(width,)), data, 0), *tensors(data), False)

    first, _, again = use(1), use(2), use(1)
    assert first is again
    third = use(3)  # 2 makes way
    assert [*trace._TRACES.values()] == [first, third]
    assert use(2) is not first
    assert [kept.model.get_layer("dense_1").units for kept in trace._TRACES.values()] == [3, 2]


def test_with_xla_it_is_another_trace(no_traces: None) -> None:
    data = dataset()
    plain, jit = (trace_of(new_model(config(), data, 0), *tensors(data), j) for j in (False, True))
    assert (plain.jit, jit.jit, len(trace._TRACES)) == (False, True, 2)


def test_a_twin_keeps_no_trained_net_alive() -> None:
    data = dataset()
    model = new_model(config(**BASE), data, 0)
    fit(model, data.train, val=data.val, batch_size=8, epochs=1, seed=0)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_an_interrupted_training_leaves_nothing_behind() -> None:
    data, settings = dataset(), config(model__dropout=0.5)

    def interrupt(epoch: int, logs: Any) -> None:
        raise KeyboardInterrupt

    alone = trained(settings, data)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(new_model(settings, data, 3), data.train, batch_size=8, epochs=2, seed=3,
            callbacks=[callback])  # fmt: skip
    assert unequal("variable", trained(settings, data).variables, alone.variables) == []


def test_a_twin_has_the_precision_of_its_net() -> None:
    """Keras's SpatialDropout writes down float32, and the policy has changed since."""
    model = of_policy("mixed_float16")
    data = dataset(Task.REGRESSION)
    twin = trace_of(model, *tensors(data), jit=False).model
    assert [layer.compute_dtype for layer in twin.layers] == ["float16"] * 6
    assert isinstance(twin.optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize(
    ("kind", "module"),
    [("Functional", "keras.src.models.functional"), ("Sequential", "keras.src.models.sequential")],
)
def test_keras_keeps_its_models_where_they_are_looked_for(kind: str, module: str) -> None:
    """Else no net would be copied: `trace.structure` knows these two by their modules."""
    inputs = keras.Input((3,))
    made = {
        "Functional": keras.Model(inputs, keras.layers.Dense(1)(inputs)),
        "Sequential": keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
    }[kind]
    assert type(made).__module__ == module, "name Keras's new module in trace.structure"
    made.compile("sgd", "mse", jit_compile=False)
    assert structure(made) is not None


def test_keras_keeps_what_is_not_decayed_where_it_is_looked_for() -> None:
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    assert pattern is not None, "trace._not_decayed must learn Keras's new name for the pattern"
    assert pattern.search("bias")
    model = with_excluded()
    assert model.optimizer._exclude_from_weight_decay, "trace.structure must learn the new name"
    weights = [(weight.name, model.optimizer._use_weight_decay(weight)) for weight in model.weights]
    assert weights == [("kernel", False), ("bias", True), ("kernel", True), ("bias", True)]


def test_keras_lists_the_layers_of_a_net() -> None:
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="deep")])
    listed = getattr(net(keras.layers.Dense(2), inner), "_flatten_layers", list)()
    names = [layer.name for layer in listed]
    assert {"deep", "head", inner.name} < {*names}, "trace._twin needs Keras's new name for it"
