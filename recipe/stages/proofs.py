"""Small trainings that prove a pipeline: one batch by heart, twice the same, more capacity."""

from __future__ import annotations

import numpy as np

from recipe.checks import learning, pipeline
from recipe.checks.constant import shrunk_loss
from recipe.config import Config, Task, grown
from recipe.data import Dataset, Split
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.stages.pictures import answers
from recipe.training import evaluate, train
from recipe.training.objective import first_loss, loss_of
from recipe.training.probes import losses_of_sizes, memorize

ONE_BATCH_LOSS = 0.01
"""Nats; a healthy net is below, faulty ones stayed above 0.43 (checklist, fact 3)."""

ONE_BATCH_ERROR = 1e-3
"""The same for a regression: its squared error as a fraction of the constant's (row 2.8)."""

LARGER = (2, 4, 8)
"""Times the width, if one batch can't be memorized: is the net broken, or too small?"""

WIDTHS = {"a quarter of the width": 0.25, "half the width": 0.5, "full width": 1.0}
"""Sizes that must not fit worse from one to the next: x1, x2, x4 of a toy net (Karpathy: "increase
its capacity just a bit"), which ends at the config's own."""


def one_batch(config: Config, data: Dataset, folder: RunFolder) -> Finding:
    """Memorize a handful of examples."""
    settings = config.stages.baseline
    # equal inputs with different labels can't be memorized, and are no fault of the net
    _, distinct = np.unique(data.train.groups, return_index=True)
    rows = np.random.default_rng(config.seed).permutation(distinct)[: settings.batch]
    batch = data.train.take(rows).loaded()
    target = ONE_BATCH_LOSS
    if data.task is Task.REGRESSION:
        loss = loss_of(data.task, config.train.loss)
        target = shrunk_loss(loss, data.train.y, ONE_BATCH_ERROR)
    model, steps = memorize(config, data, batch, target, settings.steps)
    folder.figure("one_batch", answers(model, batch, data, "One batch: label and prediction"))
    reached = evaluate(model, batch, data, config.train.loss)
    enough = None if steps else _width_that_memorizes(config, data, batch, target)
    return learning.check_one_batch(
        reached["loss"],
        reached.get("accuracy"),
        steps or settings.steps,
        settings.steps,
        target,
        len(batch),
        enough,
    )


def _width_that_memorizes(
    config: Config, data: Dataset, batch: Split, target: float
) -> float | None:
    """How many times as wide the net must be; None: no width that is tried does it."""
    for times in LARGER:
        larger = grown(config, times)
        if larger == config:
            return None
        _, steps = memorize(larger, data, batch, target, config.stages.baseline.steps)
        if steps:
            return times
    return None


def repeats(config: Config, data: Dataset) -> Finding:
    """Twice with the same seed: the same losses, and the same weights in the end."""
    short = config.replace({"train.epochs": 3})
    first, second = (train(short, data, config.seed) for _ in range(2))
    pairs = zip(first.model.get_weights(), second.model.get_weights(), strict=True)
    apart = max(float(np.abs(one - other).max(initial=0.0)) for one, other in pairs)
    losses, again = (np.array(fitted.history["loss"]) for fitted in (first, second))
    return learning.check_repeats(losses, again, apart)


def capacity(config: Config, data: Dataset, folder: RunFolder) -> Finding:
    """A little more capacity, and the training loss goes down as it should."""
    settings = config.stages.baseline
    sizes = {name: grown(config, width) for name, width in WIDTHS.items()}
    if tiny(config) is None or len({size.model for size in sizes.values()}) < len(sizes):
        return pipeline.skipped_capacity(config.model.family)
    histories = losses_of_sizes(sizes, data, settings.seeds, settings.size_steps)
    lines = {name: each.mean(axis=0) for name, each in histories.items()}
    title = f"Does more capacity fit better? Means of {settings.seeds} seeds"
    folder.figure("sizes", figures.curves(lines, "training loss", title, log=True))
    ends = {name: each[:, -1] for name, each in histories.items()}
    return pipeline.check_capacity(ends, first_loss(config, data))


def tiny(config: Config) -> Config | None:
    """The smallest of these sizes; None for a family that can't be shrunk.

    Nor can a backbone: the layers behind it are the least of such a net, and all of its time.
    """
    if config.model.family == "application":
        return None
    smallest = grown(config, min(WIDTHS.values()))
    return None if smallest == config else smallest
