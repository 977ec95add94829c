"""From the dumbest model to the net: is each better than those below it, on the same examples?

Karpathy ("A Recipe for Training Neural Networks", 2019, step 2) trains what can't be got wrong
first. The steps are nested: a linear model is a net without hidden layers, the tiny net a narrow
one. Trees stand beside them, for they are what a table is given to before any net.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recipe.checks import learning
from recipe.compare import ends, resampled
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.runs import figures
from recipe.training import gain, scores
from recipe.training.baselines import NAMES

IGNORANT = ("majority", *NAMES.values())

BELOW = {
    "linear": IGNORANT,
    "trees": IGNORANT,
    "tiny": ("linear",),
    "net": ("tiny", "linear", "trees"),
}
"""Model -> those that it is measured against. The net is against the first two only if there is no
tiny one: it may be a family that can't be shrunk."""

RESAMPLES = 200
"""Of the validation examples, for the noise in a score and in a difference of two."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ladder:
    """The baselines and the net on the whole validation set."""

    rows: list[figures.Score]
    """For the figure: from the dumbest up, with intervals."""

    findings: list[Finding]
    metrics: dict[str, float]
    """`val_<model>_<score>`."""

    said: str
    """In a line."""


def climb(logits: Mapping[str, np.ndarray], data: Dataset, metric: str, loss: str) -> Ladder:
    """Compare each model with those that it should beat (checklist row 2.0).

    Args:
        logits: of every validation example, (examples, outputs), by model, the dumbest first.
        data: whose validation examples these are.
        metric: that decides.
        loss: `train.loss`.
    """
    table = {name: scores(z, data.val.y, data, loss) for name, z in logits.items()}
    drawn = {name: _drawn(z, data, metric, loss) for name, z in logits.items()}
    values = {name: score[metric] for name, score in table.items()}
    intervals = {n: ends(each, len(data.val), CONFIDENCE) for n, each in drawn.items()}

    def gained(name: str, below: str) -> tuple[float, float]:
        pairs = zip(drawn[name], drawn[below], strict=True)
        gains = np.array([gain(metric, new, old) for new, old in pairs])
        return ends(gains, len(data.val), CONFIDENCE)

    def beats(name: str, below: str) -> Finding:
        # a narrow net may fall behind in as many steps, if the one that is meant does not
        is_size = name == "tiny" and gained("net", below)[1] >= 0
        why = "which its size explains: the net is not" if is_size else ""
        interval = gained(name, below)
        return learning.check_beats(name, values[name], below, values[below], metric, interval, why)

    return Ladder(
        rows=[(name, value, *intervals[name]) for name, value in values.items()],
        findings=[beats(*pair) for pair in _pairs(logits)],
        metrics={f"val_{name}_{k}": v for name, score in table.items() for k, v in score.items()},
        said=", ".join(f"{name} {value:.4f}" for name, value in values.items()),
    )


def _pairs(names: Mapping[str, object]) -> list[tuple[str, str]]:
    """Which model is measured against which."""
    found = []
    for name in names:
        below = [each for each in BELOW.get(name, ()) if each in names]
        if name == "net" and "tiny" in names:
            below.remove("linear")
        found += [(name, each) for each in below]
    return found


def _drawn(logits: np.ndarray, data: Dataset, metric: str, loss: str) -> np.ndarray:
    """The score on resampled validation examples: the same ones for every model."""
    y = data.val.y
    return resampled(
        lambda rows: scores(logits[rows], y[rows], data, loss)[metric], len(y), RESAMPLES, seed=0
    )
