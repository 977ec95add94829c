"""The one number that decides every comparison, objective, checkpoint and threshold."""

from __future__ import annotations

from recipe.config import Config, RequestError, Task

HIGHER_IS_BETTER = {"accuracy": True, "r2": True, "loss": False, "skill": True}
"""What can decide. `skill` is the doctor's, for models whose metric nobody knows."""


def deciding_metric(config: Config, task: Task) -> str:
    """`train.metric`, with auto decided: accuracy for classes, r2 for regression.

    Raises:
        RequestError: the metric can't be measured for this task.
    """
    own = "r2" if task is Task.REGRESSION else "accuracy"
    asked = config.train.metric
    if asked not in ("auto", "loss", own):
        raise RequestError(
            f"train.metric: {asked} can't be measured for {task.value}; write auto, {own} or loss"
        )
    return own if asked == "auto" else asked


def gain(name: str, new: float, old: float) -> float:
    """How much better `new` is than `old`: positive is better, whichever way the metric goes."""
    return new - old if HIGHER_IS_BETTER[name] else old - new
