"""The six stages, in the recipe's order. Each is a module with a `run(config, folder)`.

To add a stage, write its module and put a line here: the order is the order of the gates.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """What the runner must know of a stage before it imports it."""

    module: str
    """Imported only when the stage runs: it brings TensorFlow."""

    sections: tuple[str, ...]
    """Config keys that its numbers depend on."""

    inputs: tuple[str, ...] = ()
    """Files of earlier stages that it reads, relative to the run folder."""


_NET = ("seed", "data", "model", "train")

STAGES: dict[str, Stage] = {
    "data": Stage("recipe.stages.data", ("data",)),
    "baseline": Stage("recipe.stages.baseline", _NET),
    "overfit": Stage("recipe.stages.overfit", _NET),
    "regularize": Stage("recipe.stages.regularize", _NET, ("overfit/overfit.yaml",)),
    "tune": Stage("recipe.stages.tune", (*_NET, "search"), ("regularize/regularized.yaml",)),
    "squeeze": Stage("recipe.stages.squeeze", _NET, ("tune/best.yaml",)),
}
