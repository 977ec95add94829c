"""What depends on what in a net, charted by backpropagation.

Karpathy ("A Recipe for Training Neural Networks", 2019, step 2): set the loss to something trivial
like the sum of all outputs of example i, and see that only the i-th input has a gradient. Where
inputs are numbers of tokens, which have none, some are changed instead, and the others' outputs
looked at. Works for any Keras model; its state is afterwards as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

EXAMPLES = 13
"""Enough to mix, and a number that no other axis is likely to have."""

ROUNDING = 1e-5
"""Relative change of an output that says nothing: the order of sums may differ."""


@dataclass(frozen=True)
class Reach:
    """How strongly outputs depend on what they may depend on, and on what they must not."""

    own: float
    """Largest |gradient| of an example's outputs by its own inputs, or change of them."""

    foreign: float
    """The same by other examples' inputs, or by later steps: 0 where nothing leaks."""

    @property
    def leaks(self) -> bool:
        """Whether anything comes from where it must not."""
        return self.foreign > 0

    @property
    def share(self) -> float:
        """What leaks in, over what is an example's own."""
        return self.foreign / self.own if self.own else float(self.foreign > 0)


def between_examples(
    model: keras.Model, x: Any, *, training: bool = False, seed: int = 0
) -> Reach | None:
    """Whether an example's outputs depend on other examples of its batch.

    A random half of the batch is summed up, with random signs and sizes so that outputs which add
    up to 1 don't hide it; the other half's inputs must have no gradient. Then the other way round.

    Args:
        model: built.
        x: a batch, array or structure of arrays, (examples, ...).
        training: in training mode, where batch norm mixes examples by design.
        seed: of the halves.

    Returns:
        None where it can't be told: an output has not one row for each example, two calls give
        different outputs, or no output depends on any input.
    """
    rng = np.random.default_rng(seed)
    count = len(keras.tree.flatten(x)[0])
    half = rng.permutation(count) < count // 2
    with _state_kept(model):
        return _reach(model, x, 0, [half, ~half], training, rng)


def ahead_of_time(model: keras.Model, x: Any, *, seed: int = 0) -> Reach | None:
    """Whether outputs of a step depend on later steps of their sequence.

    Args:
        model: built.
        x: one array, (examples, steps, ...).
        seed: of the random sums.

    Returns:
        None where it can't be told, as above, or the outputs have no such steps.
    """
    rng = np.random.default_rng(seed)
    parts = keras.tree.flatten(x)
    if len(parts) != 1 or parts[0].ndim < 2 or parts[0].shape[1] < 3:
        return None
    steps = parts[0].shape[1]
    early = np.arange(steps) < steps // 2
    with _state_kept(model):
        return _reach(model, x, 1, [early], False, rng)


def unread(model: keras.Model, x: Any, *, seed: int = 0) -> list[np.ndarray | None]:
    """Which inputs no output depends on.

    Args:
        model: built.
        x: a batch, array or structure of arrays, (examples, ...).
        seed: of the random sum of outputs.

    Returns:
        For each array of x a mask of one example's shape, True where no example's output has a
        gradient; None where it has none at all: token numbers, or a net whose units are all dead.
    """
    with _state_kept(model):
        given = keras.tree.map_structure(_constant, x)
        with tf.GradientTape() as tape:
            parts = _floating(given)
            tape.watch(parts)
            outputs = keras.tree.flatten(model(given, training=False))
            total = _weighted(outputs, np.random.default_rng(seed))
        found = iter(tape.gradient(total, parts))
    masks: list[np.ndarray | None] = []
    for part in keras.tree.flatten(given):
        gradient = next(found) if part.dtype.is_floating else None
        read = None if gradient is None else (np.asarray(gradient) != 0).any(axis=0)
        masks.append(None if read is None or not read.any() else ~read)
    return masks


def unreached(model: keras.Model, x: Any, y: Any) -> list[str]:
    """Paths of trainable variables that the loss does not depend on: they never learn.

    Args:
        model: compiled.
        x: a batch, array or structure of arrays.
        y: its targets; None for a model that adds its loss itself.
    """
    with _state_kept(model):
        given, target = (keras.tree.map_structure(_constant, part) for part in (x, y))
        with tf.GradientTape() as tape:
            loss = model.compute_loss(given, target, model(given, training=True), None)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [v.value for v in variables])
    return [v.path for v, g in zip(variables, gradients, strict=True) if g is None]


def _reach(
    model: keras.Model,
    x: Any,
    axis: int,
    masks: Sequence[np.ndarray],
    training: bool,
    rng: np.random.Generator,
) -> Reach | None:
    """From the outputs that each mask names along an axis to the inputs that it names, and others.

    Args:
        model: built.
        x: a batch.
        axis: 0: examples, 1: steps; of inputs and outputs alike.
        masks: each a mask of that axis.
        training: the mode.
        rng: of the sums.
    """
    given = keras.tree.map_structure(_constant, x)
    parts, length = _floating(given), len(masks[0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(parts)
        outputs = keras.tree.flatten(model(given, training=training))
        if any(part.shape.rank <= axis or part.shape[axis] != length for part in outputs):
            return None
        # another axis as long may be the same examples: of their similarities, say
        if axis == 0 and any(length in part.shape[1:] for part in outputs):
            return None
        sums = [_weighted([_named(part, mask, axis) for part in outputs], rng) for mask in masks]
    own = foreign = 0.0
    for mask, total in zip(masks, sums, strict=True):
        for gradient in tape.gradient(total, parts):
            if gradient is not None:
                own = max(own, _largest(_named(gradient, mask, axis)))
                foreign = max(foreign, _largest(_named(gradient, ~mask, axis)))
    if len(parts) < len(keras.tree.flatten(given)):
        found = _varied(model, given, axis, masks[0], training)
        if found is None:
            return None
        own, foreign = max(own, found.own), max(foreign, found.foreign)
    known = np.isfinite([own, foreign]).all() and max(own, foreign) > 0
    return Reach(own, foreign) if known else None


def _varied(
    model: keras.Model, given: Any, axis: int, mask: np.ndarray, training: bool
) -> Reach | None:
    """What the named outputs change by if token numbers change where they are named, or elsewhere.

    Returns:
        None where two calls with the same inputs differ, for they are drawn at random.
    """

    def called(where: np.ndarray | None) -> list[np.ndarray]:
        def changed(part: tf.Tensor) -> tf.Tensor:
            if where is None or part.dtype.is_floating or part.shape.rank <= axis:
                return part
            values = np.moveaxis(part.numpy(), axis, 0)
            # another value that occurs: of a batch turned round, along both axes
            other = np.flip(part.numpy(), axis=(0, 1) if part.shape.rank > 1 else 0)
            values = np.where(_column(where, values.ndim), np.moveaxis(other, axis, 0), values)
            return tf.constant(np.moveaxis(values, 0, axis))

        with _state_kept(model):
            said = model(keras.tree.map_structure(changed, given), training=training)
        return [np.asarray(_named(part, mask, axis), np.float64) for part in _flat(said)]

    before, again, own, foreign = (called(where) for where in (None, None, mask, ~mask))
    size = max(_largest(part) for part in before)

    def moved(after: list[np.ndarray]) -> float:
        difference = max(_largest(a - b) for a, b in zip(after, before, strict=True))
        return difference if difference > ROUNDING * size else 0.0

    return None if moved(again) else Reach(moved(own), moved(foreign))


@contextlib.contextmanager
def _state_kept(model: keras.Model) -> Iterator[None]:
    """Random states, moving averages and the states of recurrent layers, put back afterwards."""
    learning = {id(v) for v in model.trainable_variables}
    rest = [v for v in model.variables if id(v) not in learning]
    # not among a layer's variables
    kept = [getattr(layer, "states", None) for layer in model._flatten_layers()]
    rest += [v for v in keras.tree.flatten(kept) if isinstance(v, keras.Variable)]
    before = [np.array(v.numpy()) for v in rest]
    try:
        yield
    finally:
        for variable, value in zip(rest, before, strict=True):
            variable.assign(value)


def _weighted(outputs: Sequence[tf.Tensor], rng: np.random.Generator) -> tf.Tensor:
    """One number of all outputs: a sum of all alone would hide those that add up to a constant."""
    sums = [
        tf.reduce_sum(part * tf.constant(rng.normal(size=part.shape), part.dtype))
        for part in outputs
        if part.dtype.is_floating
    ]
    return tf.add_n([tf.cast(each, tf.float32) for each in sums])


def _constant(part: Any) -> tf.Tensor:
    return tf.constant(part, keras.config.floatx() if np.asarray(part).dtype.kind == "f" else None)


def _flat(structure: Any) -> list[tf.Tensor]:
    return [*keras.tree.flatten(structure)]


def _floating(structure: Any) -> list[tf.Tensor]:
    return [part for part in _flat(structure) if part.dtype.is_floating]


def _named(part: Any, mask: np.ndarray, axis: int) -> tf.Tensor:
    return tf.gather(part, np.flatnonzero(mask), axis=axis)


def _column(mask: np.ndarray, axes: int) -> np.ndarray:
    return mask.reshape(-1, *[1] * (axes - 1))


def _largest(values: Any) -> float:
    found = np.abs(np.asarray(values, np.float64))
    return float(found.max()) if found.size else 0.0
