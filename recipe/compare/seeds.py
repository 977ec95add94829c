"""What a config scores with a seed: the one training that every comparison is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.config import Config
from recipe.data import Dataset
from recipe.runs.console import Advance
from recipe.training import Checkpoint, deciding_metric, evaluate, train


@dataclass(frozen=True)
class Scored:
    """A training with one seed."""

    score: float
    """The deciding metric on val, in inference mode; NaN if it diverged."""

    history: dict[str, list[float]]
    """Keras's logs, one value an epoch."""


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
