"""Which learning rates does a net bear? One training whose rate rises from step to step.

The range test of Smith, "Cyclical Learning Rates for Training Neural Networks" (2015, arXiv
1506.01186, section 3.3): at rates that are too low the loss stays, then it falls, then it rises.
It suggests a rate and proves nothing: that needs trainings at constant rates. Nobody's net is
changed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf
from scipy import stats

from recipe.data import Split
from recipe.training.batches import column
from recipe.training.fast_path import why_not_fast
from recipe.training.steps import compiled, rows_of
from recipe.training.trace import Trace, trace_of

BLOCK_STEPS = 50
"""Steps of one compiled call; after each it is asked whether the loss has risen enough."""

RISE = 4.0
"""Times its start, at which the smoothed loss ends the test: what follows is only worse. Not its
lowest, as in fastai's `lr_find`: where a rare class weighs much, chance alone does that."""

DECAY = 0.9
"""Of the average that smooths the losses: it looks back on about 10 steps."""

SETTLED = 10
"""Steps before which the average is one of a few batches, and its lowest value is chance."""

BEGUN = 2 * SETTLED
"""Steps over which the loss at the start is averaged; the lowest rate does nothing yet."""

NEARLY = 0.02
"""The loss counts as lowest once all but this part of its fall is done. A net that memorizes its
examples before any rate is too high has its very lowest loss at the highest."""

VALLEY = 0.1
"""Part of its fall by which the loss may rise again before a rate counts as too large."""

THIRD = 3.0
"""The suggestion is the rate of the lowest loss divided by this. Smith 2015, section 3.3: the
best rate is within a factor of 2 of the largest that converges (Bengio 2012), and a base rate a
third or a quarter of that one. Measured against a tenth of it and against the rate of the
steepest fall: docs/stages.md."""

Steps = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows, rates): one step for each rate, on as many rows; its loss before the update, (steps,)."""


@dataclass(frozen=True)
class Curve:
    """One range test: the loss of each step, as it was trained on."""

    rates: np.ndarray
    """(steps,) learning rate of each step that was made."""

    losses: np.ndarray
    """(steps,) loss of each step's batch, in training mode, penalties included; all finite."""

    is_broken: bool
    """It ended with a loss that was not finite."""

    @cached_property
    def smoothed(self) -> np.ndarray:
        """The losses' average up to each step, (steps,)."""
        return smoothed(self.losses)

    @property
    def start(self) -> float:
        """The mean loss before the rate does anything."""
        return float(self.losses[:BEGUN].mean())

    @property
    def fall(self) -> float:
        """How far the smoothed loss falls, as a fraction of where it starts."""
        return (self.start - float(self.smoothed[SETTLED:].min())) / abs(self.start)

    @property
    def lowest(self) -> int:
        """The first step at which the smoothed loss is at its lowest, or nearly."""
        line = self.smoothed[SETTLED:]
        least = float(line.min())
        return SETTLED + int((line <= least + NEARLY * max(self.start - least, 0)).argmax())

    @property
    def largest(self) -> int:
        """The last step before the smoothed loss leaves its valley: the largest rate borne."""
        line = self.smoothed[SETTLED:]
        least = float(line.min())
        borne = line <= least + VALLEY * max(self.start - least, 0)
        return SETTLED + int(np.flatnonzero(borne)[-1])

    @property
    def steepest(self) -> int:
        """The step up to the lowest at which the loss falls fastest for a factor of the rate."""
        slopes = np.gradient(self.smoothed)[SETTLED : self.lowest + 1]
        return SETTLED + int(slopes.argmin())


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and the ends of its interval."""

    value: float
    low: float
    high: float


def smoothed(losses: np.ndarray, decay: float = DECAY) -> np.ndarray:
    """Exponential average of a series up to each of its points, not biased by where it starts.

    Args:
        losses: (steps,).
        decay: weight of a step relative to the one after it.
    """
    averages, average = [], 0.0
    for step, loss in enumerate(losses, start=1):
        average = decay * average + (1 - decay) * float(loss)
        averages.append(average / (1 - decay**step))
    return np.array(averages)


def over_seeds(values: Sequence[float], confidence: float, resolution: float = 0.0) -> Estimate:
    """Mean and Student's t interval.

    Args:
        values: one for each seed, two at least.
        confidence: of the two-sided interval.
        resolution: the smallest difference that can be seen: seeds that agree to that are not
            free of noise.
    """
    spread = max(float(np.std(values, ddof=1)), resolution)
    quantile = float(stats.t.ppf(0.5 + confidence / 2, len(values) - 1))
    mean, half = float(np.mean(values)), quantile * spread / float(np.sqrt(len(values)))
    return Estimate(mean, mean - half, mean + half)


def suggestion(curves: Sequence[Curve], confidence: float) -> Estimate:
    """A third of the rate at which the loss is lowest: geometric mean over seeds.

    Args:
        curves: of the same rates; two at least.
        confidence: of the interval.
    """
    logs = [float(np.log(curve.rates[curve.lowest] / THIRD)) for curve in curves]
    step = float(np.log(curves[0].rates[1] / curves[0].rates[0]))
    found = over_seeds(logs, confidence, resolution=step)
    return Estimate(*(float(np.exp(end)) for end in (found.value, found.low, found.high)))


def range_test(
    build: Callable[[int], keras.Model],
    train: Split,
    *,
    seeds: Iterable[int],
    rates: np.ndarray,
    batch_size: int,
    weights: np.ndarray | None = None,
) -> Iterator[Curve]:
    """Train with a rising rate, once for each seed.

    Args:
        build: from a seed to a compiled model, whose state is afterwards as it was.
        train: examples to learn from, gone through again if they are fewer than the steps take.
        seeds: of the nets and of the order of the examples.
        rates: of each step, (steps,), rising.
        batch_size: examples per step.
        weights: of the examples in the loss, (examples,); None: 1 for each.
    """
    x, y = tf.constant(train.x), tf.constant(column(train.y))
    given = None if weights is None else tf.constant(weights, tf.float32)
    used: keras.Model | None = None
    for seed in seeds:
        model = build(seed)
        fast = why_not_fast(model) is None
        trace = trace_of(model, x, y, jit=False) if fast else _as_it_is(model)
        if trace.model is not used:  # nets of one structure share what is compiled
            used, make = trace.model, _compiled_steps if fast else _stock_steps
            steps = make(used, x, y, given, batch_size)
        before = [(variable, np.array(variable.numpy())) for variable in trace.state]
        rows = rows_of(seed, len(train), len(rates) * batch_size)
        try:
            curve = _curve(steps, rows, rates, batch_size)
        finally:
            for variable, value in before:
                variable.assign(value)
        yield curve


def _curve(steps: Steps, rows: np.ndarray, rates: np.ndarray, batch_size: int) -> Curve:
    """Make steps until the loss has risen, is not finite, or the rates are through."""
    losses = np.empty(0)
    for start in range(0, len(rates), BLOCK_STEPS):
        block = slice(start * batch_size, (start + BLOCK_STEPS) * batch_size)
        losses = np.append(losses, steps(rows[block], rates[start : start + BLOCK_STEPS]))
        finite = np.isfinite(losses)
        end = len(losses) if finite.all() else int(finite.argmin())
        line = smoothed(losses[:end])
        risen = line > RISE * losses[:BEGUN].mean()
        risen[:BEGUN] = False
        if risen.any():
            end = int(risen.argmax()) + 1
        if end < len(losses) or risen.any():
            return Curve(rates[:end], losses[:end], is_broken=not risen.any())
    return Curve(rates, losses, is_broken=False)


def _compiled_steps(
    model: keras.Model, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None, batch_size: int
) -> Steps:
    def run(rows: np.ndarray, rates: np.ndarray) -> np.ndarray:
        batches = rows.reshape(len(rates), batch_size)
        parts = [None if part is None else tf.gather(part, batches) for part in (x, y, weights)]
        return np.asarray(compiled(model)(*parts, tf.constant(rates, tf.float32)))

    return run


def _stock_steps(
    model: keras.Model, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None, batch_size: int
) -> Steps:
    """The same by Keras's own step, for nets that `fast_path.py` does not know."""

    def run(rows: np.ndarray, rates: np.ndarray) -> np.ndarray:
        losses = []
        for number, rate in enumerate(rates):
            some = rows[number * batch_size : (number + 1) * batch_size]
            model.optimizer.learning_rate = rate
            model.reset_metrics()
            given = None if weights is None else tf.gather(weights, some)
            batch = (tf.gather(x, some), tf.gather(y, some), given)
            losses.append(model.train_on_batch(*batch, return_dict=True)["loss"])
        return np.array(losses, np.float64)

    return run


def _as_it_is(model: keras.Model) -> Trace:
    """A net that is trained without a twin, and put back afterwards."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return Trace(model, jit=False)
