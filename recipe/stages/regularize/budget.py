"""Where the trainings of `regularize` go: known before the first, so that it can be said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from recipe.config.stages import RegularizeStage


@dataclass(frozen=True)
class Budget:
    """How many rungs come how far.

    Many are looked at with few trainings, and few are compared with many: each round costs about
    as much as the one before (sequential halving: Karnin, Koren and Somekh 2013). Who goes out
    early can only be missed. It never counts as better, so the error rate of those that stay is
    that of a comparison without rounds.
    """

    looked_at: int
    """Rungs that are trained at all: with one seed, at the config's learning rate."""

    tuned: int
    """Of these, tried with other learning rates."""

    compared: int
    """Of these, compared with the incumbent, seed by seed."""

    cocktails: int
    """Mixtures of all rungs."""

    most: int
    """Trainings of all of it."""

    @classmethod
    def of(cls, settings: RegularizeStage, rungs: int) -> Self:
        """The shares of `settings.trainings` for a ladder of so many rungs."""
        seeds, others = settings.seeds, settings.rates - 1
        # the noise floor; the incumbent at a better rate; it, the combination and the cocktail
        # on fresh seeds; rates of the incumbent and of the combination
        fixed = 5 * seeds + 2 * settings.rates
        whole = 1 + others + seeds
        spare = settings.trainings - fixed - whole
        cocktails = spare // 7
        looked_at = min(rungs, 1 + (spare - cocktails) // 3)
        left = spare - cocktails - (looked_at - 1)
        compared = min(looked_at, 1 + 3 * left // 4 // (others + seeds))
        left -= (compared - 1) * (others + seeds)
        tuned = min(looked_at, compared + left // others) if others else compared
        made = fixed + cocktails + looked_at + compared * seeds + tuned * others
        return cls(looked_at, tuned, compared, cocktails, made)

    def __str__(self) -> str:
        return (
            f"at most {self.most} trainings: a first look at {self.looked_at}, rates for "
            f"{self.tuned}, {self.compared} compared, {self.cocktails} cocktails"
        )

    @classmethod
    def needed(cls, settings: RegularizeStage, rungs: int) -> int:
        """Least trainings with which so many rungs are all looked at."""
        trainings = settings.trainings
        while cls.of(settings.model_copy(update={"trainings": trainings}), rungs).looked_at < rungs:
            trainings += 1
        return trainings
