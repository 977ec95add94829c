"""More data, the best regularizer there is (row 4.1): would it beat those that were tried?

The incumbent is trained on parts of the training examples. A power law through its errors says
what twice the examples would bring, with an interval; the best regularizer's gain is held against
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe.checks.forecast import Gain, check_more_data, skipped_more_data
from recipe.compare import Comparison, resolution_of
from recipe.compare.curve import SHARES, Curve, errors_of, learning_curve
from recipe.compare.forecast import Forecast, forecast
from recipe.config import Config
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.stages.regularize.climb import Confirmed
from recipe.training import HIGHER_IS_BETTER

FEWEST = 50
"""Training examples below which a tenth is a handful."""

NOTHING: Gain = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class MoreData:
    """What was forecast, and the answer."""

    finding: Finding
    metrics: dict[str, float]


def best_of(won: Confirmed | None, sides: Sequence[Confirmed]) -> tuple[str, Comparison] | None:
    """The best regularizer, by its gain on seeds by which nothing was chosen.

    Args:
        won: what replaces the incumbent; None: nothing does.
        sides: all that was confirmed or not.

    Returns:
        Its name and gain. One that was not confirmed counts by its interval: it may be better. None
        where nothing scored above the incumbent.
    """
    best = won or max(sides, key=lambda side: side.found.difference, default=None)
    if best is None or not 0 < best.found.difference < np.inf:
        return None
    return best.mixture.name, best.found


def more_data(
    config: Config,
    data: Dataset,
    whole: Sequence[float],
    best: tuple[str, Comparison] | None,
    folder: RunFolder,
) -> MoreData:
    """Forecast, compare, draw.

    Args:
        config: the incumbent.
        data: with all training examples.
        whole: its scores with all of them, one a seed.
        best: name and gain of the best regularizer; None: nothing helped.
        folder: for trainings and figure.
    """
    settings = config.stages.regularize
    seeds = settings.data_trainings // len(SHARES)
    if not seeds:
        return MoreData(skipped_more_data("stages.regularize.data_trainings is below 5"), {})
    if len(data.train) < FEWEST:
        return MoreData(skipped_more_data(f"{len(data.train)} training examples are too few"), {})
    with folder.progress("learning curve", seeds * len(SHARES)) as advance:
        taken = range(config.seed, config.seed + seeds)
        curve = learning_curve(config, data, whole, taken, advance, folder.checkpoint)
    errors = [errors_of(curve.metric, each) for each in curve.scores]
    resolution = resolution_of(curve.metric, data)
    found = forecast(curve.examples, errors, settings.confidence, resolution)
    if found is None:
        return MoreData(skipped_more_data("too few trainings have a score"), {})
    gained = (found.gain, found.gain_low, found.gain_high)
    name, rival = (None, NOTHING) if best is None else (best[0], _gain(best[1]))
    _draw(curve, errors, found, None if best is None else (best[0], found.now - rival[0]), folder)
    return MoreData(
        check_more_data(gained, rival, name, curve.metric, len(data.train)),
        dict(zip(("more_data_gain", "more_data_gain_low", "more_data_gain_high"), gained,
                 strict=True)),
    )  # fmt: skip


def _gain(found: Comparison) -> Gain:
    return found.difference, found.low, found.high


def _draw(
    curve: Curve,
    errors: list[list[float]],
    found: Forecast,
    best: tuple[str, float] | None,
    folder: RunFolder,
) -> None:
    unit = f"1 - {curve.metric}" if HIGHER_IS_BETTER[curve.metric] else curve.metric
    title = f"Twice the data: {unit} {found.twice:.4f} [{found.low:.4f}, {found.high:.4f}]"
    folder.figure(
        "more_data",
        figures.learning_curve(
            curve.examples, errors, found.sizes, found.band, (found.low, found.twice, found.high),
            best, title, f"validation {unit}",
        ),
    )  # fmt: skip
