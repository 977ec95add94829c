"""What stands beside the overfit stage's floor: baselines, the run before, the family, the rate."""

from __future__ import annotations

import numpy as np

from recipe.checks import third_step
from recipe.config import Config, RequestError, read
from recipe.config.differences import differences, groups_of
from recipe.data import Dataset, Split
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.training import batch_size, deciding_metric, gain, new_model
from recipe.training.range_test import BEGUN, range_test, suggestion

LOWEST, HIGHEST = 1e-6, 1.0
"""Rates of the range test: what lies outside, nobody trains at."""

SEEDS = 2

FALL = 0.05
"""Of the loss, without which a range test says nothing (as much as inputs must help: row 2.7)."""


def known_before(config: Config, data: Dataset, folder: RunFolder) -> list[Finding]:
    """Rows 3.6 and 3.2: what the stage before has found out, and what others have."""
    baseline = folder.result("baseline")
    verdicts = {f.check: f.verdict for f in baseline.findings} if baseline else {}
    scores = baseline.metrics if baseline else {}
    return [
        third_step.check_baselines(verdicts, deciding_metric(config, data.task), scores),
        third_step.check_proven(config.model.family, data.shape),
    ]


def one_change(config: Config, data: Dataset, score: float, folder: RunFolder) -> Finding:
    """Row 3.4: what is not as it was when this stage last ended in this folder.

    Args:
        config: as it was asked for.
        data: its task.
        score: deciding metric on the validation examples, now.
        folder: of the run, with the stage as it was.
    """
    metric = deciding_metric(config, data.task)
    result = folder.result("overfit")
    try:
        before = read(folder.path / "overfit" / "config.yaml") if result else None
    except RequestError:  # of a version with other keys
        before = None
    if before is None or result is None:
        return third_step.check_one_change(None, None, metric)
    changed = groups_of(differences(before, config))
    old = result.metrics.get(f"val_{metric}")
    gained = None if old is None else gain(metric, score, old)
    return third_step.check_one_change(changed, gained, metric)


def rate_found(
    bare: Config, data: Dataset, some: Split, is_fitted: bool, folder: RunFolder
) -> Finding:
    """Row 3.3: the rate of a range test beside the config's own.

    Args:
        bare: the config without its regularization.
        data: that the net is made for.
        some: training examples.
        is_fitted: whether the net reached its floor.
        folder: for the figure.
    """
    current, optimizer = bare.train.learning_rate, bare.train.optimizer
    curves = list(
        range_test(
            lambda seed: new_model(bare, data, seed),
            some,
            seeds=range(bare.seed, bare.seed + SEEDS),
            rates=np.geomspace(LOWEST, HIGHEST, bare.stages.overfit.range_steps),
            batch_size=batch_size(bare, len(some)),
        )
    )
    name = optimizer if isinstance(optimizer, str) else optimizer.class_name
    if any(len(curve.losses) <= 2 * BEGUN or curve.fall < FALL for curve in curves):
        return third_step.check_rate_found(current, None, is_fitted, name)
    found = suggestion(curves, confidence=0.95)
    title = f"Range test: {found.value:.2g} suggested, {SEEDS} seeds"
    # two seeds give no interval that is worth drawing
    ends = (found.value, found.value, found.value)
    lines = ([curve.rates for curve in curves], [curve.smoothed for curve in curves])
    folder.figure("rates", figures.range_curve(*lines, ends, current, title))
    return third_step.check_rate_found(current, found.value, is_fitted, name)
