"""One training step of a net: taken, measured, and undone.

All of it is one compiled function, which ends by putting back every variable that the step has
touched, so that a training goes on as if nobody had looked. What is measured is `signals.py`;
when, and who is told, is the Monitor's.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.training.buckets import BUCKETS, Counting
from recipe.training.signals import Signals, signals_of

Batch = tuple[Any, ...]
"""x, and perhaps y and the examples' weights: tensors, or structures of them."""


@dataclass(frozen=True)
class Measured:
    """One measurement, under the tags that TensorBoard groups by what stands before the slash."""

    scalars: dict[str, float]
    histograms: dict[str, np.ndarray]
    """Each (30, 3): left edge, right edge, count of the finite values. Empty if not asked for."""


class Step:
    """The compiled function, for one model and batches of one shape."""

    def __init__(self, model: keras.Model, batch: Batch) -> None:
        found = Signals()

        def step(batch: Batch, wants_histograms: tf.Tensor) -> list[tf.Tensor]:
            nonlocal found
            found = signals_of(model, batch)
            counting = Counting([*found.arrays.values()])
            return [
                tf.stack([*found.scalars.values(), *found.squares.values()]),
                counting.not_finite(),
                *counting.histograms(wants_histograms),
            ]

        def undone(batch: Batch, wants_histograms: tf.Tensor) -> list[tf.Tensor]:
            kept = [variable.read_value() for variable in touched]
            measured = taken(batch, wants_histograms)
            for variable, value in zip(touched, kept, strict=True):
                variable.assign(value)
            return measured

        # what Keras's own fit would build in its first step; pinned by a test
        with model.distribute_strategy.scope():
            model._symbolic_build(data_batch=batch)
        told = tf.constant(False)
        # alone at first, to learn which variables it touches: also what nobody has listed, like
        # the random states of layers and the sums of metrics
        taken = tf.function(step, autograph=False).get_concrete_function(batch, told)
        touched = taken.graph.variables
        self._taken = taken
        self._undone = tf.function(undone, autograph=False).get_concrete_function(batch, told)
        self._scalars, self._squares = [*found.scalars], [*found.squares]
        self._titles = [*found.arrays]
        self._made_of = [weakref.ref(part) for part in _parts(model)]
        self._trainable = [id(variable) for variable in model.trainable_variables]
        self.unseen = tuple(found.unseen)
        """Names of layers whose output could not be measured."""

    def __call__(self, batch: Batch, wants_histograms: bool) -> Measured:
        """Take the step, and take it back."""
        with unoptimized():
            measured = self._undone(batch, tf.constant(wants_histograms))
        values, not_finite, low, high, counts = (part.numpy() for part in measured)
        scalars = dict(zip(self._scalars, values.tolist(), strict=False))
        squares = dict(zip(self._squares, values[len(scalars) :].tolist(), strict=True))
        scalars |= _norms(squares)
        # a share of 0 need not be said of every array
        shares = zip(self._titles, not_finite.tolist(), strict=True)
        scalars |= {f"not_finite/{title}": share for title, share in shares if share}
        if not wants_histograms:
            return Measured(scalars, {})
        edges = np.linspace(low, high, BUCKETS + 1, axis=1, dtype=np.float64)
        buckets = np.stack([edges[:, :-1], edges[:, 1:], counts], axis=2)
        return Measured(scalars, dict(zip(self._titles, buckets, strict=True)))

    def is_of(self, model: keras.Model) -> bool:
        """Whether it is still the model's step: the model was not compiled anew, nor frozen."""
        if not is_alive(self._taken):
            return False
        parts = [id(made_of()) for made_of in self._made_of]
        trainable = [id(variable) for variable in model.trainable_variables]
        return parts == [id(part) for part in _parts(model)] and trainable == self._trainable


def step_of(model: keras.Model, batch: Batch) -> tuple[Step, bool]:
    """The compiled step of a model, and whether it was compiled now, which may take seconds.

    Args:
        model: compiled; what is not yet built is built.
        batch: the probe.

    Raises:
        ValueError: the model runs eagerly.
    """
    if model.run_eagerly:
        raise ValueError(
            "one training step is compiled to be measured, and this model was compiled with "
            "run_eagerly=True; compile it without, or train it without a Monitor"
        )
    shapes = str(keras.tree.map_structure(lambda part: (part.shape, part.dtype), batch))
    known = _STEPS.setdefault(model, {})
    is_new = shapes not in known or not known[shapes].is_of(model)
    if is_new:
        known[shapes] = Step(model, batch)
    return known[shapes], is_new


# a net that is trained many times is traced once
_STEPS: weakref.WeakKeyDictionary[keras.Model, dict[str, Step]] = weakref.WeakKeyDictionary()


def _norms(squares: Mapping[str, float]) -> dict[str, float]:
    """Norms by their tags, and what follows from them."""
    with np.errstate(all="ignore"):  # of a net that is not finite, or all zeros
        norms = {tag: float(np.sqrt(square)) for tag, square in squares.items()}
        for tag in [tag for tag in norms if tag.startswith("update_norm/")]:
            layer = tag.partition("/")[2]
            ratio = np.float64(norms.pop(tag)) / norms[f"weight_norm/{layer}"]
            norms[f"update_ratio/{layer}"] = float(ratio)
    of_gradients = [squares[tag] for tag in squares if tag.startswith("gradient_norm/")]
    if of_gradients:
        norms["monitor/global_gradient_norm"] = float(np.sqrt(sum(of_gradients)))
    return norms


@contextmanager
def unoptimized() -> Iterator[None]:
    """Run graphs as they are: for a few calls, TensorFlow takes longer to improve than to run them.

    It would do so anew in each training, because a new seed makes it forget what it had compiled
    (measured: 0.19 s of CPU time for the first probe of the digits MLP, 0.08 like this).
    """
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **options})


def is_alive(function: tf.types.experimental.ConcreteFunction) -> bool:
    """Whether the variables that it was compiled with are still there."""
    try:
        _ = function.graph.variables
    except AssertionError:  # TensorFlow's word for a variable that is gone
        return False
    return True


def _parts(model: keras.Model) -> list[Any]:
    """What `compile` gave the model: new objects each time. Pinned by a test."""
    parts = (model.optimizer, model._compile_loss, model._compile_metrics)
    return [part for part in parts if part is not None]
