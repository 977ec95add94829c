"""What a config scores on parts of its training examples: the learning curve that is forecast.

A part is repeated until an epoch has as many steps as with all examples. So every training makes
the same steps, under the same schedule, with the same looks at the validation examples, of which
the best is kept: what differs is how many examples there were to learn from, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recipe.compare.seeds import score_seed
from recipe.config import Config, Task
from recipe.data import Dataset
from recipe.runs.console import Advance
from recipe.training import HIGHER_IS_BETTER, deciding_metric

SHARES = (0.1, 0.2, 0.4, 0.6, 0.8)
"""Of the training examples, beside all of them (checklist row 4.1)."""


@dataclass(frozen=True)
class Curve:
    """Scores against the examples that were learnt from."""

    metric: str
    examples: tuple[int, ...]
    """Of each part, rising; the last is all of them."""

    scores: tuple[tuple[float, ...], ...]
    """(parts, seeds) on the same validation examples; the last part may have more seeds."""


def learning_curve(
    config: Config,
    data: Dataset,
    whole: Sequence[float],
    seeds: Sequence[int],
    advance: Advance,
    checkpoint: Callable[[str], Path] | None = None,
) -> Curve:
    """Train the config on parts of the training examples, and score it on all of val.

    Args:
        config: what to train.
        data: with all training examples.
        whole: scores with all of them, one a seed: they are there already.
        seeds: of the trainings on each part, and of what is in it.
        advance: told after each training.
        checkpoint: from the name of a training to the file that keeps it; None: none does.
    """
    metric = deciding_metric(config, data.task)
    count = len(data.train)
    found: dict[float, list[float]] = {share: [] for share in SHARES}
    for seed in seeds:
        for share, scores in found.items():
            name = f"{share:.0%} of the examples, seed {seed}"
            kept = checkpoint(name) if checkpoint else None
            part = part_of(data, share, seed)
            scores.append(score_seed(config, part, seed, kept, len(seeds) * len(SHARES)).score)
            advance(f"{name}: val {metric} {scores[-1]:.4f}")
    sizes = (*(size_of(share, count) for share in SHARES), count)
    return Curve(metric, sizes, (*(tuple(each) for each in found.values()), tuple(whole)))


def part_of(data: Dataset, share: float, seed: int) -> Dataset:
    """The same data with a part of the training examples, repeated to as many as there were.

    Args:
        data: of which a part is drawn.
        share: of its training examples; a smaller share with the same seed is inside of it.
        seed: of the draw. Every class keeps its share of the examples.
    """
    some = nested(data, seed)[: size_of(share, len(data.train))]
    return replace(data, train=data.train.take(np.resize(some, len(data.train))))


def size_of(share: float, count: int) -> int:
    """Examples of a part."""
    return max(round(share * count), 1)


def nested(data: Dataset, seed: int) -> np.ndarray:
    """The training examples in an order of which every beginning holds the classes evenly.

    Returns:
        (examples,) positions in `data.train`.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.train))
    if data.task not in (Task.BINARY, Task.MULTICLASS):
        return order
    labels = data.train.y[order]
    places = np.empty(len(order))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
    return np.asarray(order[np.argsort(places, kind="stable")])


def errors_of(metric: str, scores: Sequence[float]) -> list[float]:
    """Scores as errors, 0 at best: a power law falls to a floor."""
    return [1 - each if HIGHER_IS_BETTER[metric] else each for each in scores]
