"""What a config scores with a seed: the one training that every comparison is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipe.config import Config
from recipe.data import Dataset
from recipe.runs.console import Advance
from recipe.training import Checkpoint, deciding_metric, evaluate, gain, train

TWENTY = 20
"""A score is steady if a twentieth of the epochs has it. On digits cut to 200 examples the best
epoch overstated what 13 regularizers gain on the examples left out, a fifth of the epochs
understated it (measured; docs/design.md)."""


@dataclass(frozen=True)
class Scored:
    """A training with one seed."""

    score: float
    """The deciding metric on val, in inference mode; NaN if it diverged."""

    history: dict[str, list[float]]
    """Keras's logs, one value an epoch."""

    def steady(self, metric: str) -> float:
        """The score without the luck of its epoch: as if a few epochs in a row had shared it.

        A training ends with its best epoch, and the best of many is partly chance: the more a net
        wavers from epoch to epoch, the more. Dropout, noise and high rates make it waver.

        Args:
            metric: of the score.

        Returns:
            The score, less what the best epoch has over the best mean of a twentieth of the epochs.
        """
        curve = np.array(
            [gain(metric, value, 0.0) for value in self.history.get(f"val_{metric}", [])]
        )
        few = max(1, round(len(curve) / TWENTY))
        if few == 1 or not np.isfinite([*curve, self.score]).all():
            return self.score
        luck = curve.max() - np.convolve(curve, np.ones(few) / few, "valid").max()
        return self.score - gain(metric, luck, 0.0)


def score_seed(
    config: Config, data: Dataset, seed: int, kept: Path | None = None, trainings: int = 1
) -> Scored:
    """Train the config with one seed.

    Args:
        config: what to train.
        data: trained on train, scored on val.
        seed: of the training.
        kept: the file that keeps it; None: none does.
        trainings: how many there will be of this config.
    """
    checkpoint = Checkpoint(kept) if kept else None
    fitted = train(config, data, seed, checkpoint=checkpoint, trainings=trainings)
    scores = evaluate(fitted.model, data.val, data, config.train.loss)
    score = float("nan") if fitted.diverged else scores[deciding_metric(config, data.task)]
    return Scored(score, fitted.history)


def score_seeds(
    config: Config,
    data: Dataset,
    seeds: Sequence[int],
    advance: Advance,
    name: str,
    checkpoint: Callable[[str], Path] | None = None,
) -> list[float]:
    """Train the config once for each seed.

    Args:
        config: what to train.
        data: trained on train, scored on val.
        seeds: of the trainings.
        advance: told after each training.
        name: what this config is called in the progress.
        checkpoint: from the name of a training to the file that keeps it; None: none does.

    Returns:
        The deciding metric on val, in inference mode, for each seed.
    """
    metric = deciding_metric(config, data.task)
    scores = []
    for seed in seeds:
        training = f"{name}, seed {seed}"
        kept = checkpoint(training) if checkpoint else None
        scores.append(score_seed(config, data, seed, kept, len(seeds)).score)
        advance(f"{training}: val {metric} {scores[-1]:.4f}")
    return scores
