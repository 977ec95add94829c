"""How the ladder is climbed: looks, rates, comparisons, and what is to be confirmed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recipe.compare import Comparison
from recipe.config import Config
from recipe.stages.regularize.budget import Budget
from recipe.stages.regularize.cocktail import Mixture, cocktails, mixed
from recipe.stages.regularize.race import RATE, Entry, Race, best_rates, first_looks
from recipe.stages.regularize.rungs import Rung


@dataclass(frozen=True)
class Tried:
    """A rung that was compared."""

    entry: Entry
    found: Comparison


@dataclass(frozen=True)
class Climbed:
    """What was found of all rungs."""

    own: float
    """Score of the incumbent on the one seed of the looks, at the best of as many learning rates
    as a rung has."""

    entries: list[Entry]
    """All that were looked at; those that were compared first."""

    tried: list[Tried]
    """Those that were compared, and the incumbent's own best rate if it is another."""

    @property
    def dropped(self) -> list[Entry]:
        """Those that were looked at and not compared."""
        compared = [each.entry.rung for each in self.tried]
        return [entry for entry in self.entries if entry.rung not in compared]


@dataclass(frozen=True)
class Confirmed:
    """What was put together, against the incumbent on fresh seeds."""

    mixture: Mixture
    found: Comparison
    error: float
    """Standard error of the gain over validation examples."""

    @property
    def wins(self) -> bool:
        """Whether it is better over seeds, and by more than one standard error over examples.

        Within that the simpler model stays (Breiman et al. 1984).
        """
        return self.found.verdict == "better" and self.found.difference > self.error


def climb(race: Race, floor: Sequence[float], ladder: Sequence[Rung], budget: Budget) -> Climbed:
    """A look at each rung, rates for those that look well, and the best of them seed by seed.

    Args:
        race: with its noise floor.
        floor: scores of the incumbent on the seeds of the comparison, (seeds,).
        ladder: the rungs, the most promising first; as many as the budget looks at.
        budget: who comes how far.
    """
    entries = first_looks(race, ladder)
    own = race.at_best_rate(race.incumbent, "incumbent")
    score = race.score(own, "incumbent", race.look_seed)
    best = best_rates(race, entries[: budget.tuned], score)
    tried, reference = [], floor
    if own != race.incumbent:
        retuned, scores = _retuned(race, own, floor)
        tried.append(retuned)
        # a rung has to be better than both: it had the same choice of rates
        reference = scores if retuned.found.difference > 0 else floor
    for entry in best[: budget.compared]:
        scores = race.scores(entry.config, entry.rung.name, race.seeds)
        tried.append(Tried(entry, race.compared(scores, reference)))
    return Climbed(score, [*best, *entries[budget.tuned :]], tried)


def _retuned(race: Race, own: Config, floor: Sequence[float]) -> tuple[Tried, list[float]]:
    """The incumbent at another rate, as if that were a rung."""
    rate = own.train.learning_rate
    rung = Rung(f"learning rate {rate:g}", "3.3", {RATE: rate})
    before = race.score(race.incumbent, "incumbent", race.look_seed)
    entry = Entry(rung, own, race.look(own, rung.name, before))
    scores = race.scores(own, rung.name, race.seeds)
    return Tried(entry, race.compared(scores, floor)), scores


def candidates(race: Race, climbed: Climbed, count: int) -> list[Mixture]:
    """What is to be confirmed.

    Args:
        race: in which the rungs took part.
        climbed: what was found of them.
        count: of cocktails to be trained, each with one seed.

    Returns:
        The combination of all rungs that were better, at the best of a few rates, and the
        cocktail that looks best, if it looks better than the incumbent.
    """
    found = _combination(race, climbed)
    shaken = list(cocktails(race, climbed.entries, count))
    best = max(shaken, key=lambda one: race.look(one.config, one.name, climbed.own), default=None)
    if best is None or race.look(best.config, best.name, climbed.own) <= 0:
        return found
    known = any(best.config == other.config for other in found)
    return found if known else [*found, best]


def _combination(race: Race, climbed: Climbed) -> list[Mixture]:
    better = [each for each in climbed.tried if each.found.verdict == "better"]
    if not better:
        return []
    better.sort(key=lambda each: -each.found.difference)
    first = better[0].entry
    rungs = [each.entry.rung for each in better]
    together = mixed(race.incumbent, rungs, "combination")
    while len(together.rungs) > 1 and not race.can_train(together.config):
        together = mixed(race.incumbent, together.rungs[:-1], "combination")
    if len(together.rungs) == 1:
        return [replace(together, config=first.config)]
    config = together.config.replace({RATE: first.config.train.learning_rate})
    return [replace(together, config=race.at_best_rate(config, together.called))]


def confirmed(race: Race, mixtures: Sequence[Mixture]) -> list[Confirmed]:
    """Each against the incumbent as it was, on seeds by which nothing was chosen."""
    if not mixtures:
        return []
    old = race.scores(race.incumbent, "incumbent", race.fresh)
    found = []
    for one in mixtures:
        new = race.scores(one.config, one.name, race.fresh)
        answer = race.compared(new, old, len(mixtures))
        error = race.error_over_examples(one.config, race.incumbent)
        found.append(Confirmed(one, answer, error))
    return found


def winner(race: Race, sides: Sequence[Confirmed]) -> Confirmed | None:
    """The first that is better than the incumbent, unless one after it is better than that too.

    The combination comes first, for it has a reason for each of its changes. None: nothing is.
    """
    best: Confirmed | None = None
    for side in sides:
        if not side.wins:
            continue
        if best is None or _beats(race, side, best, len(sides)):
            best = side
    return best


def _beats(race: Race, new: Confirmed, old: Confirmed, sides: int) -> bool:
    new_scores, old_scores = (
        race.scores(each.mixture.config, each.mixture.name, race.fresh) for each in (new, old)
    )
    return race.compared(new_scores, old_scores, sides).verdict == "better"
