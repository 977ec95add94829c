"""What a training ended with, and the callback that times it and notes each step's loss."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipe.doctor.skill import LOWEST


@dataclass(frozen=True)
class Outcome:
    """What a trial ended with."""

    losses: np.ndarray
    """Of each step's batch, (steps,); of a long training the mean of a few steps, repeated."""

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

    is_whole: bool = True
    """It was trained for as long as it should, and not for a part of that to save time."""

    @property
    def score(self) -> float:
        """The skill that decides: on validation examples where there are some."""
        found = self.train if np.isnan(self.val) else self.val
        return float("nan") if self.is_broken else found


def worth(outcome: Outcome) -> float:
    """A net that broke is as bad as can be; NaN where nobody can tell what it should know."""
    return LOWEST if outcome.is_broken else outcome.score


class Steps(keras.callbacks.Callback):
    """The loss of each step: Keras tells the mean of an epoch so far."""

    def __init__(self, seconds: float = np.inf) -> None:
        """`seconds`: after which the training is stopped."""
        super().__init__()
        self.seconds = seconds
        self.was_stopped = False
        """Because the time was up."""
        self.losses: list[float] = []
        self.first_epoch = self.epoch = 0.0
        self._mean, self._done = 0.0, 0
        self._began = time.perf_counter()

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the first epoch's time from that of a later one."""
        gone = time.perf_counter() - self._began
        if epoch == 0:  # most of it is compiling
            self.first_epoch, self.epoch = gone, gone / 4
        else:
            self.epoch = (gone - self.first_epoch) / epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the loss of the last steps out of the mean so far; stop where it is no number."""
        mean = float((logs or {}).get("loss", np.nan))
        if batch < self._done:  # a new epoch
            self._mean, self._done = 0.0, 0
        steps = batch + 1 - self._done
        self.losses += [(mean * (batch + 1) - self._mean * self._done) / steps] * steps
        self._mean, self._done = mean, batch + 1
        self.was_stopped = time.perf_counter() - self._began > self.seconds
        if self.was_stopped or not np.isfinite(mean):
            self.model.stop_training = True
