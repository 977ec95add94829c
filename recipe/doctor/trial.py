"""Trains the user's net as asked, or with something changed, and leaves no trace.

A cause is proven by taking it away: from the same weights and with the same seed, is the net better
for it? Everything that a trial touches (weights, layers' attributes, the optimizer, random states)
is put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.change import (
    UNCHANGED,
    Change,
    callbacks_of,
    draw,
    fresh,
    moments,
    quicken,
    target_moments,
)
from recipe.doctor.head import Head
from recipe.doctor.outcome import Outcome, Steps
from recipe.doctor.progress import Progress
from recipe.doctor.randomness import kept_randomness
from recipe.doctor.repair import widened
from recipe.doctor.skill import skill
from recipe.doctor.subject import Subject, rows_of
from recipe.doctor.suspect import Suspect

JUDGED = 2_000
"""Examples on which a trained net is judged, spread over all."""

FEW = 50
"""Validation examples, below which a net is judged on those that it was trained on: of 13, one that
is wrong moves a skill by more than most causes do."""

STEP = 0.004
"""Seconds of a step of a small net in Keras's `fit`, to tell what more of them will take."""

LOOKS, AT_ONCE = 100, 32
"""Losses that are read in a training, at least; steps that TensorFlow does in one go, at most. It
changes no number, and a small net is trained in half of the time."""

SHARE, LEAST = 0.5, 0.1
"""Of the time that is left, for one trial; of a training, below which it shows nothing."""

KEPT_CALLBACKS = (
    keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.EarlyStopping, keras.callbacks.SwapEMAWeights,
)  # fmt: skip
"""Callbacks that decide how a net is trained. All others are left out: trainings that nobody asked
for must not write files, send messages or overwrite a checkpoint."""


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
    seed: int = 0
    spent: float = 0.0
    base: Outcome | None = None
    _optimizer: Any = field(init=False, default=None)
    _key: Any = None

    def __post_init__(self) -> None:
        self._note_left_out()
        model = self.subject.model
        self._weights = [(v, np.array(v.numpy())) for v in model.variables]
        subject = self.subject
        self.rows = subject.spread(subject.examples, JUDGED)
        self.val_rows = None
        if subject.val and (count := len(keras.tree.flatten(subject.val[0])[0])) >= FEW:
            self.val_rows = subject.spread(count, JUDGED)
        self._scaled: Any = None

    def _note_left_out(self) -> None:
        """Of Keras's own callbacks, those that are left out decide nothing."""
        own = {
            type(each).__name__
            for each in self.subject.callbacks
            if not isinstance(each, KEPT_CALLBACKS)
            and (
                not type(each).__module__.startswith("keras.")
                or isinstance(each, keras.callbacks.LambdaCallback)
            )
        }
        if own:
            self.subject.notes.append(
                f"trained without {', '.join(sorted(own))}, which might write or send something: "
                "what it does to the net was not seen"
            )

    @property
    def left(self) -> float:
        """Seconds for trials."""
        return self.budget - self.spent if self.base else np.inf

    @contextmanager
    def keeping(self, suspects: Iterable[Suspect]) -> Iterator[None]:
        """With time put aside for the trials of these."""
        kept = sum(self.cost(suspect.change) for suspect in suspects if suspect.change)
        self.budget -= kept
        try:
            yield
        finally:
            self.budget += kept

    def run(
        self,
        change: Change = UNCHANGED,
        look: Callable[[], Any] | None = None,
        seconds: float | None = None,
    ) -> Outcome:
        """Train, judge, and put everything back.

        Args:
            change: what is done otherwise.
            look: called when it is trained, for `Outcome.seen`.
            seconds: for a trial that may be shortened to fit into them; None: it may not.

        Raises:
            OutOfTime: it would take longer than there is time for.
        """
        whole = change
        if self.base and (cost := self.cost(change)) > min(self.left, seconds or np.inf):
            part = (seconds or 0.0) / cost
            if part < LEAST or part * cost > self.left or part * self.subject.epochs < 1:
                raise OutOfTime
            change = replace(change, epochs=change.epochs * part)
        started, left = self.clock(), self.left
        try:
            outcome = self._run(change, look, left)
        finally:
            gone = self.clock() - started
            self.spent += gone if self.base else 0.0
        outcome = replace(outcome, seconds=gone, is_whole=change is whole)
        if self.base is None:
            self.base = outcome
        return outcome

    def cost(self, change: Change) -> float:
        """Seconds that a trial will take, about."""
        subject, base = self.subject, self.base
        assert base is not None
        epochs = max(1.0, subject.epochs * change.epochs)
        if change.stops is not None:
            best = int(np.argmin(base.history.get("val_loss") or [0]))
            epochs = min(epochs, best + 1 + 2 * change.stops)
        times = subject.batch_size / (change.batch_size or subject.batch_size)
        more = max(times - 1, 0) * subject.steps * epochs
        return base.first_epoch + (epochs - 1) * base.epoch + more * STEP

    def _run(self, change: Change, look: Callable[[], Any] | None, left: float) -> Outcome:
        if change.wider:
            wider = widened(self.subject, replace(change, wider=False))
            return Bench(wider, self.heads, np.inf, seed=self.seed)._run(UNCHANGED, None, left)
        model, subject = self.subject.model, self.subject
        x, val_x = subject.x, subject.val[0] if subject.val else None
        y, val_y = subject.y, subject.val[1] if subject.val else None
        if change.scale_x:
            x, val_x = (self._standardized(each) for each in (x, val_x))
        if change.y is not None:
            y, val_y = change.y(y), None if val_y is None else change.y(val_y)
        if change.scale_y:
            mean, std = target_moments(y)
            y = (y - mean) / std
            val_y = None if val_y is None else (val_y - mean) / std
        size = change.batch_size or subject.batch_size
        steps = Steps(left)
        epochs = max(1, round(subject.epochs * change.epochs))
        in_all = -(-subject.examples // size) * epochs
        with self._set(change):
            draw(change.drawn)
            if model.steps_per_execution == 1 and self._may_bundle():
                model.steps_per_execution = max(1, min(in_all // LOOKS, AT_ONCE))
            history = model.fit(
                x, y,
                sample_weight=subject.weights,
                class_weight=change.class_weight or subject.class_weight,
                batch_size=size,
                epochs=epochs,
                shuffle=subject.shuffles if change.shuffles is None else change.shuffles,
                validation_data=None if val_x is None else (val_x, val_y),
                callbacks=[*callbacks_of(self._callbacks(), change), steps, Progress()],
                verbose=0,
                **subject.rest,
            ).history  # fmt: skip
            if steps.was_stopped:
                raise OutOfTime
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

    def _may_bundle(self) -> bool:
        """Whether nobody of somebody's own waits for each single step."""
        hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
        plain = keras.callbacks.Callback
        return type(self.subject.model).fit in (keras.Model.fit, keras.Sequential.fit) and not any(
            getattr(type(each), hook) is not getattr(plain, hook)
            for each in self._callbacks()
            for hook in hooks
        )

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
        count, step = len(keras.tree.flatten(x)[0]), self.subject.block or 512
        blocks = []
        for start in range(0, count, step):
            some = keras.tree.map_structure(tf.constant, rows_of(x, slice(start, start + step)))
            found = self.subject.model(some, training=False)
            blocks.append([np.asarray(part) for part in keras.tree.flatten(found)])
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def _standardized(self, x: Any) -> Any:
        """By the training examples' mean and spread, each feature by itself."""
        if x is None:
            return None
        if self._scaled is None:
            self._scaled = [
                moments(part) if part.dtype.kind in "fiub" else (0, 1)
                for part in self.subject.inputs
            ]
        known = iter(self._scaled)

        def scaled(part: np.ndarray) -> np.ndarray:
            mean, std = next(known)
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
            keras.utils.set_random_seed(self.seed)
            try:
                for variable, value in self._weights:
                    variable.assign(value)
                # ids: variables that are compared give tensors
                said = tuple((id(of), name, id(value)) for of, name, value in change.settings)
                rate = change.rate if self._has_schedule else 1
                key = (said, change.loss, change.held, rate, change.epochs, change.batch_size)
                if self._optimizer is None or key != self._key:
                    self._optimizer = fresh(kept["optimizer"], change.held)
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
                self._start_optimizer(change.rate if change.held is None else 1.0)
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
        optimizer = self._optimizer
        if not optimizer.built:
            optimizer.build(self.subject.model.trainable_variables)
            self._began = [np.array(v.numpy()) for v in optimizer.variables]
            if self._has_schedule and times != 1:
                quicken(optimizer, times)
        for variable, value in zip(optimizer.variables, self._began, strict=True):
            variable.assign(value)
        if not self._has_schedule and times != 1:
            quicken(optimizer, times)
