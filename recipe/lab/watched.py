"""Trainings that are looked at after every step: how layer 1 moves, how the loss lies ahead."""

from __future__ import annotations

from dataclasses import dataclass, field

import keras
import numpy as np

from recipe.data import Split
from recipe.lab.bench import Bench, Changes, Trained
from recipe.training import batch_size
from recipe.training.landscape import AlongStep, along_step
from recipe.training.profiles import FirstLayer, drift

LINES = 40
"""Looks at the line of a step, and pictures of the histogram, over a training."""

PROBED = 128
"""Training examples on which the first layer is watched."""


@dataclass
class Watched:
    """One side's trainings, looked at after every step."""

    arms: list[Trained] = field(default_factory=list)
    drifts: list[tuple[float, float]] = field(default_factory=list)
    """Of each seed: of the mean, and of the log of the standard deviation."""

    lines: list[list[AlongStep]] = field(default_factory=list)
    """Of each seed, at `steps`."""

    val_losses: list[np.ndarray] = field(default_factory=list)
    """Of each seed, at `steps`, in inference mode."""

    values: list[np.ndarray] = field(default_factory=list)
    """Of the first seed at `steps`: pre-activations of layer 1, all units together."""

    steps: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, bench: Bench, changes: Changes) -> Watched:
        """Train and watch every seed."""
        found = cls()
        first = FirstLayer(bench.data.train.drawn(PROBED))
        size = batch_size(bench.config, len(bench.data.train))
        batch = bench.data.train.drawn(size)
        for seed in bench.seeds:
            found._watch(bench, changes, seed, first, batch)
        return found

    def _watch(
        self, bench: Bench, changes: Changes, seed: int, first: FirstLayer,
        batch: Split,
    ) -> None:  # fmt: skip
        means, stds, lines, losses = [], [], [], []
        every = max(bench.settings.steps // LINES, 1)
        begins = not self.arms

        def look(model: keras.Model, step: int) -> None:
            seen = first(model)
            means.append(seen.mean(axis=0))
            stds.append(seen.std(axis=0))
            if step % every:
                return
            lines.append(along_step(model, batch))
            losses.append(bench.val_scores(model)["loss"])
            if begins:
                self.values.append(seen.ravel())
                self.steps.append(step)

        self.arms.append(bench.train(changes, seed, look=look, every=1))
        moved = drift(np.array(means), np.array(stds))
        self.drifts.append((moved.mean, moved.spread))
        self.lines.append(lines)
        self.val_losses.append(np.array(losses))
        bench.folder.say(
            f"seed {seed}, {changes['model.norm']}: val {bench.metric} {self.arms[-1].score:.4f}"
        )
