"""One compiled epoch for all nets of one structure.

Tracing costs a small net as much as a hundred of its epochs. Nets that differ only in learning
rate, dropout, noise, penalties, weight decay, label smoothing or seed need the same graph: so
weights and amounts of a net are put into a twin that was compiled once, trained there, and
taken out again. What is computed does not depend on which nets were trained there before.
"""

from __future__ import annotations

import json
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.training import adjustable
from recipe.training.disturb import Extra, mixed, noisy
from recipe.training.layers import leaves
from recipe.training.losses import Smoothed
from recipe.training.population import norm_measure
from recipe.training.schedule import NUMBERS, Schedule

KEPT = 16
"""Structures whose graph is kept; the one that was used longest ago makes way."""

EVALUATION_BLOCK = 1024
"""Examples per validation step: large enough to be fast, small enough for memory."""

NAMING = ("name", "keras_history", "input_layers", "output_layers")
"""Keys of a model's config under which names of layers stand."""


@dataclass
class Trace:
    """A net with its compiled functions."""

    model: keras.Model
    """The twin, or the net itself where it can't be copied."""

    jit: bool
    key: tuple[str, bool] | None = None
    """Under which it is kept for the next net; None: it is of no use to another."""

    amounts: dict[str, tf.Variable] = field(default_factory=dict)
    run: Callable[..., tuple[dict[str, float], bool]] = field(init=False)
    """(x, y, weights or None, order, batch size, begins, what disturbs the steps): one step for
    each batch of `order`.
    Loss and metrics of the epoch so far (`begins`: from here on), and whether loss and weights
    are finite: a ReLU makes 0 of NaN, so the loss alone does not tell."""

    validate: Callable[..., dict[str, float]] = field(init=False)
    """(x, y): the loss and metrics of all examples, in inference mode."""

    measure_norms: Callable[[tf.Tensor], None] = field(init=False)
    """(x): give batch norms the statistics of all examples."""

    snapshot: Callable[[], list[tf.Tensor]] = field(init=False)
    """A copy of the whole state."""

    def __post_init__(self) -> None:
        self.run = _compiled_steps(self.model, self.jit)
        self.validate = _compiled_validation(self.model)
        self.measure_norms = norm_measure(self.model)
        self.snapshot = tf.function(lambda: [tf.identity(v) for v in self.state], autograph=False)

    @property
    def state(self) -> list[keras.Variable]:
        """All that a step changes: weights, random states, the optimizer's and metrics' sums."""
        model = self.model
        every = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return list({id(variable): variable for variable in every}.values())

    def restore(self, state: list[Any]) -> None:
        """Put a copy of the whole state back."""
        for variable, value in zip(self.state, state, strict=True):
            variable.assign(value)


def trace_of(model: keras.Model, x: tf.Tensor, y: tf.Tensor, jit: bool) -> Trace:
    """The trace in which this net can be trained, ready to start: its weights, its amounts.

    Args:
        model: compiled and built.
        x: one example at least, (examples, *shape).
        y: its target.
        jit: compile with XLA.
    """
    found = structure(model)
    if found is None:
        trace = Trace(model, jit)
        _build_state(trace, x, y)
        return trace
    key, amounts = (found[0], jit), found[1]
    trace = _TRACES[key] if key in _TRACES else _twin(model, amounts, x, y, key)
    _keep(trace)
    _put(model, trace, amounts)
    return trace


def lend(trace: Trace) -> None:
    """Give it to a training, until `take`: a callback's own net of this structure gets another."""
    if trace.key:
        _TRACES.pop(trace.key, None)


def take(trace: Trace, model: keras.Model) -> None:
    """Put what was trained into the net it was started from."""
    if trace.model is model:
        return
    for mine, trained in zip(_variables(model), _variables(trace.model), strict=True):
        mine.assign(trained)
    _keep(trace)


_TRACES: OrderedDict[tuple[str, bool], Trace] = OrderedDict()


def _keep(trace: Trace) -> None:
    assert trace.key
    _TRACES[trace.key] = trace
    _TRACES.move_to_end(trace.key)
    while len(_TRACES) > KEPT:
        _TRACES.popitem(last=False)


def _put(model: keras.Model, trace: Trace, amounts: dict[str, float]) -> None:
    if not model.optimizer.built:
        # its own slots, not the twin's: some optimizers begin with a copy of the weights
        model.optimizer.build(model.trainable_variables)
    for theirs, ours in zip(_variables(trace.model), _variables(model), strict=True):
        theirs.assign(ours)
    for name, value in amounts.items():
        trace.amounts[name].assign(value)


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _twin(
    model: keras.Model, amounts: dict[str, float], x: tf.Tensor, y: tf.Tensor, key: tuple[str, bool]
) -> Trace:
    """A copy of a net with its amounts in variables, compiled as the net is."""
    variables = {name: adjustable.amount() for name in amounts}
    places = {layer.name: place for place, layer in enumerate(model.layers)}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        place = places.get(layer.name)  # None: an operation, like the + of two layers' outputs
        config = layer.get_config()
        twin, argument = adjustable.LAYERS.get(type(layer), (type(layer), ""))
        variable = variables.get(f"{place}.{argument}")
        kind: type[keras.layers.Layer] = type(layer) if variable is None else twin
        copy = kind.from_config(config)
        if variable is not None:
            copy.amount = variable
        for key in [] if place is None else _penalties(layer):
            setattr(copy, key, adjustable.twin_of(getattr(layer, key), variables[f"{place}.{key}"]))
        return copy

    with _randomness_kept():
        twin = keras.models.clone_model(model, clone_function=copied)
        for theirs, mine in zip(twin._flatten_layers(), model._flatten_layers(), strict=True):
            # Keras's SpatialDropout writes down another policy than the one it has
            theirs.dtype_policy = mine.dtype_policy
        compiled = keras.saving.deserialize_keras_object(model.get_compile_config())
        if _inner(model.optimizer) is not model.optimizer:
            scaling = keras.optimizers.LossScaleOptimizer
            compiled["optimizer"] = scaling(compiled["optimizer"], name=model.optimizer.name)
        # by itself Keras scales the loss where its policy is float16 now, not when it was compiled
        twin.compile(**compiled, auto_scale_loss=False)
        optimizer = _inner(twin.optimizer)
        # Keras's configs leave out what is not decayed
        optimizer._exclude_from_weight_decay_pattern = _not_decayed(model)
        if "weight_decay" in variables:
            optimizer.weight_decay = variables["weight_decay"]
        if "label_smoothing" in variables:
            twin.loss.amount = variables["label_smoothing"]
        schedule = _schedule(optimizer)
        if schedule:
            variables |= {f"schedule.{name}": schedule.numbers[name] for name in NUMBERS}
        else:
            variables["learning_rate"] = optimizer.learning_rate
        trace = Trace(twin, key[1], key, variables)
        _build_state(trace, x, y)
    return trace


def structure(model: keras.Model) -> tuple[str, dict[str, float]] | None:
    """What decides a net's graph, as text, and its amounts, which don't; None: can't be copied.

    A copy is made of nets whose layers, loss and optimizer Keras can write down, and whose whole
    state is in variables.
    """
    kinds = ("keras.src.models.functional", "keras.src.models.sequential")
    if type(model).__module__ not in kinds or not model.built:
        return None
    optimizer = _inner(model.optimizer)
    if getattr(optimizer, "_exclude_from_weight_decay", None):
        return None  # it holds these very variables
    if any(hasattr(layer, "adapt") for layer in leaves(model)):
        return None  # what it has learnt from data is in plain tensors
    try:
        config, compiled = model.get_config(), model.get_compile_config()
        amounts: dict[str, float] = {}
        entries = {entry["config"]["name"]: entry for entry in config["layers"]}
        for place, layer in enumerate(model.layers):
            of_layer = entries[layer.name]["config"]
            _, argument = adjustable.LAYERS.get(type(layer), (None, ""))
            if argument and of_layer[argument] > 0:
                amounts[f"{place}.{argument}"] = of_layer.pop(argument)
            for key in _penalties(layer):
                of_penalty = of_layer[key]["config"]
                amounts[f"{place}.{key}"] = of_penalty.popitem()[1]
        settings = compiled["optimizer"]["config"]
        settings.pop("name")
        rate, ours = settings["learning_rate"], _schedule(optimizer)
        if ours:
            for name in NUMBERS:
                amounts[f"schedule.{name}"] = rate["config"].pop(name)
        if isinstance(rate, float):
            amounts["learning_rate"] = settings.pop("learning_rate")
        # with a schedule of Keras's, TensorFlow multiplies its constants by this one beforehand,
        # which changes the last bits
        if settings.get("weight_decay") and (ours or isinstance(rate, float)):
            amounts["weight_decay"] = settings.pop("weight_decay")
        if isinstance(model.loss, Smoothed):
            amounts["label_smoothing"] = compiled["loss"]["config"].pop("label_smoothing")
        if not (_is_plain(config) and _is_plain(compiled)):
            return None
        muon = keras.optimizers.Muon
        around = [
            # Keras joins the patterns in the order of a set, another one in every process
            sorted(getattr(_not_decayed(model), "pattern", "").split("|")),
            # Muon tells by layers' names which weights are not its own
            [w.path for w in model.trainable_variables if isinstance(optimizer, muon)],
            type(model.optimizer).__name__,
            [layer.dtype_policy.name for layer in model._flatten_layers()],
            keras.config.floatx(),
        ]
        written = [_numbered(config, {}), compiled, around]
        return json.dumps(written, sort_keys=True), amounts
    except (TypeError, ValueError, KeyError, NotImplementedError):
        return None


def _penalties(layer: keras.layers.Layer) -> list[str]:
    """Attributes of a layer that hold a penalty whose amount can be changed."""
    return [
        key
        for key, value in vars(layer).items()
        if key.endswith("_regularizer") and adjustable.is_adjustable(value)
    ]


def _is_plain(config: Any) -> bool:
    """Whether it holds nothing but Keras's objects and ours, which say all about themselves.

    Two functions of somebody's own can have the same name, and a class a config that leaves out
    what it computes.
    """
    if isinstance(config, list | tuple):
        return all(map(_is_plain, config))
    if not isinstance(config, dict):
        return True
    ours = str(config.get("registered_name")).startswith("recipe>")
    known = str(config.get("module", "keras")).partition(".")[0] == "keras" or ours
    return known and config.get("class_name") != "__lambda__" and _is_plain([*config.values()])


def _numbered(config: Any, names: dict[str, int], key: str = "") -> Any:
    """Numbers in the place of layers' names, which decide nothing: Keras counts on from net to net.

    Args:
        config: of a model, or a part of it.
        names: those seen so far, and their numbers.
        key: under which it stands.
    """
    if key == "dtype":  # a policy has a name too
        return config
    if isinstance(config, dict):
        return {key: _numbered(value, names, key) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_numbered(value, names, key) for value in config]
    if key in NAMING and isinstance(config, str):
        return names.setdefault(config, len(names))
    return config


def _not_decayed(model: keras.Model) -> re.Pattern[str] | None:
    """What a weight's name holds. Pinned by a test: Keras has no public name for it."""
    return getattr(_inner(model.optimizer), "_exclude_from_weight_decay_pattern", None)


def _schedule(optimizer: keras.optimizers.Optimizer) -> Schedule | None:
    """The schedule of the config, if it is one of ours. Pinned by a test, as the one above."""
    given = getattr(optimizer, "_learning_rate", None)
    return given if isinstance(given, Schedule) else None


def _inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that a loss-scaling one (float16) hands its gradients to."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _build_state(trace: Trace, x: tf.Tensor, y: tf.Tensor) -> None:
    """Make optimizer slots and metric variables, which can't be made inside of a loop's graph."""
    model = trace.model
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    model.test_step((x[:1], y[:1]))
    model.reset_metrics()


def _compiled_steps(model: keras.Model, jit: bool) -> Callable[..., tuple[dict[str, float], bool]]:
    def outcome() -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        logs = model.get_metrics_result()
        numbers = [logs["loss"], *model.trainable_variables]
        finite = [tf.reduce_all(tf.math.is_finite(tensor)) for tensor in numbers]
        return logs, tf.reduce_all(finite)

    @tf.autograph.experimental.do_not_convert
    def step(parts: Sequence[tf.Tensor], rows: tf.Tensor, extra: Extra, number: Any) -> None:
        batch = tuple(tf.gather(part, rows) for part in parts)
        if "share" in extra:
            batch = mixed(model, batch, extra["share"][number])
        with noisy(model, extra):
            model.train_step(batch)

    # relaxed shapes: the last batch is smaller, and is not worth a second trace
    @tf.function(reduce_retracing=True)
    def loop(parts, order, size, begins, extra):  # type: ignore[no-untyped-def]
        if begins:
            model.reset_metrics()
        for start in tf.range(0, tf.shape(order)[0], size):
            step(parts, order[start : start + size], extra, start // size)
        return outcome()

    # XLA wants every shape when it compiles
    @tf.function(jit_compile=True)
    def compiled_loop(parts, order, size, extra):  # type: ignore[no-untyped-def]
        model.reset_metrics()
        whole, rest = divmod(order.shape[0], size)
        for number in tf.range(whole):
            step(parts, tf.slice(order, [number * size], [size]), extra, number)
        if rest:
            step(parts, order[whole * size :], extra, whole)
        return outcome()

    def run(x, y, weights, order, size, begins, extra):  # type: ignore[no-untyped-def]
        parts = [part for part in (x, y, weights) if part is not None]
        order = tf.constant(order)
        if jit:  # the whole epoch, always
            logs, finite = compiled_loop(parts, order, size, extra)
        else:
            logs, finite = loop(parts, order, tf.constant(size), tf.constant(begins), extra)
        return _floats(logs), bool(finite)

    return run


def _compiled_validation(
    model: keras.Model,
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, float]]:
    @tf.function(reduce_retracing=True)
    def loop(x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        model.reset_metrics()
        for start in tf.range(0, tf.shape(x)[0], EVALUATION_BLOCK):
            end = start + EVALUATION_BLOCK
            model.test_step((x[start:end], y[start:end]))
        return model.get_metrics_result()

    return lambda x, y: _floats(loop(x, y))


def _floats(logs: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}


@contextmanager
def _randomness_kept() -> Iterator[None]:
    """Whether a twin had to be made must not change anybody's next random number."""
    ours, numpy = random.getstate(), np.random.get_state()
    yield
    random.setstate(ours)
    np.random.set_state(numpy)
