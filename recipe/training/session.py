"""Where a training stands: its history, its place, and how it goes on after a kill.

It is the last callback of every training, whichever way its steps are made, so it sees what the
others decided in an epoch, and keeps that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from recipe.config import RequestError
from recipe.training.checkpoint import Checkpoint, Saved, of_callbacks, put_back
from recipe.training.nonfinite import NonFinite

TOLD = ("_model", "params")
"""Attributes of a callback that Keras sets anew with each training."""


class Session(keras.callbacks.Callback):
    """The state of one training beside its net."""

    def __init__(
        self,
        about: dict[str, Any],
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoint: Checkpoint | None,
        begin: int = 0,
    ) -> None:
        """Read the checkpoint, if there is one.

        Args:
            about: what makes it this training and no other, as JSON knows it.
            callbacks: whose attributes belong to the state.
            checkpoint: None: nothing is kept.
            begin: epochs of another training that this one goes on from; its callbacks go on too,
                as if it had not ended.

        Raises:
            RequestError: the checkpoint is another training's, or can't be read.
        """
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch = begin
        """The epoch that runs or comes next, from 0."""
        self.step = 0
        """Steps of it that are done."""
        self.is_done = False
        self.is_stopped = False
        """A callback has asked for the end."""
        self.non_finite: NonFinite | None = None
        self._about, self._callbacks, self._checkpoint = about, callbacks, checkpoint
        self._made = self._began = deepcopy(of_callbacks(callbacks)[0])
        self._before = _copied(callbacks) if begin else None
        self._saved = checkpoint.load() if checkpoint else None
        if self._saved is None or checkpoint is None:
            return
        record = self._saved.record
        if record["about"] != about:
            raise RequestError(
                f"{checkpoint.path} belongs to another training: {record['about']}, where this "
                f"one has {about}; remove it, or name another file"
            )
        self.history = record["history"]
        self.epoch, self.step = record["epoch"], record["step"]
        self.is_done, self.is_stopped = record["is_done"], record["is_stopped"]
        if record["non_finite"]:
            self.non_finite = NonFinite(**record["non_finite"])

    @property
    def is_over(self) -> bool:
        """Whether no epoch follows: a callback has asked for the end, or the training broke."""
        return self.is_stopped or self.non_finite is not None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Note what the callbacks begin with: what never changes is how they were made."""
        # copies: a callback may add to a list that it began with
        self._began = deepcopy(of_callbacks(self._callbacks)[0])

    def restore(self, state: Sequence[keras.Variable]) -> None:
        """Put the saved state back, if there is one: the net's, and that of the callbacks.

        To be called after the callbacks' own `on_train_begin`, which would forget it.
        """
        if self._saved is None:
            if self._before is not None:
                put_back(self._callbacks, self._before)
            return
        for number, variable in enumerate(state):
            variable.assign(self._saved.arrays[f"state/{number}"])
        put_back(self._callbacks, self._saved)
        self._saved = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note what the epoch gave."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self.epoch, self.step = epoch + 1, 0
        self.is_stopped = bool(self.model.stop_training)

    def keep(self, state: Sequence[keras.Variable]) -> None:
        """Write the state, if it is time to."""
        if self._checkpoint and self._checkpoint.due:
            self._save(state)

    def end(self, weights: Sequence[keras.Variable]) -> None:
        """Write that the training is done, and what it ended with."""
        self.is_done = True
        if self._checkpoint:
            self._save(weights)
            self._checkpoint.previous.unlink(missing_ok=True)

    def _save(self, state: Sequence[keras.Variable]) -> None:
        assert self._checkpoint is not None
        records, arrays = of_callbacks(self._callbacks)
        # a training that is done begins no callback again
        then = self._made if self.is_done else self._began
        changed = [
            {name: value for name, value in now.items() if value != before.get(name, now)}
            for now, before in zip(records, then, strict=True)
        ]
        arrays |= {f"state/{n}": np.array(variable.numpy()) for n, variable in enumerate(state)}
        self._checkpoint.save(
            arrays,
            {
                "about": self._about,
                "history": self.history,
                "epoch": self.epoch,
                "step": self.step,
                "is_done": self.is_done,
                "is_stopped": self.is_stopped,
                "non_finite": asdict(self.non_finite) if self.non_finite else None,
                "callbacks": changed,
            },
        )


def _copied(callbacks: Sequence[keras.callbacks.Callback]) -> Saved:
    """What the callbacks hold now."""
    records, arrays = of_callbacks(callbacks)
    kept = [{k: v for k, v in record.items() if k not in TOLD} for record in records]
    return Saved(arrays, {"callbacks": deepcopy(kept)})
