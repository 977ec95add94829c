"""How predictions on a few fixed examples move while a net trains.

Karpathy ("A Recipe for Training Neural Networks", 2019, step 2) reads off them how a training
fares: predictions that wiggle show a net that struggles, and much or little jitter a learning
rate that is too high or too low. It keeps and counts; it draws and judges nothing.
"""

from __future__ import annotations

import weakref
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.config import Task
from recipe.training.evaluate import probabilities
from recipe.training.undone import is_alive

MOST = 128
"""Looks that are kept. When there are as many, every second one is dropped and the interval
doubled: time and memory stay small however long the training, and so does the figure."""


class Dynamics(keras.callbacks.Callback):
    """Predicts the same 16 to 64 validation examples after each epoch (checklist row 2.11)."""

    def __init__(
        self, x: np.ndarray, y: np.ndarray, task: Task, *, every: int = 1, from_logits: bool = True
    ) -> None:
        """Choose what to look at.

        Args:
            x: inputs, (examples, *shape).
            y: class positions (examples,) or (examples, 1), or targets (examples, targets).
            task: says what `y` is.
            every: epochs from look to look, at first; see `MOST`.
            from_logits: whether the net puts out logits, or probabilities.
        """
        super().__init__()
        self.every, self.from_logits = every, from_logits
        self.epochs: list[int] = []
        """From 1: how many were done at each look."""
        self.interval = every
        self.kept: np.ndarray | None = None
        """(room for looks, examples, outputs): the net's outputs; None before the first look."""
        self.task = task.value
        self._x, self._y = tf.convert_to_tensor(x), np.asarray(y).reshape(len(y), -1)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.epochs, self.interval, self.kept = [], self.every, None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Predict, if it is time to."""
        if epoch % self.interval:
            return
        outputs = _predict(self.model, self._x)
        if self.kept is None:
            epochs = (self.params or {}).get("epochs") or MOST
            room = min(MOST, -(-epochs // self.interval))
            self.kept = np.zeros((max(room, 2), *outputs.shape), np.float32)
        if len(self.epochs) == len(self.kept):
            self.kept = np.concatenate([self.kept[::2], self.kept[1::2]])
            self.epochs, self.interval = self.epochs[::2], 2 * self.interval
            if epoch % self.interval:
                return
        if not self.kept.flags.writeable:  # it came back from a checkpoint
            self.kept = self.kept.copy()
        self.kept[len(self.epochs)] = outputs
        self.epochs.append(epoch + 1)

    @property
    def outputs(self) -> np.ndarray:
        """Logits, or whatever the net puts out, (looks, examples, outputs)."""
        if self.kept is None:
            return np.zeros((0, len(self._y), 1), np.float32)
        return self.kept[: len(self.epochs)]

    @property
    def p(self) -> np.ndarray:
        """Probability of every class, (looks, examples, classes); of a regression, predictions."""
        outputs = self.outputs
        if self.task == Task.REGRESSION or not len(outputs):
            return outputs.astype(np.float64)
        if self.from_logits:
            looks, examples, width = outputs.shape
            each = probabilities(outputs.reshape(-1, width), Task(self.task))
            return each.reshape(looks, examples, -1)
        given = outputs.astype(np.float64)
        return np.concatenate([1 - given, given], axis=2) if given.shape[2] == 1 else given

    @property
    def p_true(self) -> np.ndarray:
        """Probability of the label, (looks, examples).

        With several labels their mean; of a regression, its first prediction.
        """
        p, y = self.p, self._y
        if self.task == Task.REGRESSION or not len(p):
            return p[:, :, 0]
        if self.task == Task.MULTILABEL:
            return np.where(y[np.newaxis] == 1, p, 1 - p).mean(axis=2)
        return np.take_along_axis(p, y[np.newaxis].astype(int), axis=2)[:, :, 0]

    @property
    def argmax(self) -> np.ndarray | None:
        """The predicted class, (looks, examples); None for a regression.

        With several labels: the number whose bits say which of them are predicted.
        """
        if self.task == Task.REGRESSION:
            return None
        if self.task == Task.MULTILABEL:
            return (self.p > 0.5) @ 2 ** np.arange(self.p.shape[2])
        return self.p.argmax(axis=2)

    @property
    def flipped(self) -> np.ndarray | None:
        """Where the predicted class is not that of the look before, (looks, examples)."""
        if self.argmax is None:
            return None
        return np.diff(self.argmax, axis=0, prepend=self.argmax[:1]) != 0

    @property
    def jitter(self) -> float:
        """Mean change of the label's probability (of the prediction) from look to look.

        Over the last quarter of the looks; NaN where there are fewer than two.
        """
        moved = np.abs(np.diff(self.p_true, axis=0))
        return float(moved[-self._quarter :].mean()) if len(moved) else float("nan")

    @property
    def flips(self) -> float | None:
        """Share of the examples whose class is not that of the look before; None: a regression.

        Over the last quarter of the looks; NaN where there are fewer than two, or a prediction
        is not finite.
        """
        if self.flipped is None:
            return None
        if len(self.epochs) < 2 or not np.isfinite(self.outputs[-self._quarter - 1 :]).all():
            return float("nan")
        return float(self.flipped[-self._quarter :].mean())

    @property
    def _quarter(self) -> int:
        return max(len(self.epochs) // 4, 1)


def _predict(model: keras.Model, x: tf.Tensor) -> np.ndarray:
    """What the net puts out in inference mode, (examples, outputs).

    Compiled, and kept for the net's next training: an epoch of a small net is not much longer
    than a call that is not (measured: 2.5 ms against 0.2, and 25 to compile).
    """
    shape, function = _FORWARD.get(model, (None, None))
    if shape != x.shape or function is None or not is_alive(function):
        call = tf.function(lambda x: model(x, training=False), autograph=False)
        function = call.get_concrete_function(x)
        _FORWARD[model] = x.shape, function
    return function(x).numpy().reshape(len(x), -1)


_FORWARD: weakref.WeakKeyDictionary[keras.Model, tuple[tf.TensorShape, Any]] = (
    weakref.WeakKeyDictionary()
)
