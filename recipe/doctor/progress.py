"""What a person at a terminal sees of trainings that nobody else shows: one line, after a while."""

from __future__ import annotations

import sys
import time
from typing import Any

import keras

PATIENCE, EVERY = 2.0, 0.5
"""Seconds before the line appears, and between two of its states."""


class Progress(keras.callbacks.Callback):
    """The epoch of a training and what it will take; silent where errors go to a file or a pipe."""

    def __init__(self) -> None:
        """The clock starts with the training."""
        super().__init__()
        self._began = self._said = time.perf_counter()
        self._epoch, self._is_shown = 0, False

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self._began = self._said = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note which one it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Show the line."""
        now = time.perf_counter()
        if now - self._began < PATIENCE or now - self._said < EVERY or not sys.stderr.isatty():
            return
        epochs = self.params["epochs"]
        done = (self._epoch + (batch + 1) / (self.params["steps"] or batch + 1)) / epochs
        left = (now - self._began) * (1 - done) / done
        self._write(f"doctor: training, epoch {self._epoch + 1} of {epochs}, {left:.0f} s left")
        self._said, self._is_shown = now, True

    def on_train_end(self, logs: Any = None) -> None:
        """Take it away."""
        if self._is_shown:
            self._write("")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
