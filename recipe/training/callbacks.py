"""Keras callbacks: when to stop, and what goes to TensorBoard after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

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


class LogEpochs(keras.callbacks.Callback):
    """Loss, metric and learning rate of each epoch, and now and then histograms of weights.

    Tags are those of Keras's own callback, `epoch_loss` and so on, in the runs `train` and
    `validation`. Its histograms double the cost of a small net's epoch, so these come rarely.
    """

    def __init__(self, train: Board, validation: Board, histogram_epochs: int = 10) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.histogram_epochs = histogram_epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the scalars, and at times the histograms."""
        logs = logs or {}
        fitted = {f"epoch_{k}": v for k, v in logs.items() if not k.startswith("val_")}
        fitted["epoch_learning_rate"] = float(self.model.optimizer.learning_rate)
        unseen = {f"epoch_{k[4:]}": v for k, v in logs.items() if k.startswith("val_")}
        self.train.scalars(fitted, step=epoch)
        self.validation.scalars(unseen, step=epoch)
        if epoch % self.histogram_epochs == 0:
            for layer in self.model.layers:
                for weight in layer.weights:
                    self.train.histogram(f"{layer.name}/{weight.name}", weight.numpy(), step=epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files, so that TensorBoard shows the last epoch too."""
        self.train.close()
        self.validation.close()
