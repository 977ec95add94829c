"""What is done otherwise, as a description: a trial makes it in place, a repair in a copy."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from recipe.doctor.flow import RECURRENT, activation_of

PATIENCE = 10
"""Epochs without a gain that early stopping waits at least, where a training was too short."""


SLOWING = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)
"""Callbacks that change the learning rate."""

RATES = ("initial_learning_rate", "warmup_target", "end_learning_rate", "values")
"""What is a learning rate among the settings of Keras's schedules."""


@dataclass(frozen=True)
class Change:
    """What is done otherwise; the rest is as it was asked for."""

    rate: float = 1.0
    """Times the learning rate."""

    held: float | None = None
    """The learning rate, from the first step to the last, in the place of a schedule, and without
    callbacks that change it."""

    scale_x: bool = False
    """Inputs standardized, by `moments`."""

    scale_y: bool = False
    """Targets standardized, by `target_moments`."""

    epochs: float = 1.0
    """Times the epochs."""

    stops: int | None = None
    """Epochs without a better validation loss, after which the best weights are taken."""

    waits: bool = False
    """No early stopping: all epochs are trained."""

    batch_size: int | None = None
    shuffles: bool | None = None
    class_weight: dict[int, float] | None = None

    settings: tuple[tuple[Any, str, Any], ...] = ()
    """(object, attribute, value): of layers, variables or "optimizer"."""

    drawn: tuple[tuple[Any, str | None], ...] = ()
    """(layer, initializer): kernels drawn anew, biases at 0; None: what suits its activation. Of a
    recurrent layer, the recurrent kernels alone."""

    loss: str | None = None
    """Another loss."""

    wider: bool = False
    """Hidden layers as wide as a small task needs, in a net built anew."""

    y: Callable[[Any], Any] | None = None
    """Other targets from the given ones."""

    def plus(self, other: Change) -> Change:
        """Both changes; of what both set, the other's."""
        values = {
            name: value for name, value in vars(other).items() if value != getattr(UNCHANGED, name)
        }
        values |= {
            "rate": self.rate * other.rate,
            "epochs": self.epochs * other.epochs,
            "settings": self.settings + other.settings,
            "drawn": self.drawn + other.drawn,
        }
        return replace(self, **values)


UNCHANGED = Change()


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std of each feature, which is the last axis: a column, a channel.

    A feature that never changes is put at 0 and not blown up.
    """
    axes = tuple(range(values.ndim - 1)) if values.ndim > 1 else (0,)
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    mean, std = np.nanmean(values, axis=axes), np.nanstd(values, axis=axes)
    # as near to constant as single precision can tell
    varies = std > 1e-6 * np.maximum(np.abs(mean), 1e-30)
    typical = float(np.max(std)) or 1.0
    return mean, np.where(varies, std, typical)


def target_moments(y: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean of each column of a target, and one std for all: the loss adds them up."""
    y = np.asarray(y, np.float64)
    return y.mean(axis=0), float(np.sqrt(y.var(axis=0).mean())) or 1.0


def draw(pairs: Iterable[tuple[Any, str | None]]) -> None:
    """Draw weights anew, each layer with a seed of its own; arguments as in `Change.drawn`."""
    relu_like = ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "swish", "mish", "linear")
    for seed, (layer, name) in enumerate(pairs):
        if isinstance(layer, RECURRENT):
            _draw_recurrent(layer)
            continue
        suits = "he_normal" if activation_of(layer) in relu_like else "glorot_uniform"
        for variable in kernels(layer):
            given = {"class_name": name or suits, "config": {"seed": seed}}
            variable.assign(keras.initializers.get(given)(variable.shape))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.zeros(layer.bias.shape))


def _draw_recurrent(layer: Any) -> None:
    """Orthogonal, so that a state neither fades nor bursts."""
    for variable in layer.weights:
        if "recurrent" in variable.path:
            variable.assign(keras.initializers.Orthogonal(seed=0)(variable.shape))


def kernels(layer: Any) -> list[Any]:
    """A layer's weights with two axes or more."""
    return [v for v in layer.weights if len(v.shape) > 1]


def patient(callback: Any, times: float) -> Any:
    """A callback of its own for a training of more epochs, which may not end at the first bump."""
    made = copy.copy(callback)
    if times > 1 and isinstance(made, keras.callbacks.EarlyStopping):
        made.patience = max(math.ceil(made.patience * times), PATIENCE)
        made.restore_best_weights = True
    return made


def callbacks_of(callbacks: Iterable[Any], change: Change) -> list[Any]:
    """Callbacks of its own for a training that ends otherwise."""
    made = [patient(each, change.epochs) for each in callbacks]
    if change.waits:
        made = [each for each in made if not isinstance(each, keras.callbacks.EarlyStopping)]
    if change.held is not None:
        made = [each for each in made if not isinstance(each, SLOWING)]
    if change.stops is not None:
        made.append(keras.callbacks.EarlyStopping(patience=change.stops, restore_best_weights=True))
    return made


def fresh(optimizer: Any, held: float | None = None) -> Any:
    """An optimizer of the same settings, before its first step, maybe at a rate that is held."""
    config = optimizer.get_config()
    made = type(optimizer).from_config(config | ({} if held is None else {"learning_rate": held}))
    for name in ("_exclude_from_weight_decay_pattern",):
        if hasattr(optimizer, name):
            setattr(made, name, getattr(optimizer, name))
    return made


def quicken(optimizer: Any, times: float) -> None:
    """Give an optimizer so many times its learning rate, be it a number or a schedule."""
    rate = optimizer._learning_rate
    if not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        optimizer.learning_rate = float(optimizer.learning_rate) * times
        return
    config = rate.get_config()
    rates = {name: config[name] for name in RATES if config.get(name) is not None}
    if rates:
        rates = {name: np.multiply(rates[name], times).tolist() for name in rates}
        optimizer._learning_rate = type(rate).from_config(config | rates)
    else:
        optimizer._learning_rate = Times(rate, times)


class Times(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of somebody's own, so many times as high."""

    def __init__(self, schedule: Any, times: float) -> None:
        """Name both."""
        self.schedule, self.times = schedule, times

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        return self.schedule(step) * self.times

    def get_config(self) -> dict[str, Any]:
        """What it was made of."""
        return {"schedule": self.schedule, "times": self.times}
