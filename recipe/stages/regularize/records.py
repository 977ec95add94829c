"""What the ladder leaves behind: findings, the winner with its evidence line by line, a figure."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.checks import regularize as checks
from recipe.config.differences import differences, groups_of
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.stages.regularize.climb import Climbed, Confirmed
from recipe.stages.regularize.cocktail import Mixture
from recipe.stages.regularize.race import RATE, Race

NAN = float("nan")


def findings_of(race: Race, climbed: Climbed, sides: Sequence[Confirmed]) -> list[Finding]:
    """A finding for each rung that was compared, one for the others, and what was confirmed."""
    rates = race.settings.rates
    dropped = {entry.rung.name: entry.look for entry in climbed.dropped}
    return [
        *(
            checks.check_rung(
                each.entry.rung.name,
                f"{each.found}, at a learning rate of {each.entry.config.train.learning_rate:g}",
                each.found.difference,
                groups_of(each.entry.rung.changes),
            )
            for each in climbed.tried
        ),
        checks.check_first_look(dropped, rates),
        *(
            checks.check_confirmed(
                each.mixture.called,
                str(each.found),
                each.found.difference,
                each.error,
                len(sides),
            )
            for each in sides
        ),
    ]


def write(race: Race, climbed: Climbed, won: Confirmed | None, folder: RunFolder) -> None:
    """`regularized.yaml`, with what speaks for each line that is changed."""
    if won is None:
        folder.write_config(
            "regularized.yaml", race.incumbent, "from: recipe regularize, keeping nothing"
        )
        return
    mixture = won.mixture
    folder.write_config(
        "regularized.yaml",
        mixture.config,
        f"from: recipe regularize, keeping {mixture.called}\n{mixture.name}: {won.found}, by "
        "which nothing was chosen",
        _notes(race, climbed, mixture),
    )


def _notes(race: Race, climbed: Climbed, mixture: Mixture) -> dict[str, str]:
    """Dotted key -> what speaks for it."""
    said = {each.entry.rung.name: f"{each.entry.rung.name}, alone: {each.found}"
            for each in climbed.tried}  # fmt: skip
    for entry in climbed.dropped:
        said[entry.rung.name] = f"{entry.rung.name}, alone: {entry.look:+.4f} on 1 seed"
    notes = {}
    for key in differences(race.incumbent, mixture.config):
        for rung in mixture.rungs:
            if any(f"{key}.".startswith(f"{changed}.") for changed in rung.changes):
                notes[key] = said[rung.name]
    if mixture.config.train.learning_rate != race.incumbent.train.learning_rate:
        notes.setdefault(RATE, f"the best of {race.settings.rates} that were tried, on 1 seed")
    return notes


def draw(race: Race, climbed: Climbed, sides: Sequence[Confirmed], folder: RunFolder) -> None:
    """The ladder with its intervals, over the noise floor."""
    rows = [
        (each.entry.rung.name, each.found.difference, each.found.low, each.found.high,
         each.found.verdict)
        for each in climbed.tried
    ]  # fmt: skip
    rows += [(entry.rung.name, entry.look, NAN, NAN, "one seed") for entry in climbed.dropped]
    rows += [
        (f"fresh seeds: {each.mixture.name}", each.found.difference, each.found.low,
         each.found.high, each.found.verdict)
        for each in sides
    ]  # fmt: skip
    folder.figure(
        "ladder",
        figures.intervals(
            rows,
            f"One change at a time, {len(race.seeds)} seeds each",
            f"gain in validation {race.metric}, {race.settings.confidence:.0%} interval",
            noise=race.noise,
        ),
    )
