"""Trains the user's net as asked, or with something changed, and leaves no trace.

A cause is proven by taking it away: from the same weights and with the same seed, is the net better
for it? Everything that a trial touches (weights, layers' attributes, the optimizer, random states)
is put back.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.head import Head
from recipe.doctor.randomness import kept_randomness
from recipe.doctor.skill import skill
from recipe.doctor.subject import Subject, rows_of

JUDGED = 2_000
"""Examples on which a trained net is judged, spread over all."""

STEP = 0.004
"""Seconds of a step of a small net in Keras's `fit`, to tell what more of them will take."""

KEPT_CALLBACKS = (
    keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.EarlyStopping, keras.callbacks.SwapEMAWeights,
)  # fmt: skip
"""Callbacks that decide how a net is trained; others write files or draw, and are left out."""


@dataclass(frozen=True)
class Change:
    """What a trial does otherwise; the rest is as it was asked for."""

    rate: float = 1.0
    """Times the learning rate."""

    scale_x: bool = False
    """Inputs standardized, each feature by itself."""

    scale_y: bool = False
    """Targets standardized."""

    epochs: float = 1.0
    """Times the epochs."""

    batch_size: int | None = None
    shuffles: bool | None = None
    class_weight: dict[int, float] | None = None

    settings: tuple[tuple[Any, str, Any], ...] = ()
    """(object, attribute, value): of layers, variables or "optimizer"."""

    weights: tuple[Callable[[], None], ...] = ()
    """Called before the training, to start from other weights."""

    loss: str | None = None
    """Another loss."""

    y: Callable[[Any], Any] | None = None
    """Other targets from the given ones."""

    def plus(self, other: Change) -> Change:
        """Both changes; of what both set, the other's."""
        values = {
            name: value for name, value in vars(other).items() if value != getattr(UNCHANGED, name)
        }
        values |= {
            "rate": self.rate * other.rate,
            "epochs": self.epochs * other.epochs,
            "settings": self.settings + other.settings,
            "weights": self.weights + other.weights,
        }
        return replace(self, **values)


UNCHANGED = Change()


@dataclass(frozen=True)
class Outcome:
    """What a trial ended with."""

    losses: np.ndarray
    """Of each step's batch, (steps,)."""

    history: dict[str, list[float]]
    """Keras's logs."""

    train: float
    """Skill on training examples, in inference mode; NaN: none."""

    val: float
    """The same on validation examples; NaN where there are none."""

    outputs: list[np.ndarray]
    """Of the judged training examples."""

    val_outputs: list[np.ndarray]
    seconds: float
    first_epoch: float
    """Seconds: with compiling."""

    epoch: float
    """Seconds of a later epoch."""

    is_broken: bool
    """A loss, weight or output was not finite."""

    seen: Any = None
    """What was asked to be looked at before all was put back."""

    @property
    def score(self) -> float:
        """The skill that decides: on validation examples where there are some."""
        found = self.train if np.isnan(self.val) else self.val
        return float("nan") if self.is_broken else found


class OutOfTime(Exception):
    """The budget does not allow another trial."""


@dataclass
class Bench:
    """Where a subject is tried out."""

    subject: Subject
    heads: Sequence[Head]
    budget: float
    """Seconds for all trials but the first."""

    clock: Callable[[], float] = time.perf_counter
    spent: float = 0.0
    base: Outcome | None = None
    _optimizer: Any = field(init=False, default=None)
    _key: Any = None

    def __post_init__(self) -> None:
        model = self.subject.model
        self._weights = [(v, np.array(v.numpy())) for v in model.variables]
        self.rows = _spread(self.subject.examples)
        self.val_rows = (
            _spread(len(keras.tree.flatten(self.subject.val[0])[0])) if self.subject.val else None
        )
        self._scaled: Any = None

    def run(self, change: Change = UNCHANGED, look: Callable[[], Any] | None = None) -> Outcome:
        """Train, judge, and put everything back.

        Raises:
            OutOfTime: it would take longer than there is time for.
        """
        if self.base and self.spent + self._cost(change, self.base) > self.budget:
            raise OutOfTime
        started = self.clock()
        outcome = self._run(change, look)
        seconds = self.clock() - started
        outcome = replace(outcome, seconds=seconds)
        if self.base is None:
            self.base = outcome
        else:
            self.spent += seconds
        return outcome

    def _cost(self, change: Change, base: Outcome) -> float:
        """Seconds that a trial will take, about."""
        subject = self.subject
        epochs = max(1.0, subject.epochs * change.epochs)
        times = subject.batch_size / (change.batch_size or subject.batch_size)
        more = max(times - 1, 0) * subject.steps * epochs
        return base.first_epoch + (epochs - 1) * base.epoch + more * STEP

    def _run(self, change: Change, look: Callable[[], Any] | None) -> Outcome:
        model, subject = self.subject.model, self.subject
        x, val_x = subject.x, subject.val[0] if subject.val else None
        y, val_y = subject.y, subject.val[1] if subject.val else None
        if change.scale_x:
            x, val_x = (self._standardized(each) for each in (x, val_x))
        if change.y is not None:
            y, val_y = change.y(y), None if val_y is None else change.y(val_y)
        if change.scale_y:
            mean, std = np.mean(y, axis=0), np.std(y, axis=0)
            std = np.where(std > 0, std, 1)
            y = (y - mean) / std
            val_y = None if val_y is None else (val_y - mean) / std
        size = change.batch_size or subject.batch_size
        steps = _Steps()
        with self._set(change):
            for start in change.weights:
                start()
            history = model.fit(
                x, y,
                sample_weight=subject.weights,
                class_weight=change.class_weight or subject.class_weight,
                batch_size=size,
                epochs=max(1, round(subject.epochs * change.epochs)),
                shuffle=subject.shuffles if change.shuffles is None else change.shuffles,
                validation_data=None if val_x is None else (val_x, val_y),
                callbacks=[*map(_copy, self._callbacks()), steps],
                verbose=0,
                **subject.rest,
            ).history  # fmt: skip
            outputs = self._outputs(rows_of(x, self.rows))
            some_y = self.targets(y, self.rows)
            train = self._skill(outputs, some_y)
            val, val_outputs = float("nan"), []
            if val_x is not None and self.val_rows is not None:
                val_outputs = self._outputs(rows_of(val_x, self.val_rows))
                val = self._skill(val_outputs, self.targets(val_y, self.val_rows))
            finite = all(np.isfinite(part).all() for part in outputs)
            finite &= bool(np.isfinite(steps.losses).all())
            seen = look() if look else None
        return Outcome(
            np.array(steps.losses), history, train, val, outputs, val_outputs,
            0.0, steps.first_epoch, steps.epoch, not finite, seen,
        )  # fmt: skip

    def _callbacks(self) -> list[keras.callbacks.Callback]:
        return [each for each in self.subject.callbacks if isinstance(each, KEPT_CALLBACKS)]

    def targets(self, y: Any, rows: np.ndarray) -> list[np.ndarray]:
        """Those of some examples, one array an output."""
        return self.subject.targets(rows_of(y, rows)) if y is not None else []

    def _skill(self, outputs: list[np.ndarray], y: list[np.ndarray]) -> float:
        if len(y) != len(outputs) or len(self.heads) != len(outputs):
            return float("nan")
        try:
            return skill(self.heads, y, outputs)
        except ValueError:  # shapes that only the user's own loss understands
            return float("nan")

    def _outputs(self, x: Any) -> list[np.ndarray]:
        count = len(keras.tree.flatten(x)[0])
        blocks = []
        for start in range(0, count, 512):
            some = keras.tree.map_structure(tf.constant, rows_of(x, slice(start, start + 512)))
            found = self.subject.model(some, training=False)
            blocks.append([np.asarray(part) for part in keras.tree.flatten(found)])
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def _standardized(self, x: Any) -> Any:
        """By the training examples' mean and spread, each position of an example by itself."""
        if x is None:
            return None
        if self._scaled is None:
            self._scaled = [_moments(part) for part in self.subject.inputs]
        moments = iter(self._scaled)

        def scaled(part: np.ndarray) -> np.ndarray:
            mean, std = next(moments)
            if part.dtype.kind not in "fiub":
                return part
            return ((part - mean) / std).astype(np.float32)

        return keras.tree.map_structure(scaled, x)

    @contextmanager
    def _set(self, change: Change) -> Iterator[None]:
        """The net as a trial wants it, and as it was afterwards."""
        model = self.subject.model
        kept = dict(vars(model))
        before: list[tuple[Any, str, Any]] = []
        with kept_randomness():
            keras.utils.set_random_seed(0)
            try:
                for variable, value in self._weights:
                    variable.assign(value)
                # ids: variables that are compared give tensors
                said = tuple((id(of), name, id(value)) for of, name, value in change.settings)
                key = (said, change.loss, change.rate if self._has_schedule else 1)
                if self._optimizer is None or key != self._key:
                    self._optimizer = _fresh(kept["optimizer"])
                    self._functions: dict[str, Any] = {}
                    self._key = key
                for target, name, value in change.settings:
                    target = self._optimizer if isinstance(target, str) else target
                    before.append((target, name, getattr(target, name)))
                    setattr(target, name, value)
                if change.loss:
                    model.compile(self._optimizer, loss=change.loss, run_eagerly=model.run_eagerly)
                object.__setattr__(model, "optimizer", self._optimizer)
                for name in ("train_function", "test_function"):
                    object.__setattr__(model, name, self._functions.get(name))
                self._start_optimizer(change.rate)
                yield
                self._functions = {
                    n: getattr(model, n) for n in ("train_function", "test_function")
                }
            finally:
                for target, name, value in reversed(before):
                    setattr(target, name, value)
                for variable, value in self._weights:
                    variable.assign(value)
                vars(model).clear()
                vars(model).update(kept)

    @property
    def _has_schedule(self) -> bool:
        rate = getattr(self.subject.model.optimizer, "_learning_rate", None)
        return isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)

    def _start_optimizer(self, times: float) -> None:
        """As it was before its first step, with its rate that many times as high."""
        optimizer, given = self._optimizer, self.subject.model.optimizer
        if not optimizer.built:
            optimizer.build(self.subject.model.trainable_variables)
            self._began = [np.array(v.numpy()) for v in optimizer.variables]
            rate = optimizer._learning_rate
            if self._has_schedule and times != 1:
                optimizer._learning_rate = _Times(rate, times)
        for variable, value in zip(optimizer.variables, self._began, strict=True):
            variable.assign(value)
        if not self._has_schedule and times != 1:
            optimizer.learning_rate = float(given.learning_rate) * times


class _Times(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule, so many times as high."""

    def __init__(self, schedule: Any, times: float) -> None:
        self.schedule, self.times = schedule, times

    def __call__(self, step: Any) -> Any:
        return self.schedule(step) * self.times

    def get_config(self) -> dict[str, Any]:
        return {"schedule": self.schedule, "times": self.times}


class _Steps(keras.callbacks.Callback):
    """The loss of each step: Keras tells the mean of an epoch so far."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.first_epoch = self.epoch = 0.0
        self._mean = 0.0
        self._began = time.perf_counter()

    def on_train_begin(self, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        gone = time.perf_counter() - self._began
        if epoch == 0:  # most of it is compiling
            self.first_epoch, self.epoch = gone, gone / 4
        else:
            self.epoch = (gone - self.first_epoch) / epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        mean = float((logs or {}).get("loss", np.nan))
        self.losses.append(mean * (batch + 1) - (self._mean * batch if batch else 0.0))
        self._mean = mean
        if not np.isfinite(mean):
            self.model.stop_training = True


def _fresh(optimizer: Any) -> Any:
    """An optimizer of the same settings, before its first step."""
    made = type(optimizer).from_config(optimizer.get_config())
    for name in ("_exclude_from_weight_decay_pattern",):
        if hasattr(optimizer, name):
            setattr(made, name, getattr(optimizer, name))
    return made


def _copy(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    return copy.copy(callback)


def _moments(values: np.ndarray) -> tuple[Any, Any]:
    if values.dtype.kind not in "fiub":
        return 0, 1
    mean = values.mean(axis=0, dtype=np.float64)
    std = values.std(axis=0, dtype=np.float64)
    typical = float(std.max()) or 1.0
    # a position that hardly varies, like the edge of an image, is not blown up
    return mean, np.where(std > 1e-3 * typical, std, typical)


def _spread(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, JUDGED)).astype(int))
