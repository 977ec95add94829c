"""Several rungs at once: what each of them gained alone says little of what they gain together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError
from scipy import stats

from recipe.config import Config
from recipe.stages.regularize.race import RATE, Entry, Race, rates_around
from recipe.stages.regularize.rungs import Changes, Rung

SIZES = (2, 3, 4, 5)
"""Rungs in a cocktail. More of them are seldom trained well in the epochs of a single one."""

UNSURE = 0.1
"""Least weight of a rung whose first look was bad: one seed is no proof."""

DRAWS = 20
"""Draws until one is new, before there are taken to be no more."""


@dataclass(frozen=True)
class Mixture:
    """Several rungs together."""

    name: str
    rungs: tuple[Rung, ...]
    config: Config

    @property
    def called(self) -> str:
        """What is in it."""
        return " + ".join(rung.name for rung in self.rungs)


def mixed(incumbent: Config, rungs: Sequence[Rung], name: str) -> Mixture:
    """All of these rungs together, at the incumbent's learning rate.

    Args:
        incumbent: what they change.
        rungs: the most important first. One that sets the same key as those before it, or can't
            be trained with them, is left out.
        name: of the mixture.
    """
    changes: Changes = {}
    config, taken = incumbent, []
    for rung in rungs:
        own = {key: value for key, value in rung.changes.items() if key != RATE}
        if any(_overlap(mine, theirs) for mine in own for theirs in changes):
            continue
        try:
            config = incumbent.replace({**changes, **own})
        except ValidationError:
            continue
        changes |= own
        taken.append(rung)
    return Mixture(name, tuple(taken), config)


def cocktails(race: Race, entries: Sequence[Entry], count: int) -> Iterator[Mixture]:
    """Random mixtures of two rungs or more, at random learning rates; each is another one.

    A rung is drawn by the chance that its first look was a gain and not noise. So all regularizers
    are searched together, as in Kadra et al. 2021 ("Well-tuned simple nets excel on tabular
    datasets"), with few trainings: they searched for days.

    Args:
        race: with its noise floor.
        entries: all rungs that were looked at.
        count: of mixtures; fewer if there are not as many.
    """
    rng = np.random.default_rng(race.look_seed)
    weights = np.array([_chance(entry.look, race.noise) for entry in entries])
    usable = int((weights > 0).sum())
    if usable < min(SIZES):
        return
    rates = rates_around(race.incumbent.train.learning_rate, race.settings.rates)
    seen = [race.incumbent, *(entry.config for entry in entries)]
    for number in range(1, count + 1):
        for _ in range(DRAWS):
            size = min(int(rng.choice(SIZES)), usable)
            drawn = rng.choice(len(entries), size, replace=False, p=weights / weights.sum())
            rungs = [entries[place].rung for place in drawn]
            found = mixed(race.incumbent, rungs, f"cocktail {number}")
            rate = float(rng.choice(rates))
            config = found.config.replace({RATE: rate})
            if len(found.rungs) > 1 and config not in seen and race.can_train(config):
                seen.append(config)
                yield Mixture(found.name, found.rungs, config)
                break
        else:
            return


def _chance(look: float, noise: float) -> float:
    """That a difference of two trainings is a gain, if each varies by `noise` from seed to seed."""
    if not np.isfinite(look):
        return 0.0  # it diverged
    known = float(stats.norm.cdf(look / (np.sqrt(2) * noise))) if noise else 0.5
    return max(known, UNSURE)


def _overlap(mine: str, theirs: str) -> bool:
    """Whether two dotted keys are one, or one is a section that holds the other."""
    return f"{mine}.".startswith(f"{theirs}.") or f"{theirs}.".startswith(f"{mine}.")
