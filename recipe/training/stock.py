"""Keras's own `fit`, for what the resident epoch can't train, with the same batches and stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.data import Split
from recipe.training.batches import column, order_of
from recipe.training.nonfinite import NonFinite, find_in_step, is_finite
from recipe.training.session import Session
from recipe.training.trace import EVALUATION_BLOCK


class _Batches(keras.utils.PyDataset):
    """An epoch's batches in its order."""

    def __init__(
        self,
        train: Split,
        weights: np.ndarray | None,
        batch_size: int,
        seed: int,
        replicas: int,
    ) -> None:
        super().__init__()
        self._replicas = replicas
        self._arrays = [train.x, column(train.y), *([] if weights is None else [weights])]
        self._batch_size, self._seed = batch_size, seed
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Take the order of an epoch; Keras calls `on_epoch_end` at other times, too."""
        self._order = order_of(self._seed, epoch, len(self._arrays[0]))

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, step: int) -> tuple[np.ndarray, ...]:
        rows = self._order[step * self._batch_size : (step + 1) * self._batch_size]
        # every replica gets as many, or its mean would count for more; one that gets none would
        # make NaN of a batch norm. So some examples are seen twice in an epoch
        lacking = -len(rows) % self._replicas
        rows = np.concatenate([rows, np.resize(self._order, lacking)])
        return tuple(array[rows] for array in self._arrays)


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

    def __init__(self, session: Session, state: Sequence[tf.Variable], batches: _Batches) -> None:
        super().__init__()
        self._session, self._state, self._batches = session, state, batches

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Go on where it was killed."""
        self._session.restore(self._state)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Every epoch has an order of its own; if it breaks, it is made again from here."""
        self._batches.begin(epoch)
        self._begun = _copies(self._state)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep, or stop."""
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


class _Evaluate(keras.callbacks.Callback):
    """Evaluates training examples as Keras does validation's, before other callbacks look."""

    def __init__(self, sample: Split) -> None:
        super().__init__()
        self._sample = sample

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add to the logs, which all callbacks share."""
        x, y = self._sample.x, column(self._sample.y)
        block = _block(self.model, len(x))
        scores = self.model.evaluate(x, y, block, verbose=0, return_dict=True)
        (logs or {}).update({f"train_{name}": value for name, value in scores.items()})


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
    train: Split,
    val: Split | None,
    sample: Split | None,
    weights: np.ndarray | None,
    batch_size: int,
    epochs: int,
    seed: int,
    session: Session,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train by `keras.Model.fit`; arguments as in `fit`."""
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    state = _state(model)
    replicas = model.distribute_strategy.num_replicas_in_sync
    batches = _Batches(train, weights, batch_size, seed, replicas)
    first = [] if sample is None else [_Evaluate(sample)]
    model.fit(
        batches,
        validation_data=None if val is None else _HeldOut(val, _block(model, len(val))),
        epochs=epochs,
        initial_epoch=epochs if session.is_over else session.epoch,
        callbacks=[*first, *callbacks, session, _Watch(session, state, batches)],
        # the batches come in the epoch's order already
        shuffle=False,
        verbose=0,
    )
