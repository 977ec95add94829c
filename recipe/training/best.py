"""Keeps the weights of the best epoch, and stops when none has been better for a while."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from recipe.training.metric import gain
from recipe.training.nonfinite import is_finite


class KeepBest(keras.callbacks.Callback):
    """At the end of a training, the net has the weights of its best epoch.

    What Keras's EarlyStopping does with `restore_best_weights=True`, at a tenth of its cost to
    a small net. A score that is not finite is never the best, nor is a net with such a weight:
    its accuracy is a number all the same.
    """

    def __init__(self, monitor: str, patience: int | None = None) -> None:
        """Name the score.

        Args:
            monitor: in the epoch's logs, e.g. "val_loss".
            patience: epochs without a better one before it stops; None: train to the end.
        """
        super().__init__()
        self.monitor, self.patience = monitor, patience
        self.metric = monitor.removeprefix("val_")
        self.best: float | None = None
        self.best_epoch: int | None = None
        """From 0; None before the first finite score."""
        self.since_best = 0
        """Epochs since the best."""
        self.weights: list[np.ndarray] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.best = self.best_epoch = None
        self.since_best, self.weights = 0, []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, and keep or wait."""
        score = float((logs or {})[self.monitor])
        if np.isfinite(score) and (self.best is None or gain(self.metric, score, self.best) > 0):
            # copies: NumPy may look into a variable's own memory
            weights = [np.array(weight.numpy()) for weight in self.model.weights]
            if is_finite(weights):
                self.best, self.best_epoch, self.since_best = score, epoch, 0
                self.weights = weights
                return
        self.since_best += 1
        if self.patience is not None and self.since_best >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights in place."""
        for weight, best in zip(self.model.weights, self.weights, strict=bool(self.weights)):
            weight.assign(best)
        self.weights = []
