"""The doctor as a callback: looks on while anybody's `fit` trains, and tries nothing out.

    monitor = Monitor(x_train, y_train)
    model.fit(x_train, y_train, callbacks=[monitor])
    print(monitor.diagnosis)

What only a trial could prove stands there as advice; `diagnose` makes the trials.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from recipe.doctor.before import before
from recipe.doctor.change import Change
from recipe.doctor.diagnosis import Diagnosis, finding_of
from recipe.doctor.flow import flow_of
from recipe.doctor.losses import heads_of
from recipe.doctor.outcome import Outcome
from recipe.doctor.signals import Pulse, at_init, died, pulse_of
from recipe.doctor.subject import Subject, subject_of
from recipe.doctor.suspect import Suspect
from recipe.doctor.training import symptoms


class Monitor(keras.callbacks.Callback):
    """Looks before the first step and after the last, and at each epoch's loss.

    It changes no number of the training. Two passes over a few examples are all it costs.
    """

    def __init__(self, x: Any, y: Any = None, **fit: Any) -> None:
        """Name the examples.

        Args:
            x: what `fit` was given; no generator, which would be used up.
            y: targets, if x is no stream.
            fit: other arguments of `fit` that say what is meant: batch_size, shuffle,
                class_weight, validation_data.
        """
        super().__init__()
        self.diagnosis: Diagnosis | None = None
        """After the training."""
        self.losses: list[float] = []
        """Of each epoch."""
        self._given = (x, y, fit)
        self._suspects: list[Suspect] = []
        self._notes: list[str] = []
        self._subject: Subject | None = None
        self._pulse: Pulse | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Look at data, head, layers and signals."""
        x, y, fit = self._given
        self.losses, self._suspects, self._notes = [], [], []
        # a net that can't be looked at is trained all the same: this is a bystander
        with self._noting():
            subject = self._subject = subject_of(self.model, x, y, **fit)
            flow = flow_of(self.model, subject.probe())
            self._pulse = pulse_of(subject, flow)
            heads = heads_of(subject, flow)
            self._suspects = [*before(subject, flow, heads), *at_init(self._pulse, flow, heads)]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the loss."""
        self.losses.append(float((logs or {}).get("loss", np.nan)))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Look again, and say what was seen."""
        suspects = [*self._suspects]
        with self._noting():
            if self._subject is not None and self._pulse is not None:
                then = flow_of(self.model, self._subject.probe())
                suspects += died(self._pulse, pulse_of(self._subject, then), then)
        losses = np.array(self.losses)
        broken = not np.isfinite(losses).all()
        seen = Outcome(losses, {}, np.nan, np.nan, [], [], 0.0, 0.0, 0.0, broken)
        findings = [
            finding_of(each if each.is_certain else replace(each, severity="advice"), self.model)
            for each in suspects
        ]
        findings += [finding_of(each, self.model) for each in symptoms(seen, None)]
        notes = [*(self._subject.notes if self._subject else []), *self._notes]
        self.diagnosis = Diagnosis(findings, np.nan, np.nan, Change(), notes)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """What can't be looked at is said, and never raised into somebody's training."""
        try:
            yield
        except Exception as error:
            self._notes.append(f"could not be looked at: {type(error).__name__}: {error}")
