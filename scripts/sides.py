"""The sides of `make bench`: nets and data, how each side trains them, what of it is timed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ratios import Seconds, middle, now, since
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from recipe.config import Config, Task
from recipe.data import Dataset, Split, load
from recipe.data.features import ImageFeatures, learn_scaling
from recipe.training import KeepBest, batch_size, fit, new_model
from recipe.training.trace import _TRACES

Callbacks = Sequence[keras.callbacks.Callback]
Train = Callable[[Callbacks], None]
"""Trains, with these callbacks besides those of both sides."""


# ---- what is trained, and on what ---------------------------------------------------------------


def digits_mlp(epochs: int) -> tuple[Config, Dataset]:
    """64-64-64-10 at batch 32: so small that an epoch is overhead."""
    config = _config({"model.widths": [64, 64, 64], "train.epochs": epochs})
    return config, load(config.data)


def wide_mlp(epochs: int) -> tuple[Config, Dataset]:
    """784-256-128-10 at batch 128 on 60,000 rows: matrix products take most of an epoch."""
    changes = {"model.widths": [256, 128], "train.batch_size": 128, "train.epochs": epochs}
    return _config(changes), _synthetic((784,), 60_000)


def usual_mlp(epochs: int) -> tuple[Config, Dataset]:
    """The digits MLP with as many examples as make a minute's training one of 300 epochs."""
    return digits_mlp(epochs)[0], _synthetic((64,), 20_000)


def small_cnn(epochs: int) -> tuple[Config, Dataset]:
    """Convolutions of 16 and 32 filters at batch 64 on 28x28 images."""
    changes = {
        "model.family": "cnn", "model.filters": [16, 32], "model.widths": [64],
        "train.batch_size": 64, "train.epochs": epochs,
    }  # fmt: skip
    return _config(changes), _synthetic((28, 28, 1), 4096)


def _config(changes: dict[str, Any]) -> Config:
    same = {"data.source": "sklearn:digits", "train.learning_rate": 1e-3}
    return Config().replace(same | changes)


def _synthetic(shape: tuple[int, ...], examples: int) -> Dataset:
    """Noise, with the classes of a linear teacher; a tenth as many examples for validation."""
    rng = np.random.default_rng(0)
    teacher = rng.normal(size=(int(np.prod(shape)), 10))

    def drawn(count: int) -> Split:
        x = rng.normal(size=(count, *shape)).astype(np.float32)
        y = (x.reshape(count, -1) @ teacher).argmax(axis=1).astype(np.int32)
        return Split(x, y, np.arange(count), np.arange(count))

    train = drawn(examples)
    return Dataset(
        Task.MULTICLASS, train, drawn(examples // 10), train.x[:0], np.arange(0),
        classes=tuple("0123456789"), target_scaling=None,
        features=ImageFeatures(learn_scaling(train.x[:2], "none"), shape),
    )  # fmt: skip


# ---- how it is trained --------------------------------------------------------------------------


def ours(config: Config, data: Dataset, jit: bool = False, sample: Split | None = None) -> Train:
    """The resident epoch, from a fresh net on; arguments as in `fit`."""

    def train(callbacks: Callbacks) -> None:
        fit(
            new_model(config, data, 0), data.train, val=data.val, sample=sample,
            batch_size=batch_size(config, len(data.train)), epochs=config.train.epochs, seed=0,
            callbacks=[KeepBest("val_accuracy"), *callbacks], jit=jit,
        )  # fmt: skip

    return train


def stock(
    config: Config,
    data: Dataset,
    is_fresh: bool = False,
    is_tf_data: bool = False,
    steps_per_execution: int = 1,
) -> Train:
    """`keras.Model.fit`, with its defaults or others.

    Args:
        config: what to train.
        data: on what.
        is_fresh: a new net each time, to trace anew.
        is_tf_data: cached and prefetched datasets, not arrays.
        steps_per_execution: of one call into the graph.
    """
    size = batch_size(config, len(data.train))

    def compiled() -> keras.Model:
        model = new_model(config, data, 0)
        model.steps_per_execution = steps_per_execution
        return model

    known = compiled()
    arrays: tuple[Any, ...] = (data.train.x, data.train.y)
    held_out: Any = (data.val.x, data.val.y)
    batches: dict[str, Any] = {"batch_size": size}
    if is_tf_data:
        examples = tf.data.Dataset.from_tensor_slices(arrays).cache()
        arrays = (examples.shuffle(len(data.train)).batch(size).prefetch(tf.data.AUTOTUNE),)
        held_out = tf.data.Dataset.from_tensor_slices(held_out).batch(size).cache()
        batches = {}

    def train(callbacks: Callbacks) -> None:
        model = compiled() if is_fresh else known
        model.fit(
            *arrays, validation_data=held_out, epochs=config.train.epochs, verbose=0,
            callbacks=[KeepBest("val_accuracy"), *callbacks], **batches,
        )  # fmt: skip

    return train


def scikit_learn(config: Config, data: Dataset) -> Callable[[], Seconds]:
    """An epoch of its MLP, of the same widths, batch and optimizer; it has no validation."""
    net = MLPClassifier(
        config.model.widths, batch_size=batch_size(config, len(data.train)), alpha=0.0,
        learning_rate_init=config.train.learning_rate, max_iter=config.train.epochs,
        tol=0.0, n_iter_no_change=config.train.epochs, random_state=0,
    )  # fmt: skip

    def side() -> Seconds:
        then = now()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is not asked to converge
            net.fit(data.train.x.reshape(len(data.train), -1), data.train.y)
        return Seconds(*(clock / net.n_iter_ for clock in since(then)))

    return side


# ---- what of it is timed ------------------------------------------------------------------------


def epoch_of(train: Train) -> Callable[[], Seconds]:
    """The median epoch, from end to end, without the first, which sets up and traces."""

    class Ends(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            laps.append(since(then[0]))
            then[0] = now()

    laps: list[Seconds] = []
    then = [now()]

    def side() -> Seconds:
        laps.clear()
        train([Ends()])
        return middle(laps[1:])

    return side


def whole(train: Train, is_cold: bool = True) -> Callable[[], Seconds]:
    """All of a training, from building the net on; cold: nothing is traced yet."""

    def side() -> Seconds:
        if is_cold:
            _TRACES.clear()
        then = now()
        train([])
        return since(then)

    return side


class Turns:
    """Lets trainings run in threads, one at a time, an epoch each, until their time is up."""

    def __init__(
        self, trainings: dict[str, Callable[[Turns], None]], seconds: float, kind: str = "wall"
    ) -> None:
        """Name the trainings; the first one's time, by this clock, decides when all of them end."""
        self._trainings, self._limit, self._kind = trainings, seconds, kind
        self._gates = {name: threading.Semaphore(0) for name in trainings}
        self._waiting = [*trainings]
        """Who has not ended, in the order of their turns."""
        self._began = now()
        self._last: int | None = None
        """The epoch that is the last of all."""
        self.laps: dict[str, list[Seconds]] = {name: [] for name in trainings}

    def take(self) -> dict[str, list[Seconds]]:
        """Train; returns what each epoch of each training took, its beginning included."""
        with ThreadPoolExecutor(len(self._trainings)) as pool:
            ends = [pool.submit(self._train, name) for name in self._trainings]
            self._gates[self._waiting[0]].release()
            for end in ends:
                end.result()
        return self.laps

    def clock(self, name: str, kind: str = "wall") -> float:
        """Seconds of a training whose turn it is, without those of the others."""
        return sum(getattr(each, kind) for each in (*self.laps[name], since(self._began)))

    def callback(self, name: str) -> keras.callbacks.Callback:
        """What stops a training after each epoch until it is its turn again."""
        turns = self

        class Turn(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.model.stop_training = turns._next_turn(name, epoch)

        return Turn()

    def _train(self, name: str) -> None:
        self._gates[name].acquire()
        self._began = now()
        _TRACES.clear()  # two that train at a time can't share one
        try:
            self._trainings[name](self)
        finally:
            self._pass_on(name)
            self._waiting.remove(name)

    def _next_turn(self, name: str, epoch: int) -> bool:
        """Whether the epoch that begins, when it is its turn, is the last."""
        if epoch:
            self._pass_on(name)
            self._gates[name].acquire()
            self._began = now()
        if self._last is None and name == self._waiting[0]:
            self._last = epoch if self.clock(name, self._kind) >= self._limit else None
        return epoch == self._last

    def _pass_on(self, name: str) -> None:
        self.laps[name].append(since(self._began))
        place = self._waiting.index(name) + 1
        self._gates[self._waiting[place % len(self._waiting)]].release()
