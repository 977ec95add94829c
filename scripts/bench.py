"""Measures speed as ratios to a named other in the same run: `make bench`.

Medians of interleaved runs in one process, after a warm-up, so that a machine that slows down
slows down both. Writes `runs/bench/training.json`: rows of name, ratio, low, high, bar and met.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe.config import Config
from recipe.data import Dataset, load
from recipe.runs.console import native_noise_hidden
from recipe.runs.files import write_atomically

with native_noise_hidden():
    import keras

    from recipe.training import batch_size, fit, new_model, prepare_runtime

HOME = Path("runs/bench")
ROUNDS = 7
EPOCHS = 20

BAR_EPOCH = 8.0
BAR_TRAINING = 3.0
"""How many times Keras's own speed is asked for, on two cores (docs/design.md)."""


def main() -> int:
    """Compare our fit with Keras's; 1 if a bar is not met."""
    prepare_runtime(None)
    config = Config().replace(
        {
            "data.source": "sklearn:digits",
            "model.widths": [64, 64, 64],
            "train.learning_rate": 1e-3,
            "train.epochs": EPOCHS,
        }
    )
    data = load(config.data)
    with native_noise_hidden():
        rows = [
            _row("digits MLP, steady epoch, to keras fit", *_steady(config, data), BAR_EPOCH),
            _row(f"digits MLP, {EPOCHS} epochs, to keras fit", *_whole(config, data), BAR_TRAINING),
        ]
    for row in rows:
        print(f"{row['name']}: {row['ratio']} [{row['low']}, {row['high']}] (bar {row['bar']})")
    write_atomically(HOME / "training.json", json.dumps(rows, indent=1) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


def _ours(model: keras.Model, config: Config, data: Dataset, epochs: int, **options: Any) -> None:
    size = batch_size(config, len(data.train))
    fit(model, data.train, val=data.val, batch_size=size, epochs=epochs, seed=0, **options)


def _theirs(model: keras.Model, config: Config, data: Dataset, epochs: int, **options: Any) -> None:
    model.fit(
        data.train.x, data.train.y, validation_data=(data.val.x, data.val.y),
        batch_size=batch_size(config, len(data.train)), epochs=epochs, verbose=0, **options,
    )  # fmt: skip


class _EpochTimes(keras.callbacks.Callback):
    """CPU seconds from the end of one epoch to the end of the next."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ends.append(time.process_time())

    @property
    def steady(self) -> float:
        """The median, without the first epoch, which traces."""
        return statistics.median(b - a for a, b in zip(self.ends, self.ends[1:], strict=False))


def _steady(config: Config, data: Dataset) -> list[float]:
    """CPU time of an epoch of theirs over one of ours, for each round."""

    def epoch(train: Callable[..., None]) -> float:
        clock = _EpochTimes()
        train(new_model(config, data, 0), config, data, 6, callbacks=[clock])
        return clock.steady

    return [epoch(_theirs) / epoch(_ours) for _ in range(ROUNDS)]


def _whole(config: Config, data: Dataset) -> list[float]:
    """CPU time of a whole training of theirs over ours, building and tracing included."""

    def training(train: Callable[..., None]) -> float:
        started = time.process_time()
        train(new_model(config, data, 0), config, data, EPOCHS)
        return time.process_time() - started

    return [training(_theirs) / training(_ours) for _ in range(ROUNDS)]


def _row(name: str, *measured: Any) -> dict[str, Any]:
    *ratios, bar = measured
    middle = statistics.median(ratios)
    return {
        "name": name,
        "ratio": round(middle, 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "bar": bar,
        "met": middle >= bar,
    }


if __name__ == "__main__":
    sys.exit(main())
