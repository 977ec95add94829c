"""Measures what the doctor's Monitor costs: `make bench`, as a ratio to `fit` without it.

Two trainings of one net take turns, an epoch each, in one process: one has the Monitor, which goes
by the same clock as the measurement. That is CPU time, from the beginning of `fit` to its end,
tracing included. Written are `runs/bench/monitor.json` and the figures in `docs/doctor.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ratios import Part, Row, Sides, hash_of, run, shares

from recipe.runs.console import native_noise_hidden

with native_noise_hidden():
    import keras
    import numpy as np
    import tensorflow as tf
    from sides import Turns

    from recipe.doctor import Monitor

HERE = Path(__file__).resolve().parent

SECONDS = 30.0
"""Of CPU time, of each training."""

Program = tuple[keras.Model, np.ndarray, np.ndarray]


def main() -> int:
    """Measure, print and write; 1 if a bar is not met."""
    tf.random.set_seed(0)
    return run(
        PARTS,
        result=Path("runs/bench/monitor.json"),
        page=HERE.parent / "docs" / "doctor.md",
        code=hash_of("recipe.doctor", HERE / "bench_monitor.py"),
        about="Measure what the doctor's Monitor costs, as ratios.",
    )


def mlp() -> Program:
    """Three hidden layers on a table of 64 columns."""
    hidden = [keras.layers.Dense(64, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((64,)), *hidden, _head()]), *_examples((64,), 10_000)


def cnn() -> Program:
    """Two convolutions on images of 28x28."""
    layers = [
        keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(32, 3, activation="relu"), keras.layers.Flatten(),
    ]  # fmt: skip
    net = keras.Sequential([keras.Input((28, 28, 1)), *layers, _head()])
    return net, *_examples((28, 28, 1), 2_000)


def rnn() -> Program:
    """Two LSTM layers on series of 50 steps."""
    layers = [keras.layers.LSTM(32, return_sequences=True), keras.layers.LSTM(32)]
    return keras.Sequential([keras.Input((50, 8)), *layers, _head()]), *_examples((50, 8), 500)


class Subclassed(keras.Model):
    """A shortcut and a norm, written in `call`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (keras.layers.Dense(64, activation="relu") for _ in range(2))
        self.norm, self.head = keras.layers.BatchNormalization(), _head()

    def call(self, x: Any, training: bool = False) -> Any:
        """Logits of ten classes."""
        hidden = self.first(x)
        return self.head(self.norm(hidden + self.second(hidden), training=training))


def subclassed() -> Program:
    """The same table, in a class of one's own."""
    return Subclassed(), *_examples((64,), 10_000)


def _head() -> keras.layers.Layer:
    return keras.layers.Dense(10, activation="softmax")


def _examples(shape: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, *shape)).astype(np.float32), rng.integers(0, 10, count)


def watched(build: Callable[[], Program]) -> Callable[[int], Sides]:
    """Both trainings; a round is an equal share of their epochs."""

    def measure(rounds: int) -> Sides:
        def trained(name: str) -> Callable[[Turns], None]:
            def train(turns: Turns) -> None:
                model, x, y = build()
                model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
                callbacks = [turns.callback(name)]
                if name == LOOKED:
                    callbacks.append(Monitor(x, y, clock=lambda: turns.clock(name, "cpu")))
                model.fit(x, y, epochs=1_000_000, callbacks=callbacks, verbose=0)

            return train

        with native_noise_hidden():
            model, x, y = build()  # a process does everything once
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, callbacks=[Monitor(x, y)], verbose=0)
            laps = Turns({name: trained(name) for name in (LOOKED, PLAIN)}, SECONDS, "cpu").take()
        parts = min(rounds, *map(len, laps.values()))
        return {name: shares(each, parts) for name, each in laps.items()}

    return measure


LOOKED, PLAIN = "with Monitor", "without"

BAR = 0.98
"""1 over 1.02: at most 2 % more."""

PARTS = {
    build.__name__: Part(
        watched(build),
        (Row(f"{said}, {SECONDS:.0f} CPU s: fit with Monitor, to fit", PLAIN, LOOKED, BAR),),
        is_whole=True,
    )
    for build, said in {
        mlp: "MLP 64-64-64-64-10",
        cnn: "CNN of 16 and 32 filters on 28x28",
        rnn: "two LSTM layers over 50 steps",
        subclassed: "a subclassed net with a shortcut and batch norm",
    }.items()
}

if __name__ == "__main__":
    sys.exit(main())
