"""What a program of the benchmark is, and to which half it belongs.

A program is a function `(seed, **settings) -> Program`, written as a user would write it. The
defaults of its settings are the fault; with `mended` in their place the same function is the
repaired twin. Settings bear the names of config keys where there is one (`learning_rate`,
`batch_size`, `clipnorm`, ...), so that a prescription that is a config change can be applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Literal

import keras

Half = Literal["tune", "report"]
Metric = Literal["accuracy", "balanced_accuracy", "f1", "r2"]


@dataclass(frozen=True)
class Program:
    """What a user has when something goes wrong: a compiled model and the arguments of `fit`."""

    model: keras.Model
    x: Any
    """What `fit` takes: an array, a list or dict of arrays, or a `tf.data.Dataset`."""

    y: Any
    """None where `x` is a data set that holds the targets."""

    fit: dict[str, Any]
    """Further arguments of `fit`: epochs, batch_size, validation_data, ..."""

    held_out: tuple[Any, Any]
    """Rows that `fit` never sees, prepared as this program prepares its validation rows, and the
    truth about them: class indices, 0/1 rows, or real values."""

    metric: Metric = "accuracy"
    """What the user is after; see `score.py`."""


DATA: dict[str, Half] = {
    "digits": "tune", "wine": "tune", "diabetes": "tune", "moons": "tune", "friedman2": "tune",
    "sines": "tune", "series": "tune", "reviews": "tune", "tags": "tune", "fraud": "tune",
    "xor": "tune", "bits": "tune", "ramp": "tune", "powers": "tune", "temperatures": "tune",
    "glyphs": "tune", "cells": "tune", "meters": "tune", "cars": "tune", "ratings": "tune",
    "spelling": "tune",
    "breast_cancer": "report", "iris": "report", "friedman1": "report", "houses": "report",
    "rings": "report", "patches": "report", "arrows": "report", "gestures": "report",
    "demand": "report", "tickets": "report", "churn": "report",
    "spirals": "report", "prices": "report", "colonies": "report", "motions": "report",
    "grammar": "report", "loans": "report", "rain": "report", "chirp": "report",
    "quantiles": "report",
}  # fmt: skip
"""Data set -> half. A program's half follows from its data alone, so no pair of data set and
architecture can occur in both; thresholds are set on data that the report never sees."""

ARCHITECTURES: dict[str, tuple[Half, ...]] = {
    "mlp": ("tune", "report"),
    "cnn": ("tune", "report"),
    "deep mlp": ("tune", "report"),
    "lstm": ("tune",),
    "simple rnn": ("tune",),
    "embedding": ("tune",),
    "residual mlp": ("tune",),
    "autoencoder": ("tune",),
    "linear": ("tune",),
    "segmentation": ("tune",),
    "random features": ("tune",),
    "two inputs": ("tune",),
    "two outputs": ("tune",),
    "bidirectional": ("tune",),
    "functional": ("report",),
    "subclassed": ("report",),
    "conv1d": ("report",),
    "gru": ("report",),
    "residual cnn": ("report",),
    "transformer": ("report",),
    "siamese": ("report",),
}
"""Architecture -> halves in which it may occur. MLPs and CNNs are in both because nearly every
fault is published on them; the other kinds are in one, so that the report has kinds that no
threshold was set on."""


@dataclass(frozen=True)
class Fault:
    """A faulty program, and how it is mended."""

    build: Callable[..., Program]
    causes: frozenset[str]
    """Codes that are right, all of them."""

    data: str
    architecture: str
    operator: str
    """A mutation of DeepCrime (Humbatova, Jahangirova and Tonella, ISSTA 2021) by its three
    letters, a silent bug of Karpathy's essay, or what users ask in public."""

    mended: Mapping[str, Any]
    """Settings of the repaired twin."""

    also: frozenset[str] = frozenset()
    """Codes that are as right: another name for the same mistake, or for what it does."""

    present: Callable[[Program], bool] | None = None
    """For a fault that the score can't show: does this program have it?"""

    source: str = ""
    """Of a fault that was asked about in public: the address of such a question."""

    @property
    def name(self) -> str:
        """Of the function."""
        return self.build.__name__

    @property
    def half(self) -> Half:
        """By the rule of `DATA`."""
        return DATA[self.data]

    def program(self, seed: int, **settings: Any) -> Program:
        """The faulty one; other settings than its defaults change it."""
        return _built(self.build, seed, settings)

    def twin(self, seed: int) -> Program:
        """The same program with only the fault mended."""
        return self.program(seed, **self.mended)

    @property
    def settings(self) -> frozenset[str]:
        """What a config change can reach."""
        return frozenset(signature(self.build).parameters) - {"seed"}


@dataclass(frozen=True)
class Healthy:
    """A sound program that crude rules blame."""

    build: Callable[[int], Program]
    data: str
    architecture: str
    blamed_for: str
    """What a crude rule says of it."""

    bar: float
    """Of its score, mean over seeds: below, it has not learnt and is not healthy."""

    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.build.__name__)

    @property
    def half(self) -> Half:
        """By the rule of `DATA`."""
        return DATA[self.data]

    def program(self, seed: int) -> Program:
        """As its user runs it."""
        return _built(self.build, seed, {})


def _built(build: Callable[..., Program], seed: int, settings: Mapping[str, Any]) -> Program:
    """From a fresh Keras: names, seeds and memory as in a process of its own."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    return build(seed, **settings)


def ready(program: Program) -> dict[str, Any]:
    """The arguments of `fit`, as a keyword mapping without `x` and `y`, silent."""
    return {"verbose": 0, **program.fit}
