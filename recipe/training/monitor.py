"""How each layer fares while a net trains: for TensorBoard, and for anybody's own `fit`.

    monitor = Monitor("logs/monitor", x_train[:128], y_train[:128])
    model.fit(x_train, y_train, callbacks=[monitor])

It changes no number of the training, and costs it a set share of its time at most: what it left
out, it says. It judges nothing, and has no hook for batches, which would make every batch wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from recipe.runs.tensorboard import Board, escape_markdown
from recipe.training.callbacks import learning_rate
from recipe.training.undone import step_of

SHORT = 60.0
"""Seconds. Until then a training has no time to spare: its first and last epoch must do."""


class Monitor(keras.callbacks.Callback):
    """Probes a net before its first epoch, after the first and the last, and when time allows.

    A probe takes one training step on a fixed batch, measures it and undoes it (`undone.py`).
    Curves, one for each layer, by group:

    - `gradient_norm`, of the loss with its penalties, before clipping; of all: `monitor/global_...`
    - `update_ratio`: norm of the update over norm of the weights; about 1e-3 is healthy
    - `weight_norm`, of the trainable weights
    - `activation_mean`, `activation_std`: of what the layer puts out in training
    - `dead_units`: share of a ReLU's units that are 0 for every example
    - `saturated`: share of a squashing function's values beyond 97 % of its range
    - `not_finite`: share of weights, gradients or activations, where there are any

    Histograms of weights, gradients and activations come more rarely. Step n is after n epochs, 0
    before the first update; Keras's own curves, like `epoch_loss`, count one less. If the
    training ends early, the last probe may see the weights that were put back.
    """

    def __init__(
        self,
        log: Board | Path | str,
        x: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        examples: int | None = None,
        every: int = 1,
        histogram_every: int = 10,
        budget: float = 0.02,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Choose what to look at.

        Args:
            log: where to write. Who gives a folder gets the learning rate too, under Keras's tag;
                to a Board of ours, `LogEpochs` writes it.
            x: the probe, 64 to 256 training examples, as arrays or structures of them; as many
                as a batch for a net that keeps a state from batch to batch.
            y: their targets, if the net has any.
            sample_weight: what the examples weigh in the loss.
            examples: per epoch, for the throughput; without, it is in epochs.
            every: epochs from probe to probe, where the time allows it.
            histogram_every: epochs from histogram to histogram, at least.
            budget: share of the time since the training began that probes may cost, compiling
                included; the first and last epoch are probed in any case.
            clock: in seconds.
        """
        super().__init__()
        self.probed: list[int] = []
        """Epochs that were done when the net was probed."""
        self.skipped: list[int] = []
        """The same where it should have been, and the time did not allow it."""
        self.done = 0
        """Epochs."""
        self.last_histogram = -histogram_every
        self.seconds = 0.0
        """Of the training so far, probes included."""
        self.spent = 0.0
        """Seconds of all probes, compiling included."""
        self.trace_seconds = 0.0
        """Of compiling, with the first run."""
        self.cost = 0.0
        """Seconds of the last probe after that."""
        self.input_wait: float | None = None
        """Seconds that this epoch waited for its input; None: nobody has told."""
        self.every, self.histogram_every, self.budget = every, histogram_every, budget
        self.examples = examples
        self._board = Board(Path(log)) if isinstance(log, str | Path) else log
        self._is_alone = isinstance(log, str | Path)
        given = (x,) if y is None else (x, y) if sample_weight is None else (x, y, sample_weight)
        self._batch = tuple(keras.tree.map_structure(_tensor, part) for part in given)
        self._clock = clock
        self._unseen: tuple[str, ...] = ()
        # these hold times of this process, which mean nothing to one that goes on after a kill
        self._since_last = _Stopwatch(clock)
        self._since_epoch: _Stopwatch | None = None

    def waited(self, seconds: float) -> None:
        """Tell that the epoch waited for its input; several times in an epoch, they add up."""
        self.input_wait = (self.input_wait or 0.0) + seconds

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.probed, self.skipped, self.done = [], [], 0
        self.last_histogram = -self.histogram_every
        self.seconds = self.spent = self.trace_seconds = self.cost = 0.0
        self.input_wait = None
        self._since_last, self._since_epoch = _Stopwatch(self._clock), None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the net before its first update."""
        if not self.probed:
            self.done = epoch
            self._probe(is_last=False)
        self.input_wait = None
        self._since_epoch = _Stopwatch(self._clock)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look, if it is time to; tell the pace."""
        # None after a kill within this epoch
        took = self._since_epoch.lap() if self._since_epoch else None
        self.seconds += self._since_last.lap()
        self.done = epoch + 1
        self._board.scalars(self._pace(took), step=self.done)
        if self._is_alone:
            self._board.scalars(learning_rate(self.model), step=epoch)
        is_last = self.done == (self.params or {}).get("epochs") or self.model.stop_training
        is_first = len(self.probed) < 2
        if is_first or is_last or self._is_affordable():
            self._probe(is_last)
        elif self.done % self.every == 0:
            self.skipped.append(self.done)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Look at the end, if that has not been done; say what was left out."""
        if self.probed and self.done not in self.probed:
            self._probe(is_last=True)
            self.skipped = [epoch for epoch in self.skipped if epoch != self.done]
        self.seconds += self._since_last.lap()
        self._board.text("monitor", self.summary(), step=self.done)
        self._board.close()

    def summary(self) -> str:
        """What was probed, what was not and why, and what it cost: Markdown."""
        due = len(self.probed) + len(self.skipped)
        why = (
            f"to stay within {self.budget:.0%} of the time"
            if self.seconds >= SHORT
            else f"a training of less than {SHORT:.0f} s is probed at its first and last epoch"
        )
        said = [
            f"Probed after epochs {_ranges(self.probed)}; 0 is before the first update.",
            f"Skipped {len(self.skipped)} of {due} epochs: {why}." if self.skipped else "",
            f"Compiling (the trace) took {self.trace_seconds:.2f} s, the probes "
            f"{self.spent - self.trace_seconds:.2f} s, of {self.seconds:.1f} s.",
            "Input wait: not measured." if self.input_wait is None else "",
            f"Not seen at work: {', '.join(map(escape_markdown, self._unseen))}."
            if self._unseen
            else "",
        ]
        return "\n\n".join(filter(None, said))

    def _is_affordable(self) -> bool:
        """Whether it is time for a probe, and there is time for it."""
        if self.done % self.every or self.seconds < SHORT:
            return False
        return self.spent + self.cost <= self.budget * self.seconds

    def _probe(self, is_last: bool) -> None:
        watch = _Stopwatch(self._clock)
        step, is_new = step_of(self.model, self._batch)
        wants_histograms = is_last or self.done - self.last_histogram >= self.histogram_every
        measured = step(self._batch, wants_histograms)
        self._board.scalars(measured.scalars, step=self.done)
        if wants_histograms:
            self._board.histograms(measured.histograms, step=self.done)
            self.last_histogram = self.done
        self._unseen = step.unseen
        self.probed.append(self.done)
        took = watch.lap()
        self.spent += took
        # TensorFlow compiles in a function's first call, and forgets it when a seed is set
        if is_new or len(self.probed) == 1:
            self.trace_seconds += took
        else:
            self.cost = took

    def _pace(self, seconds: float | None) -> dict[str, float]:
        pace = {}
        if seconds:
            name = "epochs" if self.examples is None else "examples"
            pace[f"monitor/{name}_per_second"] = (self.examples or 1) / seconds
        if self.input_wait is not None:
            pace["monitor/input_wait"] = self.input_wait
        return pace


class _Stopwatch:
    """Seconds since the last lap."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._then = clock, clock()

    def lap(self) -> float:
        then, self._then = self._then, self._clock()
        return self._then - then


def _tensor(part: Any) -> tf.Tensor | None:
    """As Keras's `fit` takes it: floats in the precision that Keras is set to."""
    if part is None:
        return None
    tensor = tf.convert_to_tensor(part)
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor


def _ranges(epochs: Sequence[int]) -> str:
    """Numbers in words: "0-2, 5"."""
    starts = [b for a, b in pairwise([-2, *epochs]) if b != a + 1]
    ends = [a for a, b in pairwise([*epochs, -2]) if b != a + 1]
    said = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    more = f" and {len(said) - 20} more" if len(said) > 20 else ""
    return ", ".join(said[:20]) + more
