"""Keras's own `fit`, for what the resident epoch can't train, with the same batches and stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.data import Split
from recipe.training.averaged import averaged
from recipe.training.batches import column, order_of
from recipe.training.disturb import mixed, noisy_steps
from recipe.training.nonfinite import NonFinite, find_in_step, is_finite
from recipe.training.plan import Plan
from recipe.training.population import examples_for_norms, norm_measure, wants_measured
from recipe.training.session import Session
from recipe.training.trace import EVALUATION_BLOCK


class _Batches(keras.utils.PyDataset):
    """An epoch's batches in its order."""

    def __init__(self, model: keras.Model, plan: Plan) -> None:
        super().__init__()
        self._model, self._plan = model, plan
        given = [] if plan.weights is None else [plan.weights]
        self._arrays = [plan.train.x, column(plan.train.y), *given]
        self._replicas = model.distribute_strategy.num_replicas_in_sync
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Take the order of an epoch; Keras calls `on_epoch_end` at other times, too."""
        self._order = order_of(self._plan.seed, epoch, len(self._plan.train))
        self._extra = self._plan.disturbance.of_epoch(epoch, self._plan.steps)

    def __len__(self) -> int:
        return self._plan.steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, ...]:
        size = self._plan.batch_size
        rows = self._order[step * size : (step + 1) * size]
        # every replica gets as many, or its mean would count for more; one that gets none would
        # make NaN of a batch norm. So some examples are seen twice in an epoch
        lacking = -len(rows) % self._replicas
        rows = np.concatenate([rows, np.resize(self._order, lacking)])
        batch = tuple(array[rows] for array in self._arrays)
        if "share" not in self._extra:
            return batch
        return tuple(map(np.asarray, mixed(self._model, batch, self._extra["share"][step])))


class _HeldOut(keras.utils.PyDataset):
    """Examples to evaluate, block by block, read when it is their turn."""

    def __init__(self, split: Split, block: int) -> None:
        super().__init__()
        self._split, self._block = split, block

    def __len__(self) -> int:
        return -(-len(self._split) // self._block)

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(place * self._block, (place + 1) * self._block)
        return self._split.x[rows], column(self._split.y[rows])


class _Watch(keras.callbacks.Callback):
    """Stands between Keras's loop and the session: goes on, keeps, and stops at a NaN."""

    def __init__(
        self,
        session: Session,
        state: Sequence[tf.Variable],
        batches: _Batches,
        judging: _Judging,
    ) -> None:
        super().__init__()
        self._session, self._state, self._batches = session, state, batches
        self._judging = judging

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Go on where it was killed."""
        self._session.restore(self._state)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Every epoch has an order of its own; if it breaks, it is made again from here."""
        self._batches.begin(epoch)
        self._begun = _copies(self._state)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep, or stop; the net goes on with its own weights."""
        self._judging.end()
        if not is_finite([(logs or {})["loss"], *self.model.trainable_variables]):
            self._session.non_finite = self._find(epoch)
            self.model.stop_training = True
        self._session.keep(self._state)

    def _find(self, epoch: int) -> NonFinite:
        """Make the epoch's steps again, up to the one that broke, and look into that one."""
        if self.model.distribute_strategy.num_replicas_in_sync > 1:
            return NonFinite("loss", "", epoch, None)
        ended = _copies(self._state)
        _assign(self._state, self._begun)
        steps = range(len(self._batches))
        step = next((step for step in steps if self._is_bad_after(step)), len(steps) - 1)
        _assign(self._state, self._begun)
        for earlier in range(step):
            self.model.train_on_batch(*self._batches[earlier])
        if type(self.model).train_step is keras.Model.train_step:
            found = find_in_step(self.model, self._batches[step], epoch, step)
        else:
            found = NonFinite("loss", "", epoch, step)
        _assign(self._state, ended)
        return found

    def _is_bad_after(self, step: int) -> bool:
        logs = self.model.train_on_batch(*self._batches[step], return_dict=True)
        return not is_finite([logs["loss"], *self.model.trainable_variables])


class _Judging(keras.callbacks.Callback):
    """The first to be called: what is judged after an epoch is the net as it would be used.

    Keras validates before it ends an epoch, so both may come first.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        self._epoch = 0
        self._stack: ExitStack | None = None
        self._measure: Callable[[Any], None] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note which one."""
        self._epoch = epoch

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in place, and measure what batch norms divide by."""
        if self._stack is not None:
            return
        self._stack = ExitStack()
        if self._plan.averages:
            self._stack.enter_context(averaged(self.model))
        if wants_measured(self.model, self._plan, self._epoch):
            self._measure = self._measure or norm_measure(self.model)
            self._measure(examples_for_norms(self._plan.train.x, self._plan))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate training examples as Keras does validation's; all callbacks share the logs."""
        sample = self._plan.sample
        if self._plan.averages or sample is not None:
            self.on_test_begin()
        if sample is None:
            return
        x, y = sample.x, column(sample.y)
        block = _block(self.model, len(x))
        scores = self.model.evaluate(x, y, block, verbose=0, return_dict=True)
        (logs or {}).update({f"train_{name}": value for name, value in scores.items()})

    def end(self) -> None:
        """Put the weights back."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None


def _block(model: keras.Model, examples: int) -> int:
    """Examples per step of an evaluation.

    Keras takes a mean of the replicas' first inputs, so these must be as many for each.
    """
    replicas = model.distribute_strategy.num_replicas_in_sync
    return max(min(EVALUATION_BLOCK, examples) // replicas, 1) * replicas


def _state(model: keras.Model) -> list[tf.Variable]:
    """All that a step changes. Several replicas have each a batch norm's statistics of its own."""
    of_replicas = model.distribute_strategy.experimental_local_results
    variables = [*model.variables, *model.optimizer.variables]
    return [part for variable in variables for part in of_replicas(variable.value)]


def _copies(variables: Sequence[tf.Variable]) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in variables]


def _assign(variables: Sequence[tf.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def fit_stock(
    model: keras.Model,
    plan: Plan,
    session: Session,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train by `keras.Model.fit`."""
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    state = _state(model)
    batches, judging = _Batches(model, plan), _Judging(plan)
    watch = _Watch(session, state, batches, judging)
    val = plan.val
    with noisy_steps(model, plan.disturbance):
        model.fit(
            batches,
            validation_data=None if val is None else _HeldOut(val, _block(model, len(val))),
            epochs=plan.epochs,
            initial_epoch=plan.epochs if session.is_over else session.epoch,
            callbacks=[judging, *callbacks, session, watch],
            # the batches come in the epoch's order already
            shuffle=False,
            verbose=0,
        )
