"""How much a net knows after the training that it was asked for: one number, whatever the loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from recipe.doctor.flow import flow_of
from recipe.doctor.losses import heads_of
from recipe.doctor.outcome import worth
from recipe.doctor.signals import pulse_of
from recipe.doctor.subject import subject_of
from recipe.doctor.trial import Bench


def trained_skill(
    model: keras.Model, x: Any, y: Any = None, fit: dict[str, Any] | None = None, seed: int = 0
) -> float:
    """Train, judge on validation examples (on training ones, if there are none), put back.

    Args:
        model: compiled; afterwards as it was.
        x: what `fit` takes.
        y: targets, if x is no stream.
        fit: the arguments of `keras.Model.fit`.
        seed: of the training: its shuffling, dropout and the like.

    Returns:
        skill: 0 is chance, 1 is everything, -1 a net that broke; NaN: nobody can tell.
    """
    subject = subject_of(model, x, y, **(fit or {}))
    flow = flow_of(model, subject.probe())
    pulse_of(subject, flow)  # computes the loss, so that Keras resolves it
    bench = Bench(subject, heads_of(subject, flow), np.inf, seed=seed)
    return worth(bench.run())
