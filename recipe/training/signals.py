"""The numbers that say how each layer of a net fares in a training step.

The step is the model's own `train_step`, its optimizer included, so whatever a model does in
training (dropout, mixed precision, averaged weights, a step of its own) is in them. Rules of
thumb: an update is about a thousandth of its weight (CS231n, "Ratio of weights:updates");
activations keep their spread from layer to layer. Judging is left to `checks/`.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from recipe.training.layers import Call, named, recorded

SATURATED = 0.97
"""Share of an activation's range, from its middle, beyond which its gradient is nearly gone."""

RANGES = {
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
}
"""Activations that saturate, and between which values."""

CUT_OFF = ("relu", "relu6", "hard_silu", "sparse_plus")
"""Activations that are exactly 0, and have no gradient, for all that is low enough. A unit that is
so for every example is dead; of leaky ones none is."""

MOVING = (
    "keras.src.layers.reshaping",
    "keras.src.layers.pooling",
    "keras.src.layers.regularization",
    "keras.src.layers.merging.concatenate",
)
"""Packages whose layers move, pick or drop numbers: what they put out says nothing new."""


@dataclass
class Signals:
    """What there is to measure in a step, as it is traced."""

    scalars: dict[str, tf.Tensor] = field(default_factory=dict)
    """Tag -> value."""

    squares: dict[str, tf.Tensor] = field(default_factory=dict)
    """Tag of a norm -> its square."""

    arrays: dict[str, tf.Tensor] = field(default_factory=dict)
    """Title of a histogram -> its values: "weights/", "gradients/" or "activations/", then the
    layer, and for the first two the name of the weight."""

    unseen: list[str] = field(default_factory=list)
    """Names of layers whose output can't be had from outside: another layer calls them in a loop
    or in a graph of its own, or not at all."""


def signals_of(model: keras.Model, batch: tuple[Any, ...]) -> Signals:
    """Take a step inside of a graph.

    Args:
        model: its variables change.
        batch: as `train_step` wants it.
    """
    found, layers = Signals(), named(model)
    owners = _owners(model, layers)
    before = {id(v): _float32(v.value) for variables in owners.values() for v in variables}
    with recorded(model) as outputs, _handed_over(model.optimizer) as gradients:
        model.train_step(batch)
    trainable = {id(variable) for variable in model.trainable_variables}
    for name, variables in owners.items():
        learning = [v for v in variables if id(v) in trainable]
        for v in variables:
            found.arrays[f"weights/{name}/{_tail(name, v)}"] = before[id(v)]
        if not learning:
            continue
        weights = [before[id(v)] for v in learning]
        updates = [_float32(v.value) - then for v, then in zip(learning, weights, strict=True)]
        found.squares[f"weight_norm/{name}"] = _sum_of_squares(weights)
        found.squares[f"update_norm/{name}"] = _sum_of_squares(updates)
        if not gradients:  # a train_step of its own, that has no use for `model.optimizer`
            continue
        # what the loss does not depend on has no gradient: it stays, as with one of zeros
        for v in learning:
            gradients.setdefault(id(v), tf.zeros_like(before[id(v)]))
            found.arrays[f"gradients/{name}/{_tail(name, v)}"] = gradients[id(v)]
        given = [gradients[id(v)] for v in learning]
        found.squares[f"gradient_norm/{name}"] = _sum_of_squares(given)
    _measure_outputs(layers, outputs, found)
    found.arrays = {k: a for k, a in found.arrays.items() if a.shape.num_elements() != 0}
    return found


def _measure_outputs(
    layers: Mapping[str, keras.layers.Layer],
    outputs: Iterable[Call],
    found: Signals,
) -> None:
    """What layers put out, in training mode; of one with several outputs, the first."""
    here = tf.compat.v1.get_default_graph()
    seen: dict[int, list[tf.Tensor]] = defaultdict(list)
    for layer, _, output in outputs:
        first = keras.tree.flatten(output)[0]
        if isinstance(first, tf.Tensor) and first.graph is here:
            seen[id(layer)].append(first)
    for name, layer in layers.items():
        if _only_moves(layer):
            continue
        if not seen[id(layer)]:
            found.unseen.append(name)
        calls = [_float32(call) for call in seen[id(layer)] if call.dtype.is_floating]
        if not calls:
            continue
        flat = calls[0]
        if len(calls) > 1:
            flat = tf.concat([tf.reshape(call, [-1]) for call in calls], axis=0)
        mean = tf.reduce_mean(flat)
        found.arrays[f"activations/{name}"] = flat
        found.scalars[f"activation_mean/{name}"] = mean
        found.squares[f"activation_std/{name}"] = tf.reduce_mean(tf.square(flat - mean))
        function = activation_of(layer)
        if function in CUT_OFF:
            found.scalars[f"dead_units/{name}"] = _share_dead(layer, calls)
        if function in RANGES:
            low, high = RANGES[function]
            from_middle = tf.abs(flat - (low + high) / 2)
            found.scalars[f"saturated/{name}"] = _share(from_middle > SATURATED * (high - low) / 2)


@contextlib.contextmanager
def _handed_over(optimizer: keras.optimizers.Optimizer | None) -> Iterator[dict[int, tf.Tensor]]:
    """Record what an optimizer is given: id of a variable -> its gradient, not yet clipped."""
    gradients: dict[int, tf.Tensor] = {}
    if optimizer is None:
        yield gradients
        return
    apply = optimizer.apply

    def recording(grads: Iterable[Any], trainable_variables: Any = None) -> None:
        given, variables = list(grads), trainable_variables
        variables = optimizer._trainable_variables if variables is None else list(variables)
        scale = optimizer.scale_loss(tf.constant(1.0))  # of float16, against underflow
        for variable, gradient in zip(variables, given, strict=True):
            if gradient is not None:
                gradients[id(variable)] = _float32(gradient) / scale
        _fill_accumulators(optimizer, variables, given)
        apply(given, variables)

    # past Keras's own __setattr__, which would look for variables in it
    object.__setattr__(optimizer, "apply", recording)
    try:
        yield gradients
    finally:
        optimizer.__dict__.pop("apply")


def _fill_accumulators(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[Any], gradients: Sequence[Any]
) -> None:
    """Make this the step in which accumulated gradients are applied, all of them like these.

    Pinned by a test: what they are accumulated in is Keras's own.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    steps = inner.gradient_accumulation_steps
    if not steps:
        return
    done = inner._iterations
    done.assign(done // steps * steps + steps - 1)
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient is not None:
            sums = inner._accumulated_gradients[inner._get_variable_index(variable)]
            sums.assign((steps - 1) * tf.convert_to_tensor(gradient))


def _owners(
    model: keras.Model, layers: Mapping[str, keras.layers.Layer]
) -> dict[str, list[keras.Variable]]:
    """Which weights belong to which layer; those of no leaf go by their own path."""
    owners: dict[str, list[keras.Variable]] = defaultdict(list)
    owned: set[int] = set()
    listed = [(name, v) for name, layer in layers.items() for v in layer.weights]
    rest = [(v.path.rpartition("/")[0] or model.name, v) for v in model.weights]
    for name, v in listed + rest:
        # a weight that two layers share is the first one's
        if id(v) not in owned and tf.as_dtype(v.dtype).is_floating:
            owners[name].append(v)
            owned.add(id(v))
    return owners


def _tail(name: str, variable: keras.Variable) -> str:
    """The name of a weight within its layer, e.g. "kernel" or "forward_lstm/lstm_cell/bias"."""
    return variable.path.rpartition(f"{name.rpartition('/')[2]}/")[2]


def _only_moves(layer: keras.layers.Layer) -> bool:
    idle = isinstance(layer, keras.layers.InputLayer | keras.layers.Identity)
    return idle or any(base.__module__.startswith(MOVING) for base in type(layer).__mro__)


def activation_of(layer: keras.layers.Layer) -> str:
    """Name of the function whose values a layer puts out as they are; empty if there is none."""
    if isinstance(layer, keras.layers.TimeDistributed | keras.layers.SpectralNormalization):
        return activation_of(layer.layer)
    if isinstance(layer, keras.layers.ReLU):
        return "leaky_relu" if layer.negative_slope else "relu"
    if isinstance(layer, keras.layers.RNN) and not isinstance(layer, keras.layers.SimpleRNN):
        return ""  # gates come after its activation
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _share_dead(layer: keras.layers.Layer, calls: Sequence[tf.Tensor]) -> tf.Tensor:
    """Share of the units, a convolution's channels, that are 0 for all examples at all places."""
    alive = []
    for call in calls:
        rank = call.shape.rank
        order = getattr(layer, "data_format", None) or keras.config.image_data_format()
        unit = 1 if rank > 3 and order == "channels_first" else rank - 1
        # NaN is not at most 0, and not dead
        others = [axis for axis in range(rank) if axis != unit]
        alive.append(~tf.reduce_all(call <= 0, axis=others))
    return _share(~tf.reduce_any(tf.stack(alive), axis=0))


def _float32(value: Any) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(value), tf.float32)


def _sum_of_squares(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(tf.square(part)) for part in parts])


def _share(true: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(true, tf.float32))
