"""The hyperparameter search: its ranges and its budget."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import PositiveInt, model_validator

from recipe.config.fields import Bounds, Choices, IntBounds, Section


class Range(Section):
    """Values of one hyperparameter: exactly one of `log`, `linear`, `int` and `choice`."""

    log: Bounds | None = None
    """[low, high], floats, uniform in the logarithm."""

    linear: Bounds | None = None
    """[low, high], floats, uniform."""

    int: IntBounds | None = None
    """[low, high], whole numbers, both ends included."""

    choice: Choices | None = None
    """A list of values."""

    @model_validator(mode="after")
    def _is_one_range(self) -> Self:
        given = {k: v for k, v in self if v is not None}
        if len(given) != 1:
            got = ", ".join(given) or "none"
            raise ValueError(f"give exactly one of log, linear, int and choice, got {got}")
        (kind, values) = next(iter(given.items()))
        if kind != "choice" and not values[0] < values[1]:
            raise ValueError(f"{kind} needs low < high, got {list(values)}")
        if kind == "log" and values[0] <= 0:
            raise ValueError(f"log needs low > 0, got {list(values)}")
        return self

    @property
    def endpoints(self) -> tuple[Any, ...]:
        """The values to check: both ends, or every choice."""
        return next(value for _, value in self if value is not None)


class SearchConfig(Section):
    """The hyperparameter search of the tune stage."""

    oracle: Literal["random", "bayesian"] = "random"
    """How KerasTuner proposes trials."""

    max_trials: PositiveInt = 12
    """Trials in total; raise it later and the study goes on."""

    epochs: PositiveInt | None = None
    """Epochs of a trial; null: train.epochs."""

    space: dict[str, Range] = {}
    """Dotted config keys and their ranges; empty: a default space for the model's family."""


SEARCHABLE = ("model", "train")
"""Sections a search space may change: the others would change what is measured."""
