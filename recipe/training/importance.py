"""Which columns of a table a net does without: permutation importance, of columns and of groups.

A column's values are shuffled among the examples, so that it says nothing of them any more, and
the loss is measured again (Breiman 2001, "Random Forests", section 10). Of two columns that say
the same, each alone seems useless; so what is left out together is shuffled together, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recipe.data import Dataset
from recipe.training.evaluate import losses

Answer = Callable[[np.ndarray], np.ndarray]
"""From (examples, *shape), scaled, to logits (examples, outputs)."""

REPEATS = 5
"""Shuffles of each column (scikit-learn's default)."""

MOST_EXAMPLES = 2000
MOST_ANSWERS = 2_000_000
"""Rows that a net answers for one table at most: of wide tables fewer examples are used."""


@dataclass(frozen=True)
class Importance:
    """What it costs to know a column no more."""

    columns: tuple[str, ...]
    rise: np.ndarray
    """(columns,) mean rise of the loss on val: nats, or in the unit of a regression's loss."""

    half: np.ndarray
    """(columns,) half of its confidence interval, over examples."""

    useless: tuple[str, ...]
    """Columns without which, all at once, the loss rises by no more than a standard error."""

    rise_together: float = 0.0
    """Mean rise of the loss with all of these shuffled."""


def importance(
    answer: Answer, data: Dataset, loss: str = "auto", seed: int = 0, confidence: float = 0.95
) -> Importance:
    """Measure it on validation examples.

    Args:
        answer: the trained net's.
        data: a table.
        loss: `train.loss`.
        seed: of the draw and the shuffles.
        confidence: of the intervals, two-sided.
    """
    origin = np.array(data.features.origin)
    columns = tuple(dict.fromkeys(data.features.origin))
    most = MOST_ANSWERS // (REPEATS * 2 * len(columns))
    some = data.val.drawn(max(min(MOST_EXAMPLES, most), 50), seed)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(some)) for _ in range(REPEATS)]
    before = losses(answer(some.x), some.y, data.task, loss)

    def cost(names: Sequence[str]) -> tuple[float, float]:
        """Mean rise and its standard error; the columns are shuffled alike."""
        which = np.flatnonzero(np.isin(origin, names))
        shuffled = np.tile(some.x, (REPEATS, 1, 1))
        for copy, order in zip(shuffled, orders, strict=True):
            copy[:, which] = some.x[order][:, which]
        logits = answer(shuffled.reshape(-1, some.x.shape[1]))
        after = losses(logits, np.concatenate([some.y] * REPEATS), data.task, loss)
        rises = after.reshape(REPEATS, -1).mean(axis=0) - before
        return float(rises.mean()), float(rises.std(ddof=1) / np.sqrt(len(rises)))

    rise, error = (np.array(part) for part in zip(*(cost([c]) for c in columns), strict=True))
    half = stats.t.ppf(0.5 + confidence / 2, len(some) - 1) * error
    useless, together = _without(columns, rise, half, cost)
    return Importance(columns, rise, half, useless, together)


def _without(
    columns: Sequence[str],
    rise: np.ndarray,
    half: np.ndarray,
    cost: Callable[[Sequence[str]], tuple[float, float]],
) -> tuple[tuple[str, ...], float]:
    """As many of the columns whose interval covers 0 as can go at once, the least useful first.

    Together they may cost one standard error (Breiman et al. 1984). Whoever adds columns as long
    as an interval covers 0 ends at its edge, of 88 validation examples at half of the columns.
    """
    order = [int(i) for i in np.argsort(rise, kind="stable") if rise[i] - half[i] <= 0]
    gone: list[str] = []
    together = 0.0
    for place in order[: len(columns) - 1]:
        mean, error = cost([*gone, columns[place]])
        if mean <= error:
            gone.append(columns[place])
            together = mean
    return tuple(gone), together
