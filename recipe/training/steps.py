"""Steps with the loss of each: what range tests and the laboratory's short trainings are made of.

Where `fit` counts in epochs and keeps its place, this takes a number of steps, each at a rate of
its own, and may be looked at in between. Nothing is validated, stopped or kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from recipe.config import RequestError
from recipe.data import Split
from recipe.training.batches import column, order_of
from recipe.training.fast_path import why_not_fast
from recipe.training.trace import lend, take, trace_of

BLOCK_STEPS = 50
"""Steps of one compiled call, where nobody looks in between."""

Look = Callable[[keras.Model, int], None]
"""Called with the net that trains, and the steps that it has made."""

Run = Callable[..., tf.Tensor]
"""(x, y, weights or None, rates): one step for each batch and rate; each loss, before its update.
x (steps, batch, *shape), y (steps, batch, targets), weights (steps, batch), rates (steps,)."""


def train_steps(
    model: keras.Model,
    train: Split,
    rates: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    look: Look | None = None,
    every: int = BLOCK_STEPS,
) -> np.ndarray:
    """Train a net for some steps.

    Args:
        model: compiled with a constant rate, and built; its weights change.
        train: examples to learn from, gone through again if they are fewer than the steps take.
        rates: the learning rate of each step, (steps,).
        batch_size: examples per step.
        seed: of the order of the examples.
        look: called before the first step, after each `every` steps and after the last.
        every: steps from look to look.

    Returns:
        The loss of each step's batch before its update, in training mode, penalties included,
        (steps,); NaN from the block of steps on in which it was not finite.

    Raises:
        RequestError: the net can't be trained in blocks of steps.
    """
    reason = why_not_fast(model)
    if reason:
        raise RequestError(f"model: this experiment can't train the net step by step: {reason}")
    trace = trace_of(model, *_batch(train, np.zeros(1, np.int64)), jit=False)
    lend(trace)
    losses = np.full(len(rates), np.nan)
    rows = rows_of(seed, len(train), len(rates) * batch_size).reshape(len(rates), batch_size)
    block = every if look else BLOCK_STEPS
    if look:
        look(trace.model, 0)
    for start in range(0, len(rates), block):
        some = slice(start, start + block)
        chosen = rows[some]
        x, y = _batch(train, chosen.ravel())
        x, y = (tf.reshape(part, (*chosen.shape, *part.shape[1:])) for part in (x, y))
        seen = compiled(trace.model)(x, y, None, tf.constant(rates[some], tf.float32)).numpy()
        if not np.isfinite(seen).all():
            break
        losses[some] = seen
        if look:
            look(trace.model, min(start + block, len(rates)))
    take(trace, model)
    return losses


def compiled(model: keras.Model) -> Run:
    """The compiled steps of a net, the same function each time it is asked for."""
    # a bound method of the model would keep it alive
    if model not in _COMPILED:
        _COMPILED[model] = _compile(weakref.ref(model))
    return _COMPILED[model]


_COMPILED: weakref.WeakKeyDictionary[keras.Model, Run] = weakref.WeakKeyDictionary()


def rows_of(seed: int, examples: int, count: int) -> np.ndarray:
    """Rows of the steps' batches: whole passes one after another, each in an order of its own."""
    passes = -(-count // examples)
    return np.concatenate([order_of(seed, number, examples) for number in range(passes)])[:count]


def _batch(split: Split, rows: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    some = split.take(rows).loaded()
    return tf.constant(some.x), tf.constant(column(some.y))


def _compile(reference: weakref.ref[keras.Model]) -> Run:
    @tf.function(reduce_retracing=True)
    def run(x, y, weights, rates):  # type: ignore[no-untyped-def]
        model = reference()
        assert model is not None
        losses = tf.TensorArray(tf.float32, tf.shape(rates)[0])
        for number in tf.range(tf.shape(rates)[0]):
            model.optimizer.learning_rate.assign(rates[number])
            given = None if weights is None else weights[number]
            # Keras's train_step without its metrics, which cost a small net as much again
            with tf.GradientTape() as tape:
                predicted = model(x[number], training=True)
                loss = model.compute_loss(
                    x=x[number], y=y[number], y_pred=predicted, sample_weight=given
                )
                scaled = model.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, model.trainable_variables)
            model.optimizer.apply(gradients, model.trainable_variables)
            losses = losses.write(number, tf.cast(loss, tf.float32))
        return losses.stack()

    return run
