"""Keras callbacks: when to stop, and what goes to TensorBoard after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from recipe.runs.tensorboard import Board


class StopAt(keras.callbacks.Callback):
    """Stop after the first epoch for which `reached(model, logs)` is true."""

    def __init__(self, reached: Callable[[keras.Model, dict[str, float]], bool]) -> None:
        super().__init__()
        self.reached = reached
        self.epochs: int | None = None
        """Epochs that it took, None if it never happened."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask after each epoch."""
        if self.reached(self.model, logs or {}):
            self.epochs = epoch + 1
            self.model.stop_training = True


class Rates(keras.callbacks.Callback):
    """The learning rate at which each epoch begins, as the optimizer has it."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.rates = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note it."""
        self.rates = [*self.rates, *learning_rate(self.model).values()]


class LogEpochs(keras.callbacks.Callback):
    """Loss, metric and learning rate of each epoch.

    Tags are those of Keras's own callback, `epoch_loss` and so on, in the runs `train`,
    `validation` and, if training examples are evaluated in inference mode too (`train_loss`),
    `train_inference`. What happens inside of the net is the Monitor's.
    """

    def __init__(self, train: Board, validation: Board, inference: Board | None = None) -> None:
        super().__init__()
        self._boards = {"train_": inference, "val_": validation, "": train}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the scalars."""
        curves: dict[str, dict[str, float]] = {"": learning_rate(self.model)}
        for name, value in (logs or {}).items():
            prefix = next(prefix for prefix in self._boards if name.startswith(prefix))
            tag = f"epoch_{name.removeprefix(prefix)}"
            curves.setdefault(prefix, {})[tag] = value
        for prefix, points in curves.items():
            board = self._boards[prefix]
            if board is not None:
                board.scalars(points, step=epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        for board in self._boards.values():
            if board is not None:
                board.close()


def learning_rate(model: keras.Model) -> dict[str, float]:
    """The rate of the next step, under Keras's own tag; nothing without an optimizer."""
    if model.optimizer is None:
        return {}
    rate = model.optimizer.learning_rate
    try:
        return {"epoch_learning_rate": float(rate)}
    except TypeError:  # the variable of several replicas is no number
        return {"epoch_learning_rate": float(tf.convert_to_tensor(rate))}
