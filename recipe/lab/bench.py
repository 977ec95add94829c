"""What all experiments of the laboratory share: your data, your bare net, the same seeds, answers.

A training here is a number of steps at a constant rate, without regularization unless that is what
is looked at. It takes a fraction of a second, so it is not kept, and nothing goes on after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np

from recipe.checks.learning import check_trains
from recipe.compare import Comparison, paired, resolution_of
from recipe.config import Config, RequestError, without_regularization
from recipe.config.stages import LabStage
from recipe.data import Dataset, load
from recipe.findings import Finding, StageResult, overall
from recipe.runs import RunFolder
from recipe.training import batch_size, deciding_metric, evaluate, new_model, prepare_runtime
from recipe.training.data_init import redraw
from recipe.training.population import recalibrate
from recipe.training.range_test import Estimate, over_seeds, smoothed
from recipe.training.steps import BLOCK_STEPS, Look, train_steps

EXAMPLES = 10_000
"""Of train, and as many of val at most: short trainings see no more."""

OF_BLOCKS = ("mlp", "cnn", "resnet")
"""Families whose norm, dropout, activation and initializer are keys of the config."""

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """A net after its steps."""

    model: keras.Model
    losses: np.ndarray
    """(steps,) of each step's batch, in training mode; NaN once they were not finite."""

    data: Dataset
    metric: str
    loss: str
    """`train.loss`."""

    @property
    def diverged(self) -> bool:
        """Whether a loss was not finite."""
        return not np.isfinite(self.losses).all()

    @cached_property
    def smoothed(self) -> np.ndarray:
        """The losses' average up to each step, (steps,)."""
        return smoothed(self.losses)

    @cached_property
    def last(self) -> float:
        """Mean loss of the last tenth of the steps."""
        return float(self.losses[-max(len(self.losses) // 10, 1) :].mean())

    @cached_property
    def score(self) -> float:
        """The deciding metric on val, in inference mode; NaN if it diverged."""
        return self._score(self.data.val)

    @cached_property
    def gap(self) -> float:
        """Loss on val less loss on as many training examples, both in inference mode."""
        if self.diverged:
            return float("nan")
        sample = self.data.train.drawn(len(self.data.val))
        val, train = (self._scores(split)["loss"] for split in (self.data.val, sample))
        return val - train

    def _score(self, split: Any) -> float:
        if self.diverged:
            return float("nan")
        return self._scores(split)[self.metric]

    def _scores(self, split: Any) -> dict[str, float]:
        return evaluate(self.model, split, self.data, self.loss)


class Bench:
    """One experiment's data, budget and folder."""

    def __init__(self, config: Config, folder: RunFolder, needs: Sequence[str] = OF_BLOCKS) -> None:
        """Load the data, and take from the config what would disturb the comparison.

        Args:
            config: of the user.
            folder: of the run.
            needs: families for which the experiment makes sense; none: for all.

        Raises:
            RequestError: it makes no sense for this family.
        """
        if needs and config.model.family not in needs:
            raise RequestError(
                f"model.family: this experiment turns layers that only the families "
                f"{', '.join(needs)} have; got {config.model.family!r}"
            )
        prepare_runtime(config.train.threads)
        self.asked = config
        self.config = without_regularization(config).replace({"train.strategy": "single"})
        self.folder = folder
        self.settings: LabStage = config.stages.lab
        data = load(config.data)
        self.data = replace(data, train=data.train.drawn(EXAMPLES), val=data.val.drawn(EXAMPLES))
        self.metric = deciding_metric(config, data.task)
        self.resolution = resolution_of(self.metric, self.data)
        self.seeds = range(config.seed, config.seed + self.settings.seeds)

    def train(
        self,
        changes: Changes,
        seed: int,
        *,
        initializer: Any = None,
        steps: int | None = None,
        rates: np.ndarray | None = None,
        look: Look | None = None,
        every: int = BLOCK_STEPS,
    ) -> Trained:
        """Train a variant of the bare net.

        Args:
            changes: dotted keys of the config and their values.
            seed: of weights and order.
            initializer: whose weights it starts with, instead of its own: variants that differ in
                nothing else then share a compiled function.
            steps: instead of the config's `stages.lab.steps`.
            rates: of each step, (steps,), instead of the config's.
            look: called with the net before the first step, after each `every` and after the last.
            every: steps from look to look.
        """
        config = self.config.replace(changes)
        return self.go_on(self.fresh(config, seed, initializer), config, seed, steps=steps,
                          rates=rates, look=look, every=every)  # fmt: skip

    def go_on(
        self,
        model: keras.Model,
        config: Config,
        seed: int,
        *,
        steps: int | None = None,
        rates: np.ndarray | None = None,
        look: Look | None = None,
        every: int = BLOCK_STEPS,
    ) -> Trained:
        """Train a net that `fresh` has made with this config and seed; arguments as in `train`."""
        count = steps or self.settings.steps
        losses = train_steps(
            model,
            self.data.train,
            np.full(count, config.train.learning_rate) if rates is None else rates,
            batch_size=batch_size(config, len(self.data.train)),
            seed=seed,
            look=look,
            every=every,
        )
        return Trained(model, losses, self.data, self.metric, config.train.loss)

    def fresh(self, config: Config, seed: int, initializer: Any = None) -> keras.Model:
        """A compiled net before its first step; arguments as in `train`."""
        model = new_model(config, self.data, seed)
        if initializer is not None:
            drawn = config.replace({"model.kernel_initializer": initializer})
            redraw(model, drawn, self.data.train)
        return model

    def arm(self, changes: Changes, **options: Any) -> list[Trained]:
        """The same for every seed."""
        return [self.train(changes, seed, **options) for seed in self.seeds]

    def val_scores(self, model: keras.Model) -> dict[str, float]:
        """Loss and metrics of a net on val, in inference mode."""
        return evaluate(model, self.data.val, self.data, self.config.train.loss)

    def recalibrated(self, trained: Trained) -> float:
        """Its score with batch norm's statistics over the training set, dropout off.

        Source: Ioffe and Szegedy 2015, algorithm 2. The net keeps those that it has.
        """
        if trained.diverged:
            return float("nan")
        weights = trained.model.get_weights()
        recalibrate(trained.model, self.data.train.x)
        score = self.val_scores(trained.model)[self.metric]
        trained.model.set_weights(weights)
        return score

    def compare(self, new: Sequence[Trained], old: Sequence[Trained]) -> Comparison:
        """The gain in the deciding metric, over the seeds of both."""
        return self.compare_scores(*([trained.score for trained in side] for side in (new, old)))

    def compare_scores(self, new: Sequence[float], old: Sequence[float]) -> Comparison:
        """The same from scores, one for each seed."""
        return paired(new, old, self.metric, self.settings.confidence, self.resolution)

    def mean(self, values: Sequence[float], resolution: float = 0.0) -> Estimate:
        """Over seeds, with its interval."""
        return over_seeds(values, self.settings.confidence, resolution)

    def ratio(self, new: Sequence[float], old: Sequence[float], step: float = 1.0) -> Estimate:
        """Geometric mean of new over old, paired by seed, with its interval.

        Args:
            new: one positive number for each seed.
            old: of the same seeds.
            step: the smallest factor that could be seen.
        """
        with np.errstate(all="ignore"):
            logs = np.log(np.asarray(new, np.float64) / np.asarray(old, np.float64))
        found = self.mean(logs.tolist(), float(np.log(step)))
        return Estimate(*(float(np.exp(end)) for end in (found.value, found.low, found.high)))

    def trains(self, arm: Sequence[Trained]) -> Finding:
        """Whether the net as it is trained on every seed."""
        return check_trains([trained.score for trained in arm], self.metric)

    @contextmanager
    def progress(self, arms: int) -> Iterator[Callable[[str, Sequence[Trained]], None]]:
        """A bar over all arms; to be called with the name of each, and what was trained."""
        with self.folder.progress("trainings", arms) as advance:
            yield lambda name, arm: advance(self._said(name, arm))

    def _said(self, name: str, arm: Sequence[Trained]) -> str:
        return f"{name}: val {self.metric} {np.mean([trained.score for trained in arm]):.4f}"

    def curve(self, name: str, arm: Sequence[Trained]) -> None:
        """The mean loss of each step over the seeds, for TensorBoard."""
        losses = np.mean([trained.losses for trained in arm], axis=0)
        with self.folder.board(name) as board:
            for step, loss in enumerate(losses):
                board.scalars({"batch_loss": float(loss)}, step)

    def result(
        self,
        stage: str,
        headline: str,
        summary: Sequence[str],
        findings: Sequence[Finding],
        metrics: Mapping[str, float],
    ) -> StageResult:
        """What the experiment says; `summary` in sentences."""
        return StageResult(
            stage=stage,
            verdict=overall(findings),
            headline=headline,
            summary=" ".join(summary),
            metrics=dict(metrics),
            findings=list(findings),
        )


def interval(estimate: Estimate, form: str = ".3g") -> str:
    """An estimate in words: "1.9 [1.5, 2.4]"."""
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"
