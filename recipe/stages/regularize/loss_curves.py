"""Does the incumbent over- or underfit, by its loss curves? It decides what is tried first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import keras
import numpy as np

from recipe.checks.curves import Fit, check_fit, diagnose_fit
from recipe.compare import resampled
from recipe.config import Config, Task
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.training import (
    HIGHER_IS_BETTER,
    deciding_metric,
    evaluate,
    gain,
    predict,
    scores,
)
from recipe.training.baselines import NAMES

BASELINES = ("majority", *NAMES.values(), "linear", "trees")
"""Models that are no nets, as `baseline` names them."""

MOST = 10_000
"""Training examples that are scored: one standard error of an accuracy is then below 0.5 %."""

RESAMPLES = 200


def loss_curves(
    config: Config,
    data: Dataset,
    nets: Sequence[keras.Model],
    histories: Sequence[Mapping[str, list[float]]],
    folder: RunFolder,
) -> tuple[Fit, Finding]:
    """Diagnose a config by its trainings, and draw their curves.

    Args:
        config: as it was trained.
        data: on which.
        nets: one a seed; none of them diverged.
        histories: Keras's logs of each, one value an epoch.
        folder: for the figure; its baseline stage says what to compare with.
    """
    metric = deciding_metric(config, data.task)
    some = data.train.drawn(MOST)
    on_train, on_val = (
        [evaluate(net, split, data, config.train.loss)[metric] for net in nets]
        for split in (some, data.val)
    )
    fit = diagnose_fit(
        on_train,
        on_val,
        [each["loss"] for each in histories],
        [each["val_loss"] for each in histories],
        _error(nets[0], data, config, metric),
        _reference(folder, metric),
        _target(config, data.task, metric),
        HIGHER_IS_BETTER[metric],
    )
    _draw(histories, folder)
    return fit, check_fit(fit, metric, len(nets))


def _error(net: keras.Model, data: Dataset, config: Config, metric: str) -> float:
    """Standard error of a validation score: others than these examples might have been in val."""
    logits, y = predict(net, data.val.x), data.val.y
    drawn = resampled(
        lambda rows: scores(logits[rows], y[rows], data, config.train.loss)[metric],
        len(y), RESAMPLES, seed=0,
    )  # fmt: skip
    return float(np.std(drawn))


def _reference(folder: RunFolder, metric: str) -> tuple[str, float] | None:
    """The strongest of the baselines that are no nets."""
    result = folder.result("baseline")
    measured = {} if result is None else result.metrics
    known = {n: measured[key] for n in BASELINES if (key := f"val_{n}_{metric}") in measured}
    if not known:
        return None
    return max(known.items(), key=lambda pair: gain(metric, pair[1], 0.0))


def _target(config: Config, task: Task, metric: str) -> float | None:
    """What `overfit` has driven this net to; of a loss it is another number for each data set."""
    if metric == "loss":
        return None
    settings = config.stages.overfit
    return 1 - settings.loss if task is Task.REGRESSION else settings.accuracy


def _draw(histories: Sequence[Mapping[str, list[float]]], folder: RunFolder) -> None:
    names = {"training loss": "loss", "validation loss": "val_loss"}
    lines = {
        said: [
            float(np.mean([value for value in seeds if value is not None]))
            for seeds in zip_longest(*(each[key] for each in histories))
        ]
        for said, key in names.items()
    }
    title = f"The incumbent: learnt by heart, or too little? Means of {len(histories)} seeds"
    folder.figure("loss_curves", figures.curves(lines, "loss", title))
