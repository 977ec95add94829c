"""The doctor as a callback: looks on while anybody's `fit` trains, and tries nothing out.

    monitor = Monitor(x_train, y_train)
    model.fit(x_train, y_train, callbacks=[monitor])
    print(monitor.diagnosis)

What only a trial could prove stands there as advice; `diagnose` makes the trials.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from recipe.doctor.before import before
from recipe.doctor.change import Change
from recipe.doctor.diagnosis import Diagnosis, finding_of
from recipe.doctor.flow import Flow, flow_of
from recipe.doctor.losses import heads_of
from recipe.doctor.outcome import Outcome
from recipe.doctor.signals import Pulse, activity, at_init, died, looked
from recipe.doctor.subject import Subject, subject_of
from recipe.doctor.suspect import Suspect
from recipe.doctor.training import symptoms

SHARE = 0.01
"""Of a training's time, for all looks: half of what anybody may notice."""

LEAST = 0.3
"""Seconds for all looks at a training that is over so soon that nobody minds."""


class Monitor(keras.callbacks.Callback):
    """Looks before the first step, after epochs, and at each epoch's loss.

    It changes no number of the training. The first look is one pass of a few examples forward and
    back, each later one a pass forward; they are made as often as their share of the time allows.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
        **fit: Any,
    ) -> None:
        """Name the examples.

        Args:
            x: what `fit` was given; no generator, which would be used up.
            y: targets, if x is no stream.
            share: of the training's time, that looks may take together. The first one is made in
                any case: without it there is nothing to say.
            clock: seconds.
            fit: other arguments of `fit` that say what is meant: batch_size, shuffle,
                class_weight, validation_data.
        """
        super().__init__()
        self.diagnosis: Diagnosis | None = None
        """After the training."""
        self.losses: list[float] = []
        """Of each epoch."""
        self.spent = 0.0
        """Seconds of all looks."""
        self._given, self._share, self._clock = (x, y, fit), share, clock
        self._suspects: list[Suspect] = []
        self._notes: list[str] = []
        self._subject: Subject | None = None
        self._pulse: Pulse | None = None
        self._later: tuple[int, Flow, Pulse] | None = None
        """After how many epochs, and what was seen."""
        self._began = self._cost = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Look at data, head, layers and signals."""
        x, y, fit = self._given
        self.losses, self._suspects, self._notes = [], [], []
        self._subject, self._pulse, self._later, self.spent = None, None, None, 0.0
        self._began = self._clock()
        with self._looking():
            subject = self._subject = subject_of(self.model, x, y, **fit)
            flow, self._pulse = looked(subject)
            heads = heads_of(subject, flow)
            self._suspects = [*before(subject, flow, heads), *at_init(self._pulse, flow, heads)]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the loss, and look where there is time for it."""
        self.losses.append(float((logs or {}).get("loss", np.nan)))
        # after epoch 1, 2, 4, 8, ...; one more at the end must be left
        if len(self.losses).bit_count() == 1:
            self._look(reserve=2)

    def _look(self, reserve: int = 1) -> None:
        """Once more, if so many looks are affordable; a later one costs less than the first."""
        if self._subject is None or self._pulse is None:
            return
        allowed = max(self._share * (self._clock() - self._began), LEAST)
        if self.spent + reserve * self._cost > allowed:
            return
        with self._looking():
            flow = flow_of(self.model, self._subject.probe())
            self._later = len(self.losses), flow, activity(flow)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Say what was seen."""
        suspects = [*self._suspects]
        if self._later is None or self._later[0] < len(self.losses):
            self._look()
        if self._pulse is not None and self._later is not None:
            epoch, flow, pulse = self._later
            suspects += died(self._pulse, pulse, flow)
            if epoch < len(self.losses):
                self._notes.append(f"the net was last looked at after epoch {epoch}, to save time")
        elif self._pulse is not None:
            self._notes.append("the net was looked at before its first step only, to save time")
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
    def _looking(self) -> Iterator[None]:
        """What can't be looked at is said, and never raised into somebody's training."""
        started = self._clock()
        try:
            yield
        except Exception as error:
            self._notes.append(f"could not be looked at: {type(error).__name__}: {error}")
        finally:
            self._cost = self._clock() - started
            self.spent += self._cost
